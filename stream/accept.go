package stream

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// Serve accepts from now on.
func (e *Endpoint) Serve() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed && e.acceptor == nil {
		e.serve()
	}
}

// serve needs the lock. A panic costs the connection that it is about, and the acceptor begins again.
func (e *Endpoint) serve() {
	e.acceptor = loop.Start("accept "+e.cfg.Name, e.accept, func(x loop.Ended) {
		if x.Panic == nil {
			return
		}
		e.panicked(x)
		e.mu.Lock()
		defer e.mu.Unlock()
		if !e.closed {
			e.serve()
		}
	})
}

// pause is between two tries to accept when the kernel has no means for it, file descriptors most of all. What wants to connect
// waits in the kernel.
const pause = 100 * time.Millisecond

// accept accepts until the endpoint is closed.
func (e *Endpoint) accept(stop <-chan struct{}) {
	for short := false; ; {
		t, err := e.listener.AcceptTCP()
		switch {
		case err == nil:
			short = false
			e.admit(t)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if !short {
				e.log.Error("no connection can be accepted for now", "error", err)
			}
			short = true
			select {
			case <-stop:
				return
			case <-time.After(pause):
			}
		}
	}
}

// admit gives a connection to a sink and a reader, or refuses it.
func (e *Endpoint) admit(t *net.TCPConn) {
	p := peer{addr: addrPort(t.RemoteAddr())}
	sink, why, ok := e.place(p.addr.Addr())
	if !ok {
		e.refuse(t, why)
		return
	}
	c := e.conn(t, p, sink, false)
	if c == nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.leave(p.addr.Addr(), sink)
		return
	}
	loop.Start("read "+p.addr.String(), func(<-chan struct{}) {
		defer c.gone()
		if err := c.handshake(); err != nil {
			c.abandon(err)
			return
		}
		c.serve(func() {})
	}, e.ended)
}

// ended hears of readers.
func (e *Endpoint) ended(x loop.Ended) {
	if x.Panic != nil {
		e.panicked(x)
	}
}

// place is the sink for a connection from that address: of those that keep up, the one with the fewest.
func (e *Endpoint) place(from netip.Addr) (sink int, why End, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, Stopped, false
	}
	if e.admission.full() || e.admission.crowded(from) {
		return 0, TooMany, false
	}
	sink = -1
	for i, n := range e.admission.sinks {
		if (sink < 0 || n < e.admission.sinks[sink]) && !e.sinks[i].Pressed() {
			sink = i
		}
	}
	if sink < 0 {
		return 0, Pressure, false
	}
	e.admission.accepted(from, sink)
	return sink, 0, true
}

// refuse closes a connection so that the kernel keeps nothing of it.
func (e *Endpoint) refuse(t *net.TCPConn, why End) {
	e.counters.ends[why].Add(1)
	_ = t.SetLinger(0)
	_ = t.Close()
}
