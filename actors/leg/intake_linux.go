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
	held   int    // how many batches of it wait for packets: nothing is read meanwhile
	over   bool   // it ends when none does
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
func (i *Intake) Drive(c *stream.Conn) bool {
	return i.lane.drives.box.Put(wish{conn: c, begin: true})
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
	d.taken = d.box.Take(d.taken) // behind what a turn has left that has failed
	for len(d.taken) > 0 {
		w := d.taken[0]
		d.taken[0] = wish{}
		d.taken = d.taken[1:]
		slot, known := d.of[w.conn]
		switch {
		case w.begin:
			l.begin(w.conn)
		case !known || d.all[slot].over: // it has ended
		case w.writable:
			l.wait(slot, d.all[slot].events|unix.EPOLLOUT)
		default:
			l.wait(slot, d.all[slot].events&^unix.EPOLLOUT)
		}
	}
	d.taken = nil
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
		l.over(slot)
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

// hold reads nothing of a connection until goOn was called as often: a batch of it waits for packets.
func (l *Lane) hold(c *stream.Conn) {
	slot, ok := l.drives.of[c]
	if !ok {
		return
	}
	d := l.drives.all[slot]
	if d.held++; d.held == 1 {
		c.Hold()
		l.wait(slot, d.events&^unix.EPOLLIN)
	}
}

// goOn is told when a batch of the connection has got its packets.
func (l *Lane) goOn(c *stream.Conn) {
	slot, ok := l.drives.of[c]
	if !ok {
		return
	}
	d := l.drives.all[slot]
	if d.held--; d.held > 0 {
		return
	}
	if d.over {
		l.end(slot)
		return
	}
	c.GoOn()
	l.wait(slot, d.events|unix.EPOLLIN)
}

// drive deals with an event of a connection.
func (l *Lane) drive(slot int32, events uint32) {
	d := l.drives.all[slot]
	if d == nil || d.over {
		return // it has ended within this turn
	}
	if events&unix.EPOLLOUT != 0 && d.conn.Drain() {
		l.over(slot)
		return
	}
	gone := events&(unix.EPOLLHUP|unix.EPOLLERR) != 0
	switch {
	case d.held > 0 && gone:
		d.conn.Close(stream.Broken) // unless it was closed before
		l.over(slot)
	case d.held > 0:
	case events&^unix.EPOLLOUT != 0 && d.conn.Ready():
		l.over(slot)
	}
}

// driveReady deals with connections alone, and does not wait for them: what is kept for their peers is written though no packet is left.
func (l *Lane) driveReady() {
	n, err := unix.EpollWait(l.epoll, l.events[:], 0)
	if err != nil {
		return // the next wait tells
	}
	for _, e := range l.events[:n] {
		if e.Fd == driveEvent {
			l.drive(e.Pad, e.Events)
		}
	}
}

// over ends a connection, as soon as all that came of it has got its packets: the answers of a peer that has closed it are worth as
// much as any.
func (l *Lane) over(slot int32) {
	d := l.drives.all[slot]
	if d.held == 0 {
		l.end(slot)
		return
	}
	d.over = true
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, d.fd, nil) // it would be told again and again
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
	for _, i := range l.Intakes {
		if i != nil {
			clear(i.peers) // they have stopped with their legs: nobody is to be told
		}
	}
	for slot, d := range l.drives.all {
		if d != nil {
			l.end(int32(slot))
		}
	}
}
