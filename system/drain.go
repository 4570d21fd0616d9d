package system

import (
	"net/http"
)

// Drain has this node take nothing new, or again what comes. /readyz says so at once, so that whoever spreads calls over several nodes
// leaves this one out; other nodes of the cluster bring it no media, and it has those of its new calls relayed elsewhere, if another
// node can. What comes all the same is served: a call that is up must not notice.
func (s *System) Drain(on bool) {
	if s.draining.Swap(on) == on {
		return
	}
	if on {
		s.log.Info("this node drains: it is not ready for new calls, and serves what comes")
	} else {
		s.log.Info("this node drains no more")
	}
	if s.nodes != nil {
		s.nodes.drain()
	}
}

// Sessions is how many calls have their media relayed here.
func (s *System) Sessions() int64 {
	if s.media == nil {
		return 0
	}
	return s.media.book.Tally.Sessions.Load()
}

// isReady is what /readyz says.
func (s *System) isReady() bool { return s.ready.Load() && !s.draining.Load() && s.shared.knows() }

// drain tells the others whether this node takes anything new. It is told again whenever the node has joined: the last word is the latest.
func (n *nodes) drain() {
	n.telling.Lock()
	defer n.telling.Unlock()
	if c := n.now.Load(); c != nil {
		c.SetDraining(n.system.draining.Load())
	}
}

// DrainStatus is what POST and DELETE /drain say.
type DrainStatus struct {
	Draining bool  `json:"draining"`
	Sessions int64 `json:"sessions"` // calls whose media are relayed here
}

// drainHandler answers POST /drain, which begins it, DELETE /drain, which ends it, and GET /drain.
func (s *System) drainHandler() http.Handler {
	say := func(w http.ResponseWriter) { reply(w, http.StatusOK, DrainStatus{s.draining.Load(), s.Sessions()}) }
	to := func(on bool) http.HandlerFunc {
		return change(func(w http.ResponseWriter, _ *http.Request) {
			s.Drain(on)
			say(w)
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /drain", func(w http.ResponseWriter, _ *http.Request) { say(w) })
	mux.HandleFunc("POST /drain", to(true))
	mux.HandleFunc("DELETE /drain", to(false))
	return mux
}
