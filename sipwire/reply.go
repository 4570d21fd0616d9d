package sipwire

import (
	"net/netip"
	"strconv"
)

// StampVia writes into the topmost Via v where the request came from: received when the sent-by host is not that
// address (RFC 3261 §18.2.1) or when rport is asked for, and the value of rport (RFC 3581 §4). A received or a value of
// rport that the sender made up is replaced: it would send the response somewhere else.
func (m *Message) StampVia(v ViaValue, source netip.AddrPort) {
	from := source.Addr().Unmap().WithZone("") // a zone has no place in a Via
	if v.HasRPort {
		m.Replace(v.rport, strconv.AppendUint(append(m.text, '='), uint64(source.Port()), 10))
	}
	switch {
	case v.received.Off != 0:
		m.Replace(v.received, from.AppendTo(append(m.text, '=')))
	case v.HasRPort || !m.isSentBy(v, from):
		m.Replace(Span{v.At.End, v.At.End}, from.AppendTo(append(m.text, ";received="...)))
	}
}

func (m *Message) isSentBy(v ViaValue, from netip.Addr) bool {
	host, literal := ParseAddr(m.Bytes(v.Host))
	return literal && host == from
}

// ReplyAddr is where RFC 3261 §18.2.2 and RFC 3581 §4 send the response to a request whose topmost Via is v: maddr, else
// received, else sent-by; to the port in rport where received is used, else to that of sent-by. host is set instead of
// an address where that place is a name.
func (m *Message) ReplyAddr(v ViaValue) (to netip.AddrPort, host []byte, port uint16) {
	port = v.Port
	if port == 0 {
		port = v.Transport.DefaultPort()
	}
	place := v.Host
	switch {
	case !v.MAddr.Empty():
		place = v.MAddr
	case !v.Received.Empty():
		place = v.Received
		if v.RPort != 0 {
			port = v.RPort
		}
	}
	if a, ok := ParseAddr(m.Bytes(place)); ok {
		return netip.AddrPortFrom(a, port), nil, port
	}
	return netip.AddrPort{}, m.Bytes(place), port
}
