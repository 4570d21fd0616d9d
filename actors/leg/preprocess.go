package leg

import (
	"strconv"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// preprocess is RFC 3261 §16.4, route information preprocessing. It is false for a route set that cannot be read.
func (l *leg) preprocess(p *message.Packet) bool {
	routes, ok := p.Routes()
	if !ok {
		return false
	}
	uri, _ := p.CurrentTarget()
	if n := len(routes); n > 0 && l.isRecordRoute(uri) {
		// "If the Request-URI of this request contains a value this proxy previously placed into a Record-Route header
		// field": a strict router before us. The last Route value is the request-URI.
		l.named(p, uri)
		p.SetRequestURI(append(p.Text(), p.Bytes(routes[n-1].URI)...))
		p.TakeRoute(n - 1)
		uri, _ = p.CurrentTarget()
	}
	l.stripMAddr(p, uri)
	for i := range routes {
		if routes[i].Gone() {
			break
		}
		u, ok := sipwire.ParseURI(p.Bytes(routes[i].URI))
		if !ok {
			return false
		}
		if l.own(u) == nil {
			break
		}
		// All own values go, not only the first: RFC 5658 has us put one in for each leg. The last of them names the
		// leg by which the request leaves.
		p.TakeRoute(i)
		l.named(p, u)
	}
	return true
}

// named takes down what a Route of ours says: the leg by which the request leaves, when it is another than this one, the
// connection or pinhole, and whether it is within a dialog.
func (l *leg) named(p *message.Packet, route sipwire.URI) {
	p.Egress = l.own(route)
	p.EgressFlow, p.Pinhole = l.openFlowToken(route.User, p.Egress), l.openPinholeToken(route.User, p.Egress)
	if p.EgressFlow == 0 && !p.Pinhole.Addr.IsValid() && p.Egress == l.facts {
		p.Egress = nil
	}
	if _, ok := route.Param(recorded); ok {
		p.Routed = true
	}
	if l.Node == 0 {
		return
	}
	if v, ok := route.Param(owned); ok {
		n, _ := strconv.ParseUint(string(v), 36, 16)
		p.Owner = uint16(n)
	}
}

// recorded is the parameter that tells a URI of our own Record-Route from one that a user agent was configured with. A To
// tag does not: the ACK to a failure has one, and goes where its INVITE went, by the Route that its INVITE had (RFC 3261
// §17.1.1.3).
const recorded = "rr"

// isRecordRoute knows a URI that we put into Record-Route: ours, loose, without a user but a flow's or a pinhole's.
func (l *leg) isRecordRoute(u sipwire.URI) bool {
	_, loose := u.Param("lr")
	if own := l.own(u); loose && own != nil {
		return u.User == nil || l.openFlowToken(u.User, own) != 0 || l.openPinholeToken(u.User, own).Addr.IsValid()
	}
	return false
}

// stripMAddr takes a maddr that names us off the request-URI, and with it the port and transport that went with it
// (RFC 3261 §16.4).
func (l *leg) stripMAddr(p *message.Packet, u sipwire.URI) {
	maddr, ok := u.Param("maddr")
	if !ok || l.Legs.Own(maddr, u.Port, secured(u)) == nil {
		return
	}
	p.SetRequestURI(u.AppendWithout(p.Text(), false, "maddr", "transport", "ttl"))
}

// own is the leg that a SIP URI names: by its host and port, or by a maddr that stands in for the host.
func (l *leg) own(u sipwire.URI) *message.Leg {
	if u.Scheme == sipwire.OtherScheme {
		return nil
	}
	if maddr, ok := u.Param("maddr"); ok {
		return l.Legs.Own(maddr, u.Port, secured(u))
	}
	return l.Legs.Own(u.Host, u.Port, secured(u))
}

// secured is the transport that a URI of ours means: in a sips URI, tcp and none mean TLS, and ws means WSS.
func secured(u sipwire.URI) sipwire.Transport {
	t := u.Transport()
	if u.Scheme == sipwire.SIPS {
		switch t {
		case sipwire.NoTransport, sipwire.TCP:
			return sipwire.TLS
		case sipwire.WS:
			return sipwire.WSS
		}
	}
	return t
}
