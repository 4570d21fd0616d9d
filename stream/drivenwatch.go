package stream

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/loop"
)

// The times of driven connections are looked at by one goroutine of their endpoint: their drivers set no timers.

// whyBits hold an End.
const whyBits = 4

// dueAt is a time and a reason as one number, so that both are read at once. The time is that of a clock with 16 ns a tick.
func dueAt(at time.Time, why End) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()&^(1<<whyBits-1) | int64(why)
}

// expired tells that a connection has waited too long for something.
func (c *Conn) expired(at int64) bool {
	due, grace := c.driven.due.Load(), c.wire.grace.Load()
	return due != 0 && due < at || grace != 0 && grace < at
}

// expire ends a connection that has waited too long, unless something has come since.
func (c *Conn) expire(at int64) {
	if grace := c.wire.grace.Load(); grace != 0 && grace < at {
		c.Close(TooSlow)
	}
	if due := c.driven.due.Load(); due != 0 && due < at {
		c.Close(End(due & (1<<whyBits - 1)))
		c.wire.shut(unix.SHUT_RDWR) // even if it lingers
	}
}

// The times are looked at this often: a tenth of the shortest, within bounds. All connections are looked at, so it should not be for nothing.
const (
	lookOften = 100 * time.Millisecond
	lookLeast = 500 * time.Millisecond
)

func (l *Limits) lookEvery() time.Duration {
	every := lookLeast
	for _, limit := range []time.Duration{l.Idle, l.Partial, l.Write} {
		if limit > 0 {
			every = min(every, limit/10)
		}
	}
	return max(every, lookOften)
}

// watch has the times looked at. It begins again after a panic.
func (e *Endpoint) watch() {
	e.watcher = loop.Start("watch "+e.cfg.Name, e.look, func(x loop.Ended) {
		if x.Panic == nil {
			return
		}
		e.panicked(x)
		e.mu.Lock()
		defer e.mu.Unlock()
		if !e.closed {
			e.watch()
		}
	})
}

// shares is how many parts the connections are looked at in, one after another: to look at some ten thousand of them at once would keep
// packets waiting for a millisecond.
const shares = 32

// share is which of the parts a connection is in.
func (c *Conn) share() int { return int(c.id % shares) }

// look looks at the times of all driven connections, a share at a time.
func (e *Endpoint) look(stop <-chan struct{}) {
	tick := time.NewTicker(e.cfg.Limits.lookEvery() / shares)
	defer tick.Stop()
	var late []*Conn
	for turn := 0; ; turn = (turn + 1) % shares {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			at := now.UnixNano()
			late = e.late(late[:0], turn, at)
			for _, c := range late {
				c.expire(at)
			}
			clear(late)
		}
	}
}

func (e *Endpoint) late(dst []*Conn, share int, at int64) []*Conn {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.conns[share] {
		if c.expired(at) {
			dst = append(dst, c)
		}
	}
	return dst
}
