package registrar

import (
	"strconv"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// locate takes a request to the contact of the address of record that it is for.
//
// A stateless proxy cannot fork (RFC 3261 §16.11): of several contacts the one with the highest q is taken, and of those the one
// that was registered first and is still there. So the CANCEL and the ACK of an INVITE go where it went, whoever registers in
// between.
func (r *registrar) locate(p *message.Packet) message.Outcome {
	if p.Is("REGISTER") {
		return r.register(p)
	}
	u, _ := p.CurrentTarget()
	r.aor = appendAOR(r.aor[:0], u)
	r.bindings = r.Store.Lookup(r.aor, r.now(), r.bindings[:0])
	rules := r.rules(p)
	if len(r.bindings) == 0 {
		if rules.Forward {
			return p.Onward(r.next.Route)
		}
		return message.Answer(message.UnknownUser)
	}
	if rules.Redirect && !p.Is("ACK") && !p.Is("CANCEL") {
		return r.redirect(p)
	}
	for i := range r.bindings {
		if r.place(p, &r.bindings[i]) {
			return p.Onward(r.next.Route)
		}
	}
	return message.Answer(message.FlowFailed)
}

// place sends a request to a binding. It is false for one whose connection is gone, where nobody can open another one.
func (r *registrar) place(p *message.Packet, b *location.Binding) bool {
	leg := r.Legs.Named(b.Leg)
	if leg == nil && len(b.Path) == 0 {
		return false // the leg is no longer configured
	}
	flow := stream.ID(b.Flow)
	if len(b.Path) > 0 { // RFC 3327 §5.3: by the proxies that the registration came by
		for _, uri := range b.Path {
			p.AppendRoute([]byte(uri))
		}
	} else if flow != 0 && !r.alive(leg, flow) {
		if leg.Transport == sipwire.WS || leg.Transport == sipwire.WSS {
			return false
		}
		flow = 0
	}
	p.SetRequestURI(append(p.Text(), b.Contact...))
	if len(b.Path) == 0 {
		p.Egress, p.EgressFlow, p.Placed = leg, flow, true
		if leg.Transport == sipwire.UDP && b.Received.IsValid() {
			p.To = b.Received // a phone behind NAT is reached where its REGISTER came from
		}
	}
	return true
}

func (r *registrar) alive(leg *message.Leg, flow stream.ID) bool {
	e := r.Streams[leg.Index]
	return e != nil && e.ByID(flow) != nil
}

// redirect is RFC 3261 §8.3: the caller is told of all contacts.
func (r *registrar) redirect(p *message.Packet) message.Outcome {
	extra := p.Extra()
	for i := range r.bindings {
		b := &r.bindings[i]
		extra = append(append(append(extra, "Contact: <"...), b.Contact...), '>')
		extra = appendQ(extra, b.Q)
		extra = append(extra, "\r\n"...)
	}
	p.SetExtra(extra)
	return message.Answer(message.Redirected)
}

// appendQ appends the q parameter of a contact, nothing for the highest: that is what it means to have none.
func appendQ(dst []byte, thousandths uint16) []byte {
	if thousandths >= 1000 {
		return dst
	}
	return append(append(dst, ";q=0."...), strconv.Itoa(1000 + int(thousandths))[1:]...)
}
