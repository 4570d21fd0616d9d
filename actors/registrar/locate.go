package registrar

import (
	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// locate takes a request to the contact of the address of record that it is for. Whether there is no such user, or just nobody
// registered, is answered alike.
//
// A stateless proxy cannot fork (RFC 3261 §16.11): of several contacts the one with the highest q is taken, and of those the one
// that was added last. The CANCEL and the ACK of an INVITE find the same one, though phones refresh their bindings meanwhile; but
// not when another phone has come to the address of record since.
func (r *registrar) locate(p *message.Packet) message.Outcome {
	if p.Is("REGISTER") {
		return r.register(p)
	}
	u, _ := p.CurrentTarget()
	r.aor = u.AppendAOR(r.aor[:0])
	r.bindings = r.Store.Lookup(r.aor, r.now(), r.bindings[:0])
	bindings, rules := r.bindings, r.rules(p)
	switch {
	case len(bindings) == 0 && rules.Forward:
		return p.Onward(r.next.Route)
	case len(bindings) == 0:
		return message.Answer(message.UnknownUser)
	case rules.Redirect:
		return redirect(p, bindings)
	}
	secured, fit := u.Scheme == sipwire.SIPS, false
	for i := range bindings {
		b := &bindings[i]
		if secured && !isSecured(b) {
			continue
		}
		fit = true
		if r.place(p, b) {
			return p.Onward(r.next.Route)
		}
	}
	if !fit {
		return insecure(p)
	}
	return message.Answer(message.FlowFailed)
}

// place sends a request to a binding. It is false for one whose connection is gone, where nobody can open another one.
func (r *registrar) place(p *message.Packet, b *location.Binding) bool {
	if len(b.Path) > 0 {
		followPath(p, b)
		return true
	}
	leg := r.Legs.Named(b.Leg)
	if leg == nil {
		return false // it is no longer configured
	}
	flow := stream.ID(b.Flow)
	switch {
	case flow == 0 || r.alive(leg, flow):
	case b.RegID != 0 || b.Received.IsValid() || leg.Transport.IsWebSocket():
		return false // RFC 5626 §5.3: a flow that is gone is gone
	default:
		flow = 0
	}
	p.SetRequestURI(append(p.Text(), b.Contact...))
	p.Egress, p.EgressFlow, p.Placed = leg, flow, true
	if !leg.Transport.IsStream() && b.Received.IsValid() { // it is behind a NAT
		p.Pinhole = message.Pinhole{Addr: b.Received, Node: r.node(b)}
	}
	return true
}

// node is the id of the node that a binding has come to.
func (r *registrar) node(b *location.Binding) uint16 {
	if r.ID == nil || b.Node == "" {
		return 0
	}
	return r.ID(b.Node)
}

// alive tells whether the connection of a binding is still there. Its leg may have another transport since.
func (r *registrar) alive(leg *message.Leg, flow stream.ID) bool {
	e := r.Streams[leg.Index]
	return e != nil && e.ByID(flow) != nil || r.Elsewhere != nil && r.Elsewhere(flow.Node())
}

// followPath sends a request by the proxies that the registration came by (RFC 3327 §5.3). They are loose routers, as §4 wants,
// whatever they say.
func followPath(p *message.Packet, b *location.Binding) {
	t := append(append(p.Text(), "Route: <"...), b.Path[0]...)
	for _, uri := range b.Path[1:] {
		t = append(append(t, ">, <"...), uri...)
	}
	p.Insert(sipwire.Route, append(t, ">\r\n"...))
	p.SetRequestURI(append(p.Text(), b.Contact...))
	p.Egress, p.Placed, p.Through = nil, true, b.Path[0]
}

// isSecured tells whether a contact may be reached by a request to a sips URI (RFC 3261 §26.2.2).
func isSecured(b *location.Binding) bool {
	const scheme = "sips:"
	return len(b.Contact) > len(scheme) && sipwire.EqualFold([]byte(b.Contact[:len(scheme)]), scheme)
}

// insecure answers a request to a sips URI for somebody who has no such contact (RFC 5630 §5.3).
func insecure(p *message.Packet) message.Outcome {
	p.SetExtra(append(append(append(p.Extra(), "Warning: 380 "...), p.Ingress.HostPort...), " \"SIPS Not Allowed\"\r\n"...))
	return message.Answer(message.NoLeg)
}
