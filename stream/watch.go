package stream

import "time"

// watch is what a reader knows of its connection's times. The deadline is set when it must be earlier than it is, and corrected when it
// comes: a busy connection sets none.
type watch struct {
	last  time.Time // when something came
	began time.Time // when the message that is not finished began; zero: there is none
	armed time.Time // the deadline; zero: none
}

// follow notes that something came, and whether a message has begun. finished: another was finished with the same bytes, or before
// them. It is called when the sink has taken that: how long it has kept the reader waiting is not the peer's fault.
func (c *Conn) follow(finished bool) {
	w, begun := &c.watch, c.decoder.begun() || c.tls != nil && c.wire.record.begun()
	w.last = time.Now()
	switch {
	case !begun:
		w.began = time.Time{}
	case finished || w.began.IsZero():
		w.began = w.last
	}
	if d := &c.driven; d.given && !d.lingers && !d.held {
		c.driven.due.Store(dueAt(c.due()))
	}
}

// due is when the reader has waited too long, and for what. Zero: never.
func (c *Conn) due() (at time.Time, why End) {
	l, w := &c.endpoint.cfg.Limits, &c.watch
	if l.Idle > 0 {
		at, why = w.last.Add(l.Idle), Idle
	}
	if l.Partial > 0 && !w.began.IsZero() {
		if end := w.began.Add(l.Partial); at.IsZero() || end.Before(at) {
			at, why = end, Unfinished
		}
	}
	return at, why
}

// arm sets the deadline, if it is not set early enough.
func (c *Conn) arm() {
	at, _ := c.due()
	if w := &c.watch; !at.IsZero() && (w.armed.IsZero() || at.Before(w.armed)) {
		w.armed = at
		_ = c.wire.SetReadDeadline(at)
	}
}

// overdue tells, when the deadline has come, whether it still holds.
func (c *Conn) overdue() (why End, over bool) {
	at, why := c.due()
	if over = !at.IsZero() && !time.Now().Before(at); !over {
		c.watch.armed = at
		_ = c.wire.SetReadDeadline(at)
	}
	return why, over
}
