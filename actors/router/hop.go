package router

import (
	"github.com/cespare/xxhash/v2"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/target"
)

// resolve finds the address of the next hop: at once when it is known, else the packet waits for it. A leg that is named
// already decides on the transport, where the URI does not.
func (r *router) resolve(p *message.Packet, q target.Query) message.Outcome {
	q.Key = xxhash.Sum64(p.CallID())
	if p.Egress != nil {
		q = named(q, p.Egress)
	}
	p.Query = q
	return r.lookup(p)
}

// named is a query for what a leg reaches that is named already.
func named(q target.Query, leg *message.Leg) target.Query {
	q.Family = target.FamilyOf(leg.Addr.Addr())
	switch {
	case q.Transport == sipwire.NoTransport && leg.Transport != sipwire.UDP, means(q.Transport, leg):
		q.Transport = leg.Transport
	}
	return q
}

// means tells whether a URI with that transport leads to the leg's: "ws" is what a URI says of WebSocket, secured or not (RFC 7118 §5.2).
func means(t sipwire.Transport, leg *message.Leg) bool {
	return t == leg.Transport || t == sipwire.WS && leg.Transport == sipwire.WSS
}

// lookup asks for the server that p.Query.Attempt counts to.
func (r *router) lookup(p *message.Packet) message.Outcome {
	hop, err, known := r.Resolver.Lookup(p.Query)
	if known {
		return r.hop(p, hop, err)
	}
	if p.Waiting(message.AtRoute) >= r.Waiting {
		return message.Answer(message.TooManyWaiting)
	}
	later := r.next.Later
	err = r.Resolver.Resolve(p.Query, func(hop target.Hop, err error) {
		p.Found = &message.Found{Hop: hop, Err: err}
		later.Put(p)
	})
	if err != nil {
		return refuse(p, reasonOf(err))
	}
	return message.Await()
}

// found goes on with a packet that has waited for a name, or for a connection.
func (r *router) found(p *message.Packet) message.Outcome {
	f := *p.Found
	p.Found = nil
	if f.Dialed {
		return r.dialed(p, f.Err)
	}
	return r.hop(p, f.Hop, f.Err)
}

func (r *router) hop(p *message.Packet, hop target.Hop, err error) message.Outcome {
	if err == target.ErrNoMore {
		return r.again(p)
	}
	if err != nil {
		return refuse(p, reasonOf(err))
	}
	if p.Name = p.Query.Host; isLiteral(p.Name) {
		p.Name = ""
	}
	return r.leave(p, hop)
}

func isLiteral(host string) bool {
	_, literal := sipwire.ParseAddr([]byte(host))
	return literal
}

// leave picks the leg for the next hop, if none is named yet, and passes the packet on. What others wrote into Route or
// request-URI does not lead out of a leg's reach, and not past its proxy.
func (r *router) leave(p *message.Packet, hop target.Hop) message.Outcome {
	to := hop.Addr
	if !message.Deliverable(to) {
		return refuse(p, message.NotFound)
	}
	if p.Egress == nil || p.Egress.Transport != hop.Transport {
		p.Egress, _ = r.legFor(hop)
		if p.Egress == nil {
			return refuse(p, message.NoLeg)
		}
		if t := r.Rules[p.Egress.Index].Proxy; t != nil && p.Way == message.ByURI {
			p.Way = message.ByConfig
			return r.resolve(p, t.Query)
		}
	}
	if p.Egress.Addr.Addr().Is4() != to.Addr().Is4() || p.Way != message.ByConfig && !r.reaches(p.Egress, to) {
		return refuse(p, message.NoLeg)
	}
	p.To = to
	r.move(p)
	return r.connect(p)
}

// large is the size from which on a request must not be a datagram: RFC 3261 §18.1.1. It is taken before Via and Record-Route are
// put on, which the grown by stands for.
const (
	large   = 1300
	grownBy = 300
)

// move has a request that is too large for a datagram leave by the TCP leg at the same place.
func (r *router) move(p *message.Packet) {
	if !r.Large || p.Egress.Transport != sipwire.UDP || !p.IsRequest() || p.Size()+grownBy <= large {
		return
	}
	if twin := r.Legs.Twin(p.Egress); twin != nil && (p.Way == message.ByConfig || r.reaches(twin, p.To)) {
		p.Moved, p.Egress = p.Egress, twin
	}
}
