package stream

import (
	"errors"
	"io"
	"os"
	"time"
)

// serve is what a connection's reader does once the handshakes are done. heard hears when the sink has been told.
func (c *Conn) serve(heard func()) {
	c.wire.settled = true
	c.watch.last = time.Now()
	_ = c.wire.SetReadDeadline(time.Time{})
	if d, ok := c.receiver().(Driver); ok {
		c.giveTo(d, heard)
		return
	}
	if !c.endpoint.opens(c) {
		return
	}
	c.opened = true
	c.receiver().Opened(c)
	heard()
	c.Close(c.read())
}

// gone is the last that a reader does, and all that it does when it panics.
func (c *Conn) gone() {
	if c.driven.given {
		return // its driver does that
	}
	c.Close(Stopped) // unless it has ended for another reason
	_ = c.wire.Close()
	c.wire.free()
	defer c.endpoint.left(c)
	if c.opened {
		c.receiver().Closed(c, c.why)
	}
}

func (c *Conn) receiver() Sink { return c.endpoint.sinks[c.sink] }

// read reads until the connection ends.
func (c *Conn) read() End {
	if why, ok := c.resume(); !ok {
		return why
	}
	for {
		c.arm()
		b, n, err := c.wire.await()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if why, over := c.overdue(); over {
				return why
			}
			continue
		case err != nil:
			return Broken
		case n == 0:
			b.Release()
			return PeerClosed
		}
		why, ok := End(0), false
		if c.tls == nil {
			why, ok = c.arrived(b, n)
		} else {
			why, ok = c.decrypt(b.buffer()[:n])
			b.Release()
		}
		if !ok {
			return why
		}
	}
}

// resume deals with what the handshakes have read and was not for them.
func (c *Conn) resume() (End, bool) {
	ahead := c.wire.ahead
	switch c.wire.ahead = nil; {
	case c.tls != nil:
		return c.decrypt(ahead)
	case len(ahead) > 0:
		b := newBatch()
		return c.arrived(b, copy(b.buffer(), ahead))
	}
	return 0, true
}

// decrypt deals with what came of TLS records: with those that are whole now. The rest waits in the tls.Conn. What is in several records
// is one batch: records may be as short as a byte, and a batch has a whole buffer.
func (c *Conn) decrypt(in []byte) (End, bool) {
	c.wire.ahead = in
	defer func() { c.wire.ahead = nil }() // an idle connection holds no buffer
	b, replied := newBatch(), false
	for filled := 0; ; {
		n, err := c.tls.Read(b.buffer()[filled:])
		why, ok := c.cut(b, b.buffer()[filled:filled+n], &replied)
		filled += n
		switch {
		case !ok || err != nil:
			if why, ok = c.hand(b, why, ok, replied); !ok {
				return why, false
			}
			return dry(err)
		case filled == readSize:
			if why, ok = c.hand(b, why, ok, replied); !ok {
				return why, false
			}
			b, filled, replied = newBatch(), 0, false
		}
	}
}

// dry is what follows when no more can be decrypted.
func dry(err error) (End, bool) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded): // that was all
		return 0, true
	case errors.Is(err, io.EOF):
		return PeerClosed, false
	}
	return Broken, false
}

// arrived deals with n bytes in the buffer of b, which it gives away.
func (c *Conn) arrived(b *Batch, n int) (End, bool) {
	replied := false
	why, ok := c.cut(b, b.buffer()[:n], &replied)
	return c.hand(b, why, ok, replied)
}

// cut cuts what came, and says what that wants to be said at once.
func (c *Conn) cut(b *Batch, in []byte, replied *bool) (End, bool) {
	k := &c.endpoint.counters
	k.bytesIn.Add(uint64(len(in)))
	reply, why, ok := c.decoder.decode(in, b)
	if len(reply) > 0 {
		*replied = true
		c.reply(reply)
		if ok {
			k.keepAlives.Add(1)
		}
	}
	return why, ok
}

// hand hands over what was cut, and gives the batch away.
func (c *Conn) hand(b *Batch, why End, ok, replied bool) (End, bool) {
	if b.empty() {
		b.Release()
		if !ok && replied {
			c.part()
			c.Close(why)
			c.linger(why)
		}
		c.follow(false)
		return why, ok
	}
	c.endpoint.counters.messagesIn.Add(uint64(len(b.messages)))
	if !ok {
		c.part()
	}
	if !c.receiver().Arrived(c, b) {
		return Stopped, false
	}
	if !ok {
		c.linger(why)
	}
	c.follow(true)
	return why, ok
}

// A connection that ends with an answer stays for it: it is closed when Close was called and the peer has closed its side, or after
// lingerTime. To close it at once, with bytes of the peer's unread, would have the kernel throw away what the peer has not read yet.
const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20 // a peer that goes on writing is not waited for
)

// part has a connection be there for the last answers alone. New requests take another one.
func (c *Conn) part() {
	c.mu.Lock()
	c.parted = true
	c.mu.Unlock()
	c.endpoint.peers.drop(c.peer.key(), c)
}

// linger reads what nobody looks at, until the peer has closed the connection or the time is over. why is what ends it, unless Close tells.
func (c *Conn) linger(why End) {
	if c.driven.given { // Ready does it
		c.driven.lingers, c.driven.lastly = true, why
		c.driven.due.Store(dueAt(time.Now().Add(lingerTime), why))
		return
	}
	_ = c.wire.SetReadDeadline(time.Now().Add(lingerTime))
	for left := lingerBytes; left > 0; {
		b, n, err := c.wire.await()
		if err != nil {
			return
		}
		b.Release()
		if n == 0 {
			return
		}
		left -= n
	}
}
