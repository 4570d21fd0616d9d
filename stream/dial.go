package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/actorsip/actorsip/loop"
)

// dial is a connection that is being made, and who waits for it.
type dial struct {
	endpoint *Endpoint
	peer     peer
	sink     int
	cancel   context.CancelFunc
	waiting  []func(*Conn, error) // the endpoint's lock guards it
}

// Dial makes a connection to a peer, for a sink. With TLS its certificate must be for name, or for the address when there is none.
// Who asks for a connection that is being made gets that one, and so does who asks for one that is open.
//
// done is called once, from another goroutine, with an open connection, or with an error that says why there is none. Its sink knows the
// connection by then; a Driver before anything comes by it. An error of Dial itself, ErrRefused or ErrClosed, says that it was not tried: then done is not called.
func (e *Endpoint) Dial(to netip.AddrPort, name string, sink int, done func(*Conn, error)) error {
	p := e.peer(to, name)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	if d := e.dials[p]; d != nil {
		d.waiting = append(d.waiting, done)
		return nil
	}
	if c := e.To(p.addr, p.name); c != nil {
		loop.Start("open "+p.addr.String(), func(<-chan struct{}) { done(c, nil) }, e.ended)
		return nil
	}
	if e.admission.full() {
		e.counters.ends[TooMany].Add(1)
		return ErrRefused
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &dial{endpoint: e, peer: p, sink: sink, cancel: cancel, waiting: []func(*Conn, error){done}}
	e.dials[p] = d
	e.admission.dialled(sink)
	loop.Start("dial "+p.addr.String(), func(<-chan struct{}) { d.run(ctx) }, e.ended)
	return nil
}

// run connects, and is the connection's reader then.
func (d *dial) run(ctx context.Context) {
	defer d.cancel()
	defer d.settle(nil, ErrClosed) // who would wait after a panic; nobody otherwise
	t, err := d.connect(ctx)
	if err != nil {
		d.fail(NotReached)
		d.settle(nil, err)
		return
	}
	c := d.endpoint.conn(t, d.peer, d.sink, true)
	if c == nil {
		d.fail(Stopped)
		return
	}
	defer c.gone()
	if err := c.handshake(); err != nil {
		d.settle(nil, err)
		c.abandon(err)
		return
	}
	c.serve(func() { d.settle(c, nil) })
}

// connect has the connection come from where the leg listens: peers know the leg by that address.
func (d *dial) connect(ctx context.Context) (*net.TCPConn, error) {
	e, l := d.endpoint, &d.endpoint.cfg.Limits
	if l.Connect > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.Connect)
		defer cancel()
	}
	dialer, from := net.Dialer{KeepAlive: -1, Control: beforeBind}, netip.AddrPort{}
	if a := e.addr.Addr(); !a.IsUnspecified() {
		from = netip.AddrPortFrom(a, 0)
	}
	t, err := dialer.DialTCP(ctx, network(d.peer.addr), from, d.peer.addr)
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s cannot be connected to within %s: %w", d.peer.addr, l.Connect, err)
	}
	return nil, fmt.Errorf("%s cannot be connected to: %w", d.peer.addr, err)
}

// fail takes back what was counted for a connection that there never was.
func (d *dial) fail(why End) {
	e := d.endpoint
	e.counters.ends[why].Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leave(netip.Addr{}, d.sink)
}

// settle tells all who wait. The next who asks begins anew, or finds the open connection.
func (d *dial) settle(c *Conn, err error) {
	e := d.endpoint
	e.mu.Lock()
	if e.dials[d.peer] == d {
		delete(e.dials, d.peer)
	}
	waiting := d.waiting
	d.waiting = nil
	e.mu.Unlock()
	tell(waiting, c, err)
}

// tell calls all, even when one panics.
func tell(waiting []func(*Conn, error), c *Conn, err error) {
	if len(waiting) == 0 {
		return
	}
	defer tell(waiting[1:], c, err)
	waiting[0](c, err)
}
