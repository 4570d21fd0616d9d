package leg

import (
	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/stream"
)

// On Linux a lane drives its connections: it waits for them with its sockets, in the same epoll.

// drives are the connections of a lane, and those that are about to be.
type drives struct {
	box   *loop.Box[wish]
	all   []*drive               // by slot; nil for one that is free
	free  []int32                // slots
	of    map[*stream.Conn]int32 // slots
	taken []wish                 // scratch
}

// drive is one connection that is waited for.
type drive struct {
	conn   *stream.Conn
	fd     int
	events uint32 // that are waited for
}

// wish is what is wanted of the lane from outside: to drive a connection, or to wait until it can be written to.
type wish struct {
	conn     *stream.Conn
	begin    bool
	writable bool
}

// driveEvent marks an event of a connection; its slot is beside it.
const driveEvent = -2

func (l *Lane) prepareDrives() {
	l.drives.box = loop.NewBox[wish](l.wake)
	l.drives.of = map[*stream.Conn]int32{}
}

// Drive is part of stream.Driver.
func (i *Intake) Drive(c *stream.Conn) {
	if !i.lane.drives.box.Put(wish{conn: c, begin: true}) {
		c.End() // the lane is over
	}
}

// Opened is part of stream.Sink.
func (i *Intake) Opened(c *stream.Conn) { i.opened(c) }

// Closed is part of stream.Sink.
func (i *Intake) Closed(c *stream.Conn, _ stream.End) { i.closed(c) }

// Arrived is part of stream.Sink.
func (i *Intake) Arrived(c *stream.Conn, b *stream.Batch) bool {
	if !i.arrived(c, b) {
		i.lane.hold(c)
	}
	return true
}

// grant does what is wished for.
func (l *Lane) grant() {
	d := &l.drives
	d.taken = d.box.Take(d.taken[:0])
	for _, w := range d.taken {
		slot, known := d.of[w.conn]
		switch {
		case w.begin:
			l.begin(w.conn)
		case !known: // it has ended
		case w.writable:
			l.wait(slot, d.all[slot].events|unix.EPOLLOUT)
		default:
			l.wait(slot, d.all[slot].events&^unix.EPOLLOUT)
		}
	}
	clear(d.taken)
}

// begin waits for a connection from now on.
func (l *Lane) begin(c *stream.Conn) {
	d := &l.drives
	slot := int32(len(d.all))
	if n := len(d.free); n > 0 {
		slot, d.free = d.free[n-1], d.free[:n-1]
	} else {
		d.all = append(d.all, nil)
	}
	d.all[slot] = &drive{conn: c, fd: c.FD(), events: unix.EPOLLIN}
	d.of[c] = slot
	if err := l.watchDrive(slot); err != nil {
		l.log.Error("a connection cannot be waited for", "peer", c.Remote(), "error", err)
		c.Close(stream.Stopped)
		l.end(slot)
		return
	}
	if c.Begin(func(wanted bool) { d.box.Put(wish{conn: c, writable: wanted}) }) {
		l.end(slot)
	}
}

func (r *reader) watchDrive(slot int32) error {
	d := r.lane.drives.all[slot]
	e := unix.EpollEvent{Events: d.events, Fd: driveEvent, Pad: slot}
	return unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, d.fd, &e)
}

// wait changes what is waited for.
func (l *Lane) wait(slot int32, events uint32) {
	d := l.drives.all[slot]
	d.events = events
	e := unix.EpollEvent{Events: events, Fd: driveEvent, Pad: slot}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, d.fd, &e); err != nil {
		d.conn.Close(stream.Broken)
	}
}

// hold reads nothing of a connection until goOn: something of it waits for packets.
func (l *Lane) hold(c *stream.Conn) {
	if slot, ok := l.drives.of[c]; ok {
		l.wait(slot, l.drives.all[slot].events&^unix.EPOLLIN)
	}
}

func (l *Lane) goOn(c *stream.Conn) {
	if slot, ok := l.drives.of[c]; ok {
		l.wait(slot, l.drives.all[slot].events|unix.EPOLLIN)
	}
}

// drive deals with an event of a connection.
func (l *Lane) drive(slot int32, events uint32) {
	d := l.drives.all[slot]
	if d == nil {
		return // it has ended within this turn
	}
	if events&unix.EPOLLOUT != 0 {
		d.conn.Drain()
	}
	held := d.events&unix.EPOLLIN == 0
	switch {
	case held && events&(unix.EPOLLHUP|unix.EPOLLERR) == 0:
	case held: // it is over; what came before is not lost, but not waited for with a busy loop either
		l.end(slot)
	case events&^unix.EPOLLOUT != 0 && d.conn.Ready():
		l.end(slot)
	}
}

// end waits for a connection no more.
func (l *Lane) end(slot int32) {
	d := l.drives.all[slot]
	l.drives.all[slot] = nil
	l.drives.free = append(l.drives.free, slot)
	delete(l.drives.of, d.conn)
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, d.fd, nil)
	d.conn.End()
}

// Refuse has the lane end its connections, and take no more. Its loop has ended before.
func (l *Lane) Refuse() {
	for _, w := range l.drives.box.Close() {
		if w.begin {
			w.conn.End()
		}
	}
	for slot, d := range l.drives.all {
		if d != nil {
			l.end(int32(slot))
		}
	}
}
