package leg

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/telemetry"
)

// Lane reads the sockets of one lane, one for each leg of datagrams, takes what its share of the connections brings, and runs its
// rooms: what it reads, it tells to the leg, and the rooms behind it run to completion on the lane's goroutine before the next
// datagram is looked at. What they produced is written when all that was read is done.
//
// The lane owns its sockets and packets. Its rooms may fail and be restarted; they find both as they were.
type Lane struct {
	Sockets []*Socket // by leg; nil for one of connections
	Intakes []*Intake // by leg; nil for one of datagrams
	Pool    *message.Pool
	Inbox   *message.Inbox

	log       *slog.Logger
	tell      actor.SenderContext
	legs      []*actor.PID // by leg
	router    *actor.PID
	stopping  atomic.Bool
	back      []*message.Packet // scratch
	emissions chan emission
	steering  *Steering // nil for a lane alone
	pressed   int       // how often in a row a read came back full
	arrivals  arrivals
	drives    drives
	reader
}

// pressure is how many reads in a row come back full before new calls are refused: the lane has then been behind for
// some two thousand datagrams.
const pressure = 64

// drain is how long a lane that stops waits for names that its packets wait for.
const drain = 3 * time.Second

// NewLane makes a lane over bound sockets and the intakes of the other legs. Once it is wired, Run runs it.
func NewLane(sockets []*Socket, intakes []*Intake, pool *message.Pool, log *slog.Logger) (*Lane, error) {
	l := &Lane{Sockets: sockets, Intakes: intakes, Pool: pool, log: log, emissions: make(chan emission, mostEmissions)}
	for _, i := range intakes {
		if i != nil {
			i.lane = l
		}
	}
	if err := l.prepare(l); err != nil {
		return nil, err
	}
	if err := l.open(); err != nil {
		l.dispose()
		return nil, err
	}
	l.Inbox = message.NewInbox(l.wake)
	l.prepareDrives()
	return l, nil
}

// Wire tells the lane whom it tells: its legs' actors, in the order of its sockets, and its router.
func (l *Lane) Wire(tell actor.SenderContext, legs []*actor.PID, router *actor.PID) {
	l.tell, l.legs, l.router = tell, legs, router
}

// Run is the lane's loop, until stop is closed. A socket that fails ends it with a panic: its owner opens it again.
func (l *Lane) Run(stop <-chan struct{}) {
	for !l.stopping.Load() {
		l.turn()
	}
	<-stop
	l.finish()
}

// Leave has Run come to its end. Call it before the loop's Stop.
func (l *Lane) Leave() {
	l.stopping.Store(true)
	l.wake()
}

// Stay takes Leave back: the loop has ended, and another is to be run.
func (l *Lane) Stay() { l.stopping.Store(false) }

// finish reads no more, and waits for what is in hand: packets that wait for a name.
func (l *Lane) finish() {
	for deadline := time.Now().Add(drain); l.Pool.InUse() > l.inHand() && time.Now().Before(deadline); {
		l.awaitInbox(50 * time.Millisecond)
		l.collect()
		l.flush()
	}
}

// deliver tells a leg what was read for it.
func (l *Lane) deliver(leg int, packets []*message.Packet) {
	if len(packets) == batch {
		l.pressed++
		l.steering.spread(l)
	} else {
		l.pressed = 0
	}
	l.Pool.Clock = telemetry.Now()
	for _, p := range packets {
		p.Home, p.Inbox = l.legs[leg], l.Inbox
		p.Pressed = l.pressed >= pressure
		l.tell.Send(p.Home, received{p})
	}
}

// collect takes up again the packets that waited for a name or a connection, and those that the media sessions had; then what other nodes
// have sent by this one, and what has come by connections.
func (l *Lane) collect() {
	l.back = l.Inbox.Take(l.back[:0])
	for _, p := range l.back {
		if at, o, ok := p.Returned(); ok {
			p.Settle(l.tell, at, o)
			continue
		}
		l.tell.Send(l.router, message.Route{Packet: p})
	}
	l.emit()
	l.resume()
	l.grant()
}

// flush writes all that the rooms have queued. A request that the kernel refused is answered, as RFC 3261 §16.9 has a
// transport error treated like a 503.
func (l *Lane) flush() {
	for again := true; again; {
		again = false
		for _, s := range l.Sockets {
			if s == nil {
				continue
			}
			s.flush()
			for i := 0; i < len(s.refused); i++ { // the answers may be refused as well, and are put behind
				again = true
				p := s.refused[i]
				p.Settle(l.tell, message.AtSend, refusal(p))
			}
			clear(s.refused)
			s.refused = s.refused[:0]
		}
	}
	l.arrivals.flush()
}

func refusal(p *message.Packet) message.Outcome {
	if p.Status != 0 || !p.IsRequest() {
		return message.Drop(message.SendFailed)
	}
	return p.Unsent(message.Unreachable)
}

// Rebind opens the lane's sockets again, where they were. Its loop has ended before.
func (l *Lane) Rebind() error {
	l.close()
	for _, s := range l.Sockets {
		if s == nil {
			continue
		}
		s.forget() // one of them may be what the loop failed on
		if err := s.reopen(); err != nil {
			return err
		}
	}
	l.wake() // for what the loop has left undone
	return l.open()
}

// Close gives back what the lane owns. Its loop has ended before.
func (l *Lane) Close() {
	l.close()
	l.dispose()
	for _, s := range l.Sockets {
		if s != nil {
			s.Close()
		}
	}
}
