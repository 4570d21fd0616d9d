package mediasession

import (
	"slices"
	"time"
)

// timerF is how long a request may go unanswered (RFC 3261 §17.1.2.2): after that a call that was to end has ended.
const timerF = 32 * time.Second

// ending is why a dialog's media was given up.
type ending int

const (
	hungUp ending = iota
	failed
	cancelled
	forkLost
	unused
	silent
	faulty
	moved
	numEndings
)

// String is the word of logs and counters.
func (e ending) String() string {
	return [...]string{"bye", "failed", "cancelled", "another answered", "unused", "silent", "session failed", "moved"}[e]
}

// end has a dialog given up at a time, unless it is given up sooner.
func (d *dialog) end(at time.Time, why ending) {
	if d.Ends.IsZero() || at.Before(d.Ends) {
		d.Ends, d.Why = at, why
	}
}

// bye begins the end of a dialog, with the request; its response brings it about (RFC 3261 §15). A request alone proves
// nothing: it may be refused.
func (s *session) bye(c *call, m msg) {
	w, ok := c.find(m)
	if !ok {
		return
	}
	d := w.pass.dialog(w.tag)
	if d == nil {
		if d = w.pass.dialog(""); d == nil {
			return
		}
	}
	switch {
	case m.request:
		d.end(m.now.Add(timerF), hungUp)
	case m.status == 401 || m.status == 407:
		d.Ends, d.Why = time.Time{}, 0 // it is asked to say who it is, and will ask again
	default:
		d.end(m.now.Add(s.Closed), hungUp)
	}
	s.changed = true
}

// cancel begins the end of what is early; the INVITE's 487 brings it about, and a 2xx that crosses it, does not.
func (s *session) cancel(c *call, m msg) {
	w, ok := c.find(m)
	if !ok {
		return
	}
	if len(w.pass.Branches) <= 1 { // otherwise the others ring on; its 487 will tell
		s.endEarly(w.pass, m.now.Add(timerF), cancelled)
	}
}

// failed is a final response of 300 and above: what the request offered is void. Within a dialog nothing else changes
// (RFC 3261 §14.1, RFC 3311 §5.2); to an INVITE outside of one it is the end.
func (s *session) failed(c *call, m msg) {
	w, ok := c.find(m)
	if !ok {
		return
	}
	d := w.pass.dialog(w.tag)
	asker := sender(w.side, m.request)
	isWithin := d != nil && (m.method != "INVITE" || !d.Since.IsZero())
	switch {
	case isWithin:
		if d.Seq[asker] == m.seq && d.Next[asker] != nil {
			d.Next[asker], s.changed = nil, true
		}
		if d.Offer.Asker == asker && d.Offer.Seq == m.seq {
			d.Offer.Answered = true
		}
		return
	case m.method != "INVITE", asker != near, m.seq < w.pass.Seq:
		return
	}
	w.pass.Branches = slices.DeleteFunc(w.pass.Branches, func(b uint64) bool { return b == m.branch })
	if s.changed = true; len(w.pass.Branches) == 0 {
		why := failed
		if m.status == 487 {
			why = cancelled
		}
		s.endEarly(w.pass, m.now.Add(s.Closed), why)
	}
}

// ringing is a provisional response to an INVITE: the far end is there, and may ring for long.
func (s *session) ringing(c *call, m msg) {
	if w, ok := c.find(m); ok {
		for _, d := range w.pass.Dialogs {
			if d.Since.IsZero() {
				d.Changed = m.now
			}
		}
	}
}

// established is a 2xx to an INVITE.
func (s *session) established(c *call, m msg) {
	w, ok := c.find(m)
	if !ok {
		return
	}
	d := w.pass.dialog(w.tag)
	if d == nil || !d.Since.IsZero() {
		return
	}
	d.Since, d.check = m.now, m.now.Add(listen)
	d.Ends, d.Why = time.Time{}, 0
	s.endEarly(w.pass, m.now.Add(timerF), forkLost)
	s.changed = true
}

func (s *session) endEarly(p *pass, at time.Time, why ending) {
	for _, d := range p.Dialogs {
		if d.Since.IsZero() {
			d.end(at, why)
			s.changed = true
		}
	}
}
