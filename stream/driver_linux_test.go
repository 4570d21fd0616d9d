package stream

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/loop"
)

// driver is a Driver that a test listens by: all that it hears, a sink is told.
type driver struct {
	Sink
	t     testing.TB
	bell  [2]int // a pipe
	turns int    // how often it was woken

	box   *loop.Box[ask]
	conns map[*Conn]*drivenBy
	stop  chan struct{}
	over  sync.WaitGroup
}

// ask is what is asked of a driver from outside.
type ask struct {
	conn  *Conn
	begin bool
	write bool
}

// drivenBy is what a driver knows of a connection.
type drivenBy struct {
	write bool
	kept  []*Batch // that the sink has no place for
}

// drive puts drivers between an endpoint and its sinks, for one test.
func drive(t testing.TB, sinks []Sink) []Sink {
	t.Helper()
	out := make([]Sink, len(sinks))
	for i, s := range sinks {
		d := &driver{Sink: s, t: t, conns: map[*Conn]*drivenBy{}, stop: make(chan struct{})}
		if err := unix.Pipe2(d.bell[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		d.box = loop.NewBox[ask](d.wake)
		d.over.Go(d.run)
		t.Cleanup(func() {
			close(d.stop)
			d.wake()
			d.over.Wait()
			_, _ = unix.Close(d.bell[0]), unix.Close(d.bell[1])
		})
		out[i] = d
	}
	return out
}

func (d *driver) wake() { _, _ = unix.Write(d.bell[1], []byte{1}) }

func (d *driver) Drive(c *Conn) bool { return d.box.Put(ask{conn: c, begin: true}) }

func (d *driver) Arrived(c *Conn, b *Batch) bool {
	x := d.conns[c]
	if d.deaf() || len(x.kept) > 0 {
		x.kept = append(x.kept, b)
		c.Hold()
		return true
	}
	return d.Sink.Arrived(c, b)
}

func (d *driver) deaf() bool {
	e, is := d.Sink.(*ear)
	if !is || e.deaf == nil {
		return false
	}
	select {
	case <-e.deaf:
		return false
	default:
		return true
	}
}

func (d *driver) run() {
	var asks []ask
	for {
		select {
		case <-d.stop:
			for _, a := range d.box.Close() {
				if a.begin {
					a.conn.End()
				}
			}
			for c := range d.conns {
				d.end(c)
			}
			return
		default:
		}
		asks = d.box.Take(asks[:0])
		for _, a := range asks {
			d.asked(a)
		}
		d.wait(d.hearAgain())
	}
}

func (d *driver) asked(a ask) {
	x := d.conns[a.conn]
	switch {
	case a.begin:
		d.conns[a.conn] = &drivenBy{}
		if a.conn.Begin(func(wanted bool) { d.box.Put(ask{conn: a.conn, write: wanted}) }) {
			d.end(a.conn)
		}
	case x != nil:
		x.write = a.write
	}
}

// hearAgain gives the sink what it had no place for, and tells how long to wait for the next try.
func (d *driver) hearAgain() (timeout int) {
	timeout = -1
	for c, x := range d.conns {
		switch {
		case len(x.kept) == 0:
		case d.deaf():
			timeout = 2
		default:
			for _, b := range x.kept {
				d.Sink.Arrived(c, b)
			}
			x.kept = nil
			c.GoOn()
		}
	}
	return timeout
}

func (d *driver) wait(timeout int) {
	polls, conns := []unix.PollFd{{Fd: int32(d.bell[0]), Events: unix.POLLIN}}, []*Conn{nil}
	for c, x := range d.conns {
		p := unix.PollFd{Fd: int32(c.FD())}
		if x.write {
			p.Events |= unix.POLLOUT
		}
		if len(x.kept) == 0 {
			p.Events |= unix.POLLIN
		}
		polls, conns = append(polls, p), append(conns, c)
	}
	if _, err := unix.Poll(polls, timeout); err != nil && err != unix.EINTR {
		d.t.Error(err)
	}
	d.turns++
	if polls[0].Revents != 0 {
		_, _ = unix.Read(d.bell[0], make([]byte, 100))
	}
	for i, c := range conns[1:] {
		d.happened(c, d.conns[c], polls[i+1].Revents)
	}
}

func (d *driver) happened(c *Conn, x *drivenBy, events int16) {
	gone := events&(unix.POLLHUP|unix.POLLERR) != 0
	switch {
	case events&unix.POLLNVAL != 0:
		d.t.Error("a descriptor is waited for that is closed")
	case events&unix.POLLOUT != 0 && c.Drain():
		d.end(c)
	case len(x.kept) > 0 && gone:
		d.end(c)
	case len(x.kept) == 0 && events&^unix.POLLOUT != 0 && c.Ready():
		d.end(c)
	}
}

func (d *driver) end(c *Conn) {
	for _, b := range d.conns[c].kept {
		b.Release()
	}
	delete(d.conns, c)
	c.End()
}
