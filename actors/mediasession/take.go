package mediasession

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Take is told to the media sessions when a media place that several nodes share has come to this one, with its calls as the journal
// has them. It may be told again.
type Take struct{ Calls map[string][]byte }

// Leave is told to them when the place is another node's, which goes on with the calls.
type Leave struct{}

// take begins to relay, where another node has ended.
func (s *sessions) take(ctx actor.Context, v Take) {
	s.Book.Restore(v.Calls, *s.Config)
	for id, g := range s.Book.pages {
		if s.pids[id] == nil {
			s.spawn(ctx, g)
		}
	}
	s.Book.isAway.Store(false)
	s.Moved()
}

// leave ends all that is relayed here. The journal has what another node needs. Should it fail half-way, it is told again.
func (s *sessions) leave(ctx actor.Context) {
	now := time.Now()
	for id, g := range s.Book.pages {
		(&session{Config: s.Config, desk: &s.desk, page: g}).depart(now)
		s.Book.forget(g)
		if pid := s.pids[id]; pid != nil {
			s.dismiss(id, pid)
			ctx.Stop(pid)
		}
	}
	s.Book.isAway.Store(true)
	s.Moved()
}

// depart is the end of a call's media on this node.
func (s *session) depart(now time.Time) {
	for _, p := range s.page.call.Passes {
		for _, d := range p.Dialogs {
			flows, _ := s.count(p, d)
			d.Why = moved
			s.report(p, d, flows, now)
		}
	}
	s.page.release(s.Engine)
}
