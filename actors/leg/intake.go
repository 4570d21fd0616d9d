package leg

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/telemetry"
)

// Intake is where the connections of one leg that one lane has come in: a stream.Sink. What it hears, it hears on the lane's
// goroutine, but for Pressed.
type Intake struct {
	Leg  *message.Leg // set once, when every leg is bound
	lane *Lane

	peers map[*stream.Conn]*actor.PID // the actors of the connections
}

// arrivals is what a lane knows of its connections, beside what waits for them.
type arrivals struct {
	pressed atomic.Bool    // for who accepts connections: the lane is behind
	stalled []stalled      // batches that there are no packets for
	written []*stream.Conn // with something to be flushed
}

// stalled is a batch of which something is left.
type stalled struct {
	intake *Intake
	conn   *stream.Conn
	batch  *stream.Batch
}

// NewIntake makes the intake of a leg; the lane that it is given to makes it its own.
func NewIntake() *Intake { return &Intake{peers: map[*stream.Conn]*actor.PID{}} }

// Pressed is part of stream.Sink.
func (i *Intake) Pressed() bool { return i.lane.arrivals.pressed.Load() }

// opened makes a connection's actor.
func (i *Intake) opened(c *stream.Conn) {
	leg := i.lane.legs[i.Leg.Index]
	i.peers[c] = actor.NewPID(leg.Address, leg.Id+"/"+peerName(c))
	i.lane.tell.Send(leg, opened{c})
}

// closed ends a connection's actor.
func (i *Intake) closed(c *stream.Conn) {
	if peer := i.peers[c]; peer != nil {
		delete(i.peers, c)
		i.lane.tell.Send(peer, closed{})
	}
}

// arrived tells the messages of a batch to their peer. It is false when there are not enough packets: what is left waits, behind all
// that waits already, until packets come back.
func (i *Intake) arrived(c *stream.Conn, b *stream.Batch) bool {
	a := &i.lane.arrivals
	if len(a.stalled) == 0 && i.receive(c, b) {
		return true
	}
	a.stalled = append(a.stalled, stalled{i, c, b})
	a.pressed.Store(true)
	return false
}

// receive is false when there are no more packets.
func (i *Intake) receive(c *stream.Conn, b *stream.Batch) bool {
	l := i.lane
	peer := i.peers[c]
	if peer == nil { // the connection has ended while it waited for packets
		b.Release()
		return true
	}
	l.Pool.Clock = telemetry.Now()
	for {
		p := l.spare()
		if p == nil {
			return false
		}
		m, ok := b.Next()
		if !ok {
			p.Free()
			b.Release()
			return true
		}
		n := copy(p.In[:cap(p.In)], m.Bytes)
		p.In, p.Cut, p.Fault = p.In[:n], n < len(m.Bytes), m.Fault
		p.Source, p.Ingress = c.Remote(), i.Leg
		p.IngressFlow, p.Accepted = c.ID(), !c.Dialed()
		p.Home, p.Inbox = l.legs[i.Leg.Index], l.Inbox
		p.Pressed = l.pressed >= pressure || len(l.arrivals.stalled) > 1
		l.tell.Send(peer, received{p})
	}
}

// resume takes up again what waits for packets, now that some may be back, in the order in which it has come. Each is taken out when it
// is done with: a panic leaves the rest where it is.
func (l *Lane) resume() {
	a := &l.arrivals
	for len(a.stalled) > 0 {
		s := a.stalled[0]
		if !s.intake.receive(s.conn, s.batch) {
			return
		}
		a.stalled[0] = stalled{}
		a.stalled = a.stalled[1:]
		l.goOn(s.conn)
	}
	a.stalled = nil
	a.pressed.Store(l.pressed >= pressure)
}

// spare is a packet for a message that has come by a connection; nil when all are in use.
func (l *Lane) spare() *message.Packet {
	if p := l.Pool.Take(); p != nil {
		return p
	}
	if p := l.yield(); p != nil {
		return p
	}
	l.flush() // what waits to be written is done with
	return l.Pool.Take()
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
