package message

import (
	"net/netip"

	"github.com/actorsip/actorsip/sipwire"
)

// Pinhole is the way to who is behind a NAT, by datagrams. The NAT lets in only who was sent something, so what is for him leaves by the
// socket by which he came, and that may be another node's.
type Pinhole struct {
	Addr netip.AddrPort // where he came from as we see it; not valid: there is none
	Node uint16         // by whose socket he came, by its id; 0 without a cluster
}

// IsDirect tells whether a request comes from where its Via says.
func (p *Packet) IsDirect() bool {
	via, isAddr := sipwire.ParseAddr(p.Bytes(p.Via.Host))
	return isAddr && via == p.Source.Addr().Unmap() && (p.Ingress.Transport.IsStream() || portOf(p.Via.Port) == p.Source.Port())
}

// IsTranslated tells whether there is a NAT between us and who sends a request with that Contact: his Via has another address than the
// request came from. A NAT that he knows of and writes into his Contact himself is none to us. A Contact of somebody else is not where the
// request came from.
func (p *Packet) IsTranslated(contact sipwire.URI) bool {
	if p.IsDirect() {
		return false
	}
	via, isAddr := sipwire.ParseAddr(p.Bytes(p.Via.Host))
	from, stream := p.Source.Addr().Unmap(), p.Ingress.Transport.IsStream()
	addr, literal := sipwire.ParseAddr(contact.Host)
	switch {
	case literal && addr == from:
		return stream || portOf(contact.Port) != p.Source.Port()
	case literal && IsPrivate(addr) && !IsPrivate(from):
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

// IsPrivate tells an address that means nothing elsewhere.
func IsPrivate(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || shared.Contains(a)
}
