package stream

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// Conn is a connection. What it is stays as it is from the start; Send, Flush and Close may be called by anybody, at the same time.
type Conn struct {
	endpoint *Endpoint
	id       ID
	peer     peer
	local    netip.AddrPort
	sink     int
	dialed   bool

	wire    wire
	decoder decoder // the reader's
	opened  bool    // the reader's: the sink knows it
	watch   watch   // the reader's
	driven  driven

	tls *tls.Conn // above the wire; nil without TLS; set by the reader, before anybody writes

	mu     sync.Mutex // guards what follows; why one lock: see wire
	out    *[]byte    // what Send has queued; nil: nothing
	parted bool       // nothing that comes is looked at any more: the connection is there for the last answers alone
	ended  bool
	why    End
	done   chan struct{} // closed when it has ended
}

// flushAt is how many queued bytes are not waited with for Flush: a few datagrams' worth saves most of the system calls.
const flushAt = 32 << 10

// conn makes a connection of what was accepted or dialled, before its handshakes. Nil: the endpoint is closed, and so is c then.
func (e *Endpoint) conn(t *net.TCPConn, p peer, sink int, dialed bool) *Conn {
	_ = t.SetKeepAliveConfig(keepAlive)
	setUserTimeout(t, e.cfg.Limits.Write)
	c := &Conn{endpoint: e, peer: p, sink: sink, dialed: dialed, done: make(chan struct{})}
	c.local = addrPort(t.LocalAddr())
	if c.decoder = newFramer(e.cfg.MaxMessage); e.cfg.Transport.IsWebSocket() {
		c.decoder = newWebSocket(!dialed, e.cfg.MaxMessage)
	}
	if err := c.wire.init(t, e.cfg.Limits, c); err != nil || !e.register(c) {
		_ = t.Close()
		return nil
	}
	return c
}

func addrPort(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// ID names the connection.
func (c *Conn) ID() ID { return c.id }

// Remote is the peer's address.
func (c *Conn) Remote() netip.AddrPort { return c.peer.addr }

// Local is our address.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Sink is the number of the sink that the connection was given to.
func (c *Conn) Sink() int { return c.sink }

// Dialed tells a connection that we have opened from one that the peer has.
func (c *Conn) Dialed() bool { return c.dialed }

// Done is closed when the connection has ended: its sink is told by Closed, when its reader has come to it.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Send queues a message, which it copies; Flush writes it. ErrClosed; ErrFull when too much waits already: that ends the connection, as
// a peer that does not read is of no use.
func (c *Conn) Send(message []byte) error {
	err := c.put(message, c.endpoint.cfg.Transport.IsWebSocket())
	if err == nil {
		c.endpoint.counters.messagesOut.Add(1)
		return nil
	}
	return c.unsent(err)
}

// Flush writes what Send has queued. It does not wait: what the kernel does not take now is written when it does.
func (c *Conn) Flush() { _ = c.unsent(c.write()) }

// reply writes what the decoder wants to be said, as it is.
func (c *Conn) reply(b []byte) {
	if err := c.put(b, false); err != nil {
		_ = c.unsent(err)
		return
	}
	c.Flush()
}

// put is queue, and write is flush. Neither keeps the lock when it panics: Close would wait for ever, and a lane with it.
func (c *Conn) put(b []byte, frame bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue(b, frame)
}

func (c *Conn) write() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flush()
}

// unsent ends a connection that could not be written to.
func (c *Conn) unsent(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrFull):
		c.Close(TooSlow)
		return ErrFull
	}
	c.Close(Broken) // unless it was closed before
	return ErrClosed
}

// queue needs the lock.
func (c *Conn) queue(b []byte, frame bool) error {
	switch {
	case c.ended:
		return ErrClosed
	case c.out != nil && (len(*c.out) >= flushAt || !c.fits(len(b))):
		if err := c.flush(); err != nil {
			return err
		}
	}
	if !c.fits(len(b)) {
		return ErrFull
	}
	if c.out == nil {
		c.out = c.endpoint.buffers.Get().(*[]byte)
	}
	if frame {
		*c.out = appendFrame(*c.out, b, !c.dialed)
	} else {
		*c.out = append(*c.out, b...)
	}
	return nil
}

// fits tells whether n bytes more may wait.
func (c *Conn) fits(n int) bool {
	limit, waiting := c.endpoint.cfg.Limits.Queue, int(c.wire.kept.Load())
	if c.out != nil {
		waiting += len(*c.out)
	}
	return limit == 0 || waiting+n <= limit
}

// flush needs the lock.
func (c *Conn) flush() error {
	if c.out == nil {
		return nil
	}
	b := *c.out
	_, err := c.stream().Write(b)
	c.endpoint.counters.bytesOut.Add(uint64(len(b)))
	if cap(b) <= 2*flushAt {
		*c.out = b[:0]
		c.endpoint.buffers.Put(c.out)
	}
	c.out = nil
	return err
}

func (c *Conn) panicked(x loop.Ended) { c.endpoint.panicked(x) }

// stream is what SIP and WebSocket are written to.
func (c *Conn) stream() net.Conn {
	if c.tls != nil {
		return c.tls
	}
	return &c.wire
}

// Close ends the connection, for the first reason that is told. It does not wait; what was queued is tried once more.
func (c *Conn) Close(why End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	_ = c.flush()
	if c.tls != nil {
		_ = c.tls.CloseWrite()
	}
	c.ended, c.why = true, why
	c.endpoint.forget(c)
	close(c.done)
	if c.parted {
		_ = c.wire.CloseWrite() // the reader waits until the peer has the last answers: see part
	} else {
		_ = c.wire.Close()
	}
}

// keepAlive finds peers that are gone without a word, in two minutes.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}
