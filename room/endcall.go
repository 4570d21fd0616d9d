package room

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// EndCall is the policy of a room whose children are one call each: a call that keeps failing is ended, and the others do
// not notice. Within patience,
//
//	its 1st and 2nd failure   restart it at once
//	3rd, 4th, 5th             restart it after 100, 200, 400 ms; what it is told meanwhile waits in its mailbox
//	6th                       stops it for good, and ended is told, so that what the call holds elsewhere is given back
//
// and when it has not failed for so long, all is forgotten. Restarts of all children are counted together, under the
// path of their parent and "/*": calls come without end.
//
// The policy belongs to one room, whose mailbox guards it: that room calls Due from its own ticks. ended is called there
// too.
func EndCall(r *Restarts, ended func(child *actor.PID)) *Patience {
	return &Patience{restarts: r, ended: ended, now: time.Now, calls: map[*actor.PID]*trouble{}}
}

const (
	patience   = 10 * time.Second
	atOnce     = 2 // failures that cost no time
	tooMany    = 6
	firstPause = 100 * time.Millisecond
	lastPause  = time.Second
)

// Patience is what EndCall knows of the calls that failed lately.
type Patience struct {
	Failed func(child *actor.PID, reason, message any) // told of each failure; nil: nobody asks

	restarts *Restarts
	ended    func(child *actor.PID)
	now      func() time.Time // set once
	calls    map[*actor.PID]*trouble
}

// trouble is what one child had. A child of the same name that comes after it is another one.
type trouble struct {
	failures []time.Time // the last ones, within patience
	due      time.Time   // when it is restarted; zero: it is not waiting for that
	parent   actor.Supervisor
	isOver   bool
}

// HandleFailure hears of each failure.
func (p *Patience) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	t := p.calls[child]
	if t == nil {
		t = &trouble{parent: s}
		p.calls[child] = t
	}
	if p.Failed != nil {
		p.Failed(child, reason, message)
	}
	now := p.now()
	t.forget(now)
	t.failures = append(t.failures, now)
	t.due = time.Time{}
	_, isLeaving := message.(*actor.Stop)
	switch n := len(t.failures); {
	case n > tooMany+1: // it cannot even leave
		p.restarts.report(child, uint64(n-1), "a room that was stopped panicked again and was left alone", reason, message)
	case n == tooMany:
		p.restarts.report(child, uint64(n-1), "a room panicked too often and was stopped for good", reason, message)
		t.isOver = true
		sendAway(s, child, isLeaving)
		p.ended(child)
	case t.isOver, isLeaving:
		p.restarts.noteOneOf(s, child, reason, message)
		sendAway(s, child, isLeaving)
	case n <= atOnce:
		p.restarts.noteOneOf(s, child, reason, message)
		s.RestartChildren(child)
	default:
		p.restarts.noteOneOf(s, child, reason, message)
		t.due = now.Add(min(firstPause<<(n-atOnce-1), lastPause))
	}
}

// sendAway stops a child. One that panicked when it was told to stop would not hear it again: it is made anew first, and
// as it has nothing to put in order yet, it should leave now.
func sendAway(s actor.Supervisor, child *actor.PID, isLeaving bool) {
	if isLeaving {
		s.RestartChildren(child)
	}
	s.StopChildren(child)
}

// Due restarts the children whose pause is over by now, and forgets those without a failure for long enough. A child that
// was stopped meanwhile stays so.
func (p *Patience) Due(now time.Time) {
	var due []*actor.PID
	for child, t := range p.calls {
		switch {
		case !t.due.IsZero() && !now.Before(t.due):
			due = append(due, child)
		case t.due.IsZero() && t.forget(now):
			delete(p.calls, child)
		}
	}
	for _, child := range due { // restarting may take what waits for a child, on this goroutine
		t := p.calls[child]
		t.due = time.Time{}
		if slices.Contains(t.parent.Children(), child) { // the very same, not one of its name
			t.parent.RestartChildren(child)
		} else {
			delete(p.calls, child)
		}
	}
}

// forget drops failures of long ago, and tells whether there are none left.
func (t *trouble) forget(now time.Time) bool {
	t.failures = slices.DeleteFunc(t.failures, func(at time.Time) bool { return now.Sub(at) >= patience })
	return len(t.failures) == 0
}
