package router

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/target"
)

// patience is how long a packet waits for a connection while there is another server to be tried (RFC 8305 §5).
const patience = 250 * time.Millisecond

var errSlow = errors.New("no connection for a moment")

// byFlow sends a request or response by the connection that is named for it. ok is false when there is none, or when it
// is gone and its peer may be connected to: a request keeps the name then, for refuse to see.
func (r *router) byFlow(p *message.Packet) (o message.Outcome, ok bool) {
	if p.EgressFlow == 0 || p.Egress == nil {
		return o, false
	}
	if c := r.flow(p); c != nil {
		p.To = c.Remote()
		return r.pass(p), true
	}
	if r.Elsewhere != nil && r.Elsewhere(p.EgressFlow.Node()) {
		return r.pass(p), true // its node writes it
	}
	if p.Egress.Transport.IsWebSocket() { // nobody can connect to a browser
		return message.Answer(message.FlowFailed), true
	}
	return o, false
}

// refuse answers a request that reaches nobody. When its flow is gone, that is why (RFC 5626 §5.3.1).
func refuse(p *message.Packet, why message.Reason) message.Outcome {
	if p.EgressFlow != 0 {
		return message.Answer(message.FlowFailed)
	}
	return message.Answer(why)
}

// passTo is pass for a packet that leaves by any connection to its next hop, or by none.
func (r *router) passTo(p *message.Packet) message.Outcome {
	p.EgressFlow = 0
	return r.pass(p)
}

// flow is the connection that is named for a packet, nil when it is gone.
func (r *router) flow(p *message.Packet) *stream.Conn {
	if e := r.Streams[p.Egress.Index]; e != nil {
		return e.ByID(p.EgressFlow)
	}
	return nil
}

// connect passes a packet on when there is a connection to its next hop, or none is needed. Else it waits for one.
func (r *router) connect(p *message.Packet) message.Outcome {
	e := r.Streams[p.Egress.Index]
	if e == nil || e.To(p.To, p.Name) != nil {
		return r.passTo(p)
	}
	if p.Waiting(message.AtRoute) >= r.Waiting {
		return message.Answer(message.TooManyWaiting)
	}
	later, back := r.next.Later, &atomic.Bool{}
	bring := func(err error) {
		if back.CompareAndSwap(false, true) {
			p.Found = &message.Found{Dialed: true, Err: err}
			later.Put(p)
		}
	}
	var slow *time.Timer
	if r.isFurther(p) {
		slow = time.AfterFunc(patience, func() { bring(errSlow) })
	}
	err := e.Dial(p.To, p.Name, r.next.Sink, func(_ *stream.Conn, err error) {
		if slow != nil {
			slow.Stop()
		}
		bring(err)
	})
	if err == nil {
		return message.Await()
	}
	if slow != nil {
		slow.Stop()
	}
	if !back.CompareAndSwap(false, true) {
		return message.Await() // it is on its way back already
	}
	return r.dialed(p, err)
}

// isFurther tells whether a packet need not wait for this server, as another one may be quicker: RFC 8305 in the small. What
// was begun goes on, and serves those that come later.
func (r *router) isFurther(p *message.Packet) bool {
	if p.Moved != nil {
		return true
	}
	if p.Patient || p.Query.Host == "" {
		return false
	}
	next := p.Query
	next.Attempt++
	_, err, known := r.Resolver.Lookup(next)
	return !known || err == nil || p.Query.Attempt > 0 // one that was slow before may be there now
}

// dialed goes on with a packet that has waited for a connection. Nothing was sent yet, so it may go to the next server
// (RFC 3263 §4.3); one that was too large for a datagram goes as one (RFC 3261 §18.1.1).
func (r *router) dialed(p *message.Packet, err error) message.Outcome {
	switch {
	case err == nil:
		return r.passTo(p)
	case p.Moved != nil:
		p.Egress, p.Moved = p.Moved, nil
		return r.passTo(p)
	}
	if err == errSlow {
		p.Slow = true
	}
	if p.Query.Host == "" {
		return refuse(p, message.Unreachable)
	}
	p.Query.Attempt++
	if p.Query.Family == target.AnyFamily {
		p.Egress = nil // the next server may be behind another leg
	}
	return r.lookup(p)
}

// again is when no server is left: those that were only slow are waited for.
func (r *router) again(p *message.Packet) message.Outcome {
	if !p.Slow || p.Patient {
		return refuse(p, message.Unreachable)
	}
	p.Patient, p.Query.Attempt = true, 0
	return r.lookup(p)
}
