//go:build !linux

package leg

import "github.com/actorsip/actorsip/stream"

// Elsewhere each connection has a reader of its own, which waits while the lane is behind.

// drives is what readers have brought.
type drives struct {
	queue chan happened
	over  chan struct{} // closed when the lane takes nothing more
}

// happened is one thing that happened on a connection.
type happened struct {
	intake *Intake
	conn   *stream.Conn
	batch  *stream.Batch // nil: it was opened, or is closed
	closed bool
}

// waiting is how many reads of connections may wait for a lane.
const waiting = 64

func (l *Lane) prepareDrives() {
	l.drives.queue, l.drives.over = make(chan happened, waiting), make(chan struct{})
}

// Opened is part of stream.Sink.
func (i *Intake) Opened(c *stream.Conn) { i.put(happened{intake: i, conn: c}) }

// Arrived is part of stream.Sink.
func (i *Intake) Arrived(c *stream.Conn, b *stream.Batch) bool {
	return i.put(happened{intake: i, conn: c, batch: b})
}

// Closed is part of stream.Sink.
func (i *Intake) Closed(c *stream.Conn, _ stream.End) {
	i.put(happened{intake: i, conn: c, closed: true})
}

func (i *Intake) put(h happened) bool {
	select {
	case i.lane.drives.queue <- h:
		i.lane.wake()
		return true
	case <-i.lane.drives.over:
	case <-h.conn.Done():
	}
	return false
}

// grant takes what readers have brought.
func (l *Lane) grant() {
	for len(l.arrivals.stalled) == 0 {
		select {
		case h := <-l.drives.queue:
			switch {
			case h.batch != nil:
				h.intake.arrived(h.conn, h.batch)
			case h.closed:
				h.intake.closed(h.conn)
			default:
				h.intake.opened(h.conn)
			}
		default:
			return
		}
	}
}

// goOn has nothing to do: readers wait by themselves.
func (l *Lane) goOn(*stream.Conn) {}

// Refuse has the lane take nothing more from connections: who waits to hand something over is told so.
func (l *Lane) Refuse() { close(l.drives.over) }
