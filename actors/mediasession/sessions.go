package mediasession

import (
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/room"
)

// sessions has a session for each call that has media.
type sessions struct {
	*Config
	policy *room.Patience
	desk   desk
	clock  *loop.Handle

	pids  map[string]*actor.PID // by Call-ID
	pages map[string]*page      // by the PID's id
	turns [turns]map[string]*actor.PID
	turn  int
}

// A session hears a tick each second; the sessions take turns.
const (
	second = time.Second
	turns  = 10
)

// waiting is how many packets may wait for a session that is busy, or about to be restarted.
const waiting = 16

// New makes the room of all sessions, and the policy for when one of them fails.
func New(cfg Config) (actor.Producer, room.Policy) {
	config := &cfg
	var current *sessions
	policy := room.EndCall(cfg.Restarts, func(child *actor.PID) { current.ended(child) })
	policy.Failed = func(child *actor.PID, reason, message any) { current.failed(child, reason, message) }
	return func() actor.Actor {
		current = &sessions{Config: config, policy: policy, pids: map[string]*actor.PID{}, pages: map[string]*page{}}
		for i := range current.turns {
			current.turns[i] = map[string]*actor.PID{}
		}
		return current
	}, policy
}

// Receive is the mailbox of the media sessions.
func (s *sessions) Receive(ctx actor.Context) {
	switch v := ctx.Message().(type) {
	case *actor.Started:
		for _, g := range s.Book.pages {
			s.spawn(ctx, g)
		}
		s.start(ctx)
	case message.Anchor:
		s.anchor(ctx, v)
	case tick:
		s.tick(ctx, v)
	case over:
		s.over(ctx, v.page)
	case Take:
		s.take(ctx, v)
	case Leave:
		s.leave(ctx)
	case loop.Ended:
		panic(v.Err()) // a room without a clock is begun anew
	case *actor.Stopping, *actor.Restarting:
		if s.clock != nil {
			s.clock.Quit() // this may be its own goroutine
		}
	}
}

// start starts the clock.
func (s *sessions) start(ctx actor.Context) {
	self, tell := ctx.Self(), ctx.ActorSystem().Root
	s.clock = loop.Start(self.Id, func(stop <-chan struct{}) {
		t := time.NewTicker(second / turns)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case now := <-t.C:
				tell.Send(self, tick{now})
			}
		}
	}, func(e loop.Ended) {
		if e.Panic != nil {
			tell.Send(self, e)
		}
	})
}

// anchor hands a packet to its call's session. A packet that does not begin anything has none to go to, and goes on.
func (s *sessions) anchor(ctx actor.Context, v message.Anchor) {
	id := v.CallID()
	pid := s.pids[string(id)]
	if pid == nil {
		if !begins(v.Packet) {
			s.desk.conceal(s.Config, v.Packet)
			v.Return(message.AtAnchor, message.Pass(v.Then, message.Send(v)))
			return
		}
		if isAway := s.Book.Away(); isAway || s.MaxSessions > 0 && len(s.pids) >= s.MaxSessions {
			why := message.TooManySessions
			if isAway {
				why = message.NoPorts // the media have left this node while the packet was on its way
			}
			s.Book.Tally.Refused.Add(1)
			v.SetExtra(append(v.Extra(), retryAfter...))
			v.Return(message.AtAnchor, message.Answer(why))
			return
		}
		g := &page{call: &call{ID: string(id)}, trace: s.Tracer.Parent(&v.Trace, v.Packet)}
		s.Book.open(g)
		pid = s.spawn(ctx, g)
	}
	ctx.Send(pid, v)
}

// begins tells whether a packet may be the first one of a call: it carries a session description.
func begins(p *message.Packet) bool {
	_, method := p.CSeq()
	if m := string(method); m == "BYE" || m == "CANCEL" || m == "OPTIONS" || !p.IsRequest() && p.Message.Status() >= 300 {
		return false
	}
	_, ok := p.SDP()
	return ok
}

func (s *sessions) spawn(ctx actor.Context, g *page) *actor.PID {
	s.Book.spawned++
	name := strconv.FormatUint(shard(g.call.ID), 36) + "-" + strconv.FormatUint(s.Book.spawned, 36)
	pid, err := ctx.SpawnNamed(room.Props(newSession(s.Config, &s.desk, g), waiting, nil, s.Chaos), name)
	if err != nil {
		panic(err) // names do not repeat
	}
	s.pids[g.call.ID], s.pages[pid.Id] = pid, g
	s.turns[s.Book.spawned%turns][pid.Id] = pid
	return pid
}

func (s *sessions) tick(ctx actor.Context, t tick) {
	s.policy.Due(t.now)
	s.turn = (s.turn + 1) % turns
	for _, pid := range s.turns[s.turn] {
		ctx.Send(pid, t)
	}
}

// over is the end of a call.
func (s *sessions) over(ctx actor.Context, g *page) {
	pid := s.pids[g.call.ID]
	if pid == nil || s.pages[pid.Id] != g || len(g.call.Passes) > 0 { // it may have begun again meanwhile
		return
	}
	s.forget(g, pid)
	ctx.Stop(pid)
}

// ended is the end of a session that kept failing: its call's relays end with it.
func (s *sessions) ended(pid *actor.PID) {
	g := s.pages[pid.Id]
	if g == nil {
		return
	}
	s.Log.Error("a call's media was given up: its session keeps failing", "call", g.call.ID)
	for _, p := range g.call.Passes {
		s.Book.Tally.Ended[faulty].Add(uint64(len(p.Dialogs)))
	}
	g.release(s.Engine)
	s.forget(g, pid)
}

func (s *sessions) forget(g *page, pid *actor.PID) {
	s.dismiss(g.call.ID, pid)
	s.Book.strike(g)
}

// dismiss knows a session no more.
func (s *sessions) dismiss(id string, pid *actor.PID) {
	delete(s.pids, id)
	delete(s.pages, pid.Id)
	for _, t := range s.turns {
		delete(t, pid.Id)
	}
}
