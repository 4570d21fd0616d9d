package stream

import (
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// driven is what a connection is that no goroutine reads: see Driver.
type driven struct {
	given     bool // set once
	lingers   bool // the driver's: what comes is not looked at any more
	discarded int  // the driver's: how much of that there was

	due atomic.Int64 // when the connection has waited too long, with why in the lowest bits; 0: never
}

// whyBits hold an End.
const whyBits = 4

// dueAt is a time and a reason as one number, so that both are read at once. The time is that of a clock with 16 ns a tick.
func dueAt(at time.Time, why End) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()&^(1<<whyBits-1) | int64(why)
}

var errDetached = errors.New("the connection cannot be taken from the runtime")

// giveTo takes the connection from the runtime's own poller and gives it to its driver.
func (c *Conn) giveTo(d Driver, heard func()) {
	if err := c.wire.detach(); err != nil {
		c.endpoint.log.Debug("a connection cannot be driven", "peer", c.peer.addr, "error", err)
		c.Close(Pressure)
		return
	}
	if !c.endpoint.opens(c) {
		return
	}
	c.opened, c.driven.given = true, true
	c.driven.due.Store(dueAt(c.due()))
	d.Drive(c)
	heard()
}

// detach makes the descriptor ours: the runtime's poller would be woken by each thing that comes, and wake goroutines for nothing.
func (w *wire) detach() error {
	fd, err := -1, error(nil)
	if e := w.raw.Control(func(s uintptr) { fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.draining {
		_ = unix.Close(fd)
		return errDetached
	}
	w.fd = fd
	w.writable = func(bool) {}
	return w.TCPConn.Close() // it lives on by our descriptor
}

// shut has what is waited for on our descriptor come to its end. False: it is not ours.
func (w *wire) shut(how int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd < 0 {
		return false
	}
	_ = unix.Shutdown(w.fd, how)
	return true
}

// free closes our descriptor. Nobody writes any more.
func (w *wire) free() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.fd >= 0 {
		_ = unix.Close(w.fd)
		w.fd = -1
	}
}

// FD is the descriptor that a driver waits for, until End.
func (c *Conn) FD() int { return c.wire.fd }

// Begin is the driver's first call: its Opened hears of the connection, and what came with the handshakes is handed over. writable is
// called from any goroutine when the driver must call Drain once the descriptor can be written to, and when it need not any more. over:
// see Ready.
func (c *Conn) Begin(writable func(wanted bool)) (over bool) {
	c.wire.mu.Lock()
	c.wire.writable = writable
	wanted := c.wire.draining
	c.wire.mu.Unlock()
	if wanted {
		writable(true)
	}
	c.receiver().Opened(c)
	return c.follows(c.resume())
}

// Ready reads what there is, once. It is over when the driver is to wait no more, and call End.
func (c *Conn) Ready() (over bool) {
	select {
	case <-c.done:
		if !c.driven.lingers {
			return true
		}
	default:
	}
	b := newBatch()
	n, err := sysRead(c.wire.fd, b.buffer())
	switch {
	case err == unix.EAGAIN:
		b.Release()
		return false
	case err != nil:
		b.Release()
		c.Close(Broken)
		return true
	case n == 0:
		b.Release()
		c.Close(PeerClosed)
		return true
	case c.driven.lingers:
		b.Release()
		c.driven.discarded += n
		return c.driven.discarded > lingerBytes
	case c.tls == nil:
		return c.follows(c.arrived(b, n))
	}
	defer b.Release()
	return c.follows(c.decrypt(b.buffer()[:n]))
}

// follows is what follows from what came.
func (c *Conn) follows(why End, ok bool) (over bool) {
	if ok || c.driven.lingers {
		return false
	}
	c.Close(why)
	return true
}

// Drain writes what is kept, now that the kernel takes more.
func (c *Conn) Drain() {
	w := &c.wire
	w.drainNow(uintptr(w.fd))
	w.mu.Lock()
	broken := w.broken
	w.mu.Unlock()
	if broken {
		c.Close(Broken)
	}
}

// End is the driver's last call: the descriptor is closed, and Closed told.
func (c *Conn) End() {
	c.Close(Stopped) // unless it has ended for another reason
	c.wire.free()
	c.receiver().Closed(c, c.why)
	c.endpoint.left(c)
}

// expire ends a connection that has waited too long.
func (c *Conn) expire(now time.Time) {
	at := now.UnixNano()
	due := c.driven.due.Load()
	if grace := c.wire.grace.Load(); grace != 0 && grace < at {
		c.Close(TooSlow)
	}
	if due != 0 && due < at {
		c.Close(End(due & (1<<whyBits - 1)))
		c.wire.shut(unix.SHUT_RDWR) // even if it lingers
	}
}

// lookEvery is how often the times of driven connections are looked at.
const lookEvery = 100 * time.Millisecond

// look looks at the times of all driven connections.
func (e *Endpoint) look(stop <-chan struct{}) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var late []*Conn
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			at := now.UnixNano()
			e.mu.Lock()
			for c := range e.conns {
				due, grace := c.driven.due.Load(), c.wire.grace.Load()
				if due != 0 && due < at || grace != 0 && grace < at {
					late = append(late, c)
				}
			}
			e.mu.Unlock()
			for _, c := range late {
				c.expire(now)
			}
			clear(late)
			late = late[:0]
		}
	}
}
