package registrar

import (
	"strconv"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// readInstance reads which phone a contact is, and which of its flows (RFC 5626 §4). It is false when that cannot be read. Without
// an instance, or from a phone that does not use outbound, a reg-id means nothing (§6).
func readInstance(p *message.Packet, c sipwire.ContactValue, b *location.Binding) bool {
	v, ok := p.ContactParam(c, "+sip.instance")
	if !ok {
		return true
	}
	for _, x := range v {
		if x <= ' ' || x >= 0x7f || x == '"' || x == '\\' { // it is told to others, in quotes
			return false
		}
	}
	b.Instance = string(v)
	id, ok := p.ContactParam(c, "reg-id")
	if !ok || !p.Supports("outbound") {
		return true
	}
	n, err := strconv.ParseUint(string(id), 10, 31)
	b.RegID = uint32(n)
	return err == nil && n > 0
}

// checkFlows holds the contacts that are flows to RFC 5626 §6: one in a REGISTER, and the proxy next to the phone must know of
// outbound.
//
// A datagram flow is replaced like any other, but the phone is not told that outbound is in use: it would ask by STUN whether we are
// there (§4.4.2), and nobody here answers that.
func (w *wanted) checkFlows(p *message.Packet) (refusal message.Outcome, refused bool) {
	flows, bound := 0, 0
	for i := range w.contacts {
		if w.contacts[i].RegID != 0 {
			flows++
		}
		if !w.contacts[i].Expires.IsZero() {
			bound++
		}
	}
	switch {
	case flows == 0:
		return refusal, false
	case bound > 1:
		return message.Answer(message.BadRegister), true
	}
	if _, further := p.ViaBelow(p.Via); further {
		if !w.knowsOutbound() {
			return message.Refuse(message.BadRegister, 439, "First Hop Lacks Outbound Support"), true
		}
		w.outbound = true
		return refusal, false
	}
	w.outbound = p.Ingress.Transport.IsStream()
	return refusal, false
}

// knowsOutbound tells whether the proxy next to the phone does, which has put the last value into Path.
func (w *wanted) knowsOutbound() bool {
	if len(w.path) == 0 {
		return false
	}
	u, _ := sipwire.ParseURI([]byte(w.path[len(w.path)-1]))
	_, ok := u.Param("ob")
	return ok
}
