package registrar

import (
	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// notePlace notes how a contact is reached, beside by its URI: by the connection that the phone has opened (RFC 5626 §5.3), or, when
// it is behind a NAT, where responses reach it. Neither is noted of a phone behind another proxy, nor of a sips contact that has
// registered in the clear: what is sent there must be secured (RFC 3261 §26.2.2).
//
// A connection whose Received is set leads to a phone that nobody can connect to.
func notePlace(p *message.Packet, contact sipwire.URI, b *location.Binding) {
	t := p.Ingress.Transport
	if _, further := p.ViaBelow(p.Via); further || contact.Scheme == sipwire.SIPS && !t.IsSecure() {
		return
	}
	if t.IsStream() {
		b.Flow = uint64(p.Kept())
	} else if other := contact.Transport(); other != sipwire.NoTransport && other != t {
		return // it is to be called by another transport than it has registered by
	}
	if p.IsTranslated(contact) {
		b.Received = p.Reply.Addr
	}
}
