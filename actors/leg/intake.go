package leg

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/telemetry"
)

// Intake is where the connections of one leg that one lane reads come in. It is a stream.Sink: readers, each on a
// goroutine of its own, put there what has happened, and wait while the lane is behind.
type Intake struct {
	Leg  *message.Leg // set once, when every leg is bound
	lane *Lane

	peers map[*stream.Conn]*actor.PID // the lane's goroutine's
}

// happened is one thing that happened on a connection.
type happened struct {
	intake *Intake
	conn   *stream.Conn
	batch  *stream.Batch // nil: it was opened, or is closed
	closed bool
}

// arrivals is what waits in a lane for its goroutine.
type arrivals struct {
	queue   chan happened
	rung    atomic.Bool   // the lane was woken for what is in the queue
	over    chan struct{} // closed when the lane reads no more
	pressed atomic.Bool   // for readers: the lane is behind
	pending happened      // begun, and waits for packets
	written []*stream.Conn
}

// waiting is how many reads of connections may wait for a lane: each is some messages, and its reader reads on meanwhile.
const waiting = 64

// atOnce is how many things that have happened a lane takes before it looks at its sockets again.
const atOnce = 16

// NewIntake makes the intake of a leg; the lane that it is given to takes from it.
func NewIntake() *Intake { return &Intake{peers: map[*stream.Conn]*actor.PID{}} }

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

// Pressed is part of stream.Sink.
func (i *Intake) Pressed() bool { return i.lane.arrivals.pressed.Load() }

// put is false when the lane is over.
func (i *Intake) put(h happened) bool {
	a := &i.lane.arrivals
	select {
	case a.queue <- h:
		if a.rung.CompareAndSwap(false, true) {
			i.lane.wake()
		}
		return true
	case <-a.over:
		return false
	}
}

// admit takes what has come by connections, as far as there are packets for it.
func (l *Lane) admit() {
	a := &l.arrivals
	a.rung.Store(false)
	for range atOnce {
		if a.pending.batch != nil && !l.admitBatch() {
			return
		}
		select {
		case h := <-a.queue:
			l.admitOne(h)
		default:
			a.pressed.Store(false)
			return
		}
	}
	if a.rung.CompareAndSwap(false, true) { // the sockets have their turn first
		l.wake()
	}
}

func (l *Lane) admitOne(h happened) {
	switch i := h.intake; {
	case h.batch != nil:
		l.Pool.Clock = telemetry.Now()
		l.arrivals.pending = h
	case h.closed:
		if peer := i.peers[h.conn]; peer != nil {
			l.tell.Send(peer, closed{})
			delete(i.peers, h.conn)
		}
	default:
		leg := l.legs[i.Leg.Index]
		i.peers[h.conn] = actor.NewPID(leg.Address, leg.Id+"/"+peerName(h.conn))
		l.tell.Send(leg, opened{h.conn})
	}
}

// admitBatch tells the messages of the pending batch to their peer. It is false when the packets have run out: what is
// left waits until some come back.
func (l *Lane) admitBatch() bool {
	h := &l.arrivals.pending
	for {
		p := l.spare()
		if p == nil {
			l.arrivals.pressed.Store(true)
			return false
		}
		m, ok := h.batch.Next()
		if !ok {
			p.Free()
			h.batch.Release()
			*h = happened{}
			return true
		}
		n := copy(p.In[:cap(p.In)], m.Bytes)
		p.In, p.Cut, p.Fault = p.In[:n], n < len(m.Bytes), m.Fault
		p.Source, p.Ingress = h.conn.Remote(), h.intake.Leg
		p.IngressFlow, p.Accepted = h.conn.ID(), !h.conn.Dialed()
		p.Home, p.Inbox = l.legs[h.intake.Leg.Index], l.Inbox
		p.Pressed = len(l.arrivals.queue) == cap(l.arrivals.queue)
		l.tell.Send(h.intake.peers[h.conn], received{p})
	}
}

// written has the lane write what was queued on a connection when it has done what it has in hand.
func (l *leg) written(c *stream.Conn) {
	a := &l.intake.lane.arrivals
	l.intake.lane.Pool.Counts.Written.Add(1)
	if n := len(a.written); n == 0 || a.written[n-1] != c {
		a.written = append(a.written, c)
	}
}

// flush writes what is queued on connections.
func (a *arrivals) flush() {
	for i, c := range a.written {
		c.Flush()
		a.written[i] = nil
	}
	a.written = a.written[:0]
}
