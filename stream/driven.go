package stream

import (
	"errors"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/loop"
)

// driven is what a connection is that no goroutine reads: see Driver.
type driven struct {
	given     bool // set once
	held      bool // the driver's: see Hold
	lingers   bool // the driver's: what comes is not looked at any more
	lastly    End  // the driver's: why it lingers
	discarded int  // the driver's: how much of that there was

	due atomic.Int64 // when the connection has waited too long, with why in the lowest bits; 0: never
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
	if !d.Drive(c) { // it has heard of nothing, and is over itself
		defer c.endpoint.left(c)
		c.Close(Stopped)
		c.wire.free()
		return
	}
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
// called from any goroutine when the driver must call Drain once the descriptor can be written to, and when it need not any more; it must
// not wait, nor call the connection. over: see Ready.
func (c *Conn) Begin(writable func(wanted bool)) (over bool) {
	defer c.saved(&over)
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

// saved has a panic cost one connection, and its driver nothing.
func (c *Conn) saved(over *bool) {
	if x := recover(); x != nil {
		c.Close(Stopped)
		c.panicked(loop.Ended{Name: "drive " + c.peer.addr.String(), Panic: x, Stack: debug.Stack()})
		*over = true
	}
}

// Ready reads what there is, once. It is over when the driver is to wait no more, and call End.
func (c *Conn) Ready() (over bool) {
	defer c.saved(&over)
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
		return c.ends(Broken)
	case n == 0:
		b.Release()
		return c.ends(PeerClosed)
	case c.driven.lingers:
		b.Release()
		c.driven.discarded += n
		return c.driven.discarded > lingerBytes && c.ends(BadFrame)
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
	return c.ends(why)
}

// ends is true. One that lingers ends for what it lingers for.
func (c *Conn) ends(why End) bool {
	if c.driven.lingers {
		why = c.driven.lastly
	}
	c.Close(why)
	return true
}

// Hold has no time pass for the peer while its driver keeps what there is no place for, and calls Ready no more.
func (c *Conn) Hold() {
	c.driven.held = true
	c.driven.due.Store(0)
}

// GoOn has time pass again.
func (c *Conn) GoOn() {
	c.driven.held = false
	c.follow(true)
}

// Drain writes what is kept, now that the kernel takes more. It is over when that has failed badly: see Ready.
func (c *Conn) Drain() (over bool) {
	defer c.saved(&over)
	w := &c.wire
	w.drainNow(uintptr(w.fd))
	w.mu.Lock()
	broken := w.broken
	w.mu.Unlock()
	return broken && c.ends(Broken)
}

// End is the driver's last call: the descriptor is closed, and Closed told.
func (c *Conn) End() {
	var over bool
	defer c.endpoint.left(c)
	defer c.saved(&over)
	c.Close(Stopped) // unless it has ended for another reason
	c.wire.free()
	c.receiver().Closed(c, c.why)
}
