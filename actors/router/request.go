package router

import (
	"net/netip"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/target"
)

// request finds the next hop of a request (RFC 3261 §16.5, §16.6 steps 2, 6 and 7).
func (r *router) request(p *message.Packet) message.Outcome {
	u, ok := p.CurrentTarget()
	if !ok {
		return message.Answer(message.Reason(sipwire.BadRequestURI))
	}
	if o, ok := r.byFlow(p); ok {
		return o
	}
	if o, ok := r.byPinhole(p, u); ok {
		return o
	}
	if i, v, ok := topRoute(p); ok {
		return r.byRoute(p, i, v)
	}
	if u.Scheme == sipwire.OtherScheme {
		return message.Answer(message.Reason(sipwire.UnknownScheme)) // RFC 3261 §16.3 step 2
	}
	if u.User == nil && p.Is("OPTIONS") && r.Legs.Own(u.Host, u.Port, u.Transport()) != nil {
		return message.Answer(message.Alive) // the usual way to see whether a proxy is there
	}
	if p.Placed {
		return r.placed(p, u)
	}
	if addr, ok := r.plain(p, u); ok {
		return r.leave(p, target.Hop{Transport: p.Egress.Transport, Addr: addr})
	}
	d := r.decide(u, Arrival{Ingress: p.Ingress, Egress: p.Egress, Opened: p.Opened, Routed: p.Routed})
	if d.Answer {
		return message.Answer(d.Reason)
	}
	if d.URI != nil {
		p.SetRequestURI(append(p.Text(), d.URI...))
	}
	if d.Target != nil && (p.Egress == nil || d.Target == r.Rules[p.Egress.Index].Proxy) {
		p.Way = message.ByConfig // and not by a leg that a Route of others has picked for it
	}
	p.Egress = d.Egress
	return r.resolve(p, d.Query)
}

// placed sends a request to the contact that the registrar has found: by the proxy that leads there, to where its REGISTER came
// from, or to where it says. It goes the whole way secured when its request-URI wants that (RFC 3261 §26.2.2).
func (r *router) placed(p *message.Packet, u sipwire.URI) message.Outcome {
	p.Way = message.ByConfig
	q := queryOf(u)
	if p.Through != "" {
		by, _ := sipwire.ParseURI([]byte(p.Through)) // the registrar could read it
		secure := q.Secure
		q = queryOf(by)
		q.Secure = q.Secure || secure
	}
	return r.resolve(p, q)
}

// byPinhole sends a request to who is behind a NAT. What is to be secured on its whole way does not go there.
//
// Deviates: RFC 3261 §18.1.1. However large it is, it goes as a datagram: nothing else gets in.
func (r *router) byPinhole(p *message.Packet, u sipwire.URI) (o message.Outcome, ok bool) {
	to := p.Pinhole.Addr
	if !to.IsValid() || u.Scheme == sipwire.SIPS || p.Egress == nil || p.Egress.Transport.IsStream() ||
		!message.Deliverable(to) || p.Egress.Addr.Addr().Is4() != to.Addr().Is4() {
		p.Pinhole = message.Pinhole{}
		return o, false
	}
	p.To = to
	return r.pass(p), true
}

// plain is the common case without a question or a copy: an opened token or a named leg, and a request-URI with an
// address.
func (r *router) plain(p *message.Packet, u sipwire.URI) (netip.AddrPort, bool) {
	if !p.Opened || r.Rules[p.Egress.Index].Proxy != nil || u.Scheme == sipwire.SIPS {
		return netip.AddrPort{}, false
	}
	addr, literal := sipwire.ParseAddr(u.Host)
	if _, maddr := u.Param("maddr"); !literal || maddr {
		return netip.AddrPort{}, false
	}
	if t := u.Transport(); t != sipwire.NoTransport && !means(t, p.Egress) {
		return netip.AddrPort{}, false
	}
	port := u.Port
	if port == 0 {
		port = p.Egress.Transport.DefaultPort()
	}
	return netip.AddrPortFrom(addr, port), true
}

// topRoute is the first Route value that is left.
func topRoute(p *message.Packet) (i int, v sipwire.URI, ok bool) {
	routes, _ := p.Routes() // readable: the leg has looked
	for i := range routes {
		if !routes[i].Gone() {
			v, ok = sipwire.ParseURI(p.Bytes(routes[i].URI))
			return i, v, ok
		}
	}
	return 0, v, false
}

// byRoute follows a route set. RFC 3261 §16.6 step 6: when the next hop is a strict router, it is put into the
// request-URI, and the request-URI at the end of the route set.
func (r *router) byRoute(p *message.Packet, i int, v sipwire.URI) message.Outcome {
	if v.Scheme == sipwire.OtherScheme {
		return message.Answer(message.Reason(sipwire.BadRoute))
	}
	if _, loose := v.Param("lr"); !loose {
		routes, _ := p.Routes()
		p.AppendRoute(p.CurrentURI())
		p.SetRequestURI(append(p.Text(), p.Bytes(routes[i].URI)...))
		p.TakeRoute(i)
	}
	p.Way = message.ByRoute
	return r.resolve(p, queryOf(v))
}
