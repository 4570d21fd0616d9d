package registrar

import (
	"net/netip"

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
	if _, further := p.ViaBelow(p.Via); further || contact.Scheme == sipwire.SIPS && t != sipwire.TLS && t != sipwire.WSS {
		return
	}
	if t.IsStream() {
		if p.Accepted {
			b.Flow = uint64(p.IngressFlow)
		}
	} else if other := contact.Transport(); other != sipwire.NoTransport && other != t {
		return // it is to be called by another transport than it has registered by
	}
	if isTranslated(p, contact) {
		b.Received = p.Reply.Addr
	}
}

// isTranslated tells whether there is a NAT between the phone and us: its Via has another address than it came from. A NAT that
// the phone knows of and writes into its Contact itself is none to us. The contact of somebody else (RFC 3261 §10.2: a REGISTER by
// a third party) is not where the REGISTER came from.
func isTranslated(p *message.Packet, contact sipwire.URI) bool {
	via, isAddr := sipwire.ParseAddr(p.Bytes(p.Via.Host))
	addr, literal := sipwire.ParseAddr(contact.Host)
	from, stream := p.Source.Addr().Unmap(), p.Ingress.Transport.IsStream()
	switch {
	case isAddr && via == from && (stream || portOf(p.Via.Port) == p.Source.Port()):
		return false
	case literal && addr == from:
		return stream || portOf(contact.Port) != p.Source.Port()
	case literal && isPrivate(addr) && !isPrivate(from):
		return true
	}
	return isAddr && literal && addr == via || !isAddr && sipwire.EqualFold(contact.Host, string(p.Bytes(p.Via.Host)))
}

func portOf(port uint16) uint16 {
	if port == 0 {
		return sipwire.UDP.DefaultPort()
	}
	return port
}

var shared = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598: between a provider's NAT and those of its customers

// isPrivate tells an address that means nothing elsewhere.
func isPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}
