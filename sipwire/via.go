package sipwire

import (
	"net/netip"
	"strconv"
)

// ViaValue is one Via header field value (RFC 3261 §20.42).
type ViaValue struct {
	At        Span // the whole value
	Transport Transport
	Host      Span   // sent-by host; IPv6 in brackets
	Port      uint16 // sent-by port, 0 when none is written
	Branch    Span
	Received  Span
	MAddr     Span
	RPort     uint16 // value of rport, 0 when it has none
	HasRPort  bool   // rport is there, with or without a value (RFC 3581)

	rport  param
	header int   // index of its header
	next   int32 // offset of the value behind it in the same header, -1 when it is the last
}

// TopVia is the topmost Via. When ok is false but its Host is set, only its parameters cannot be read.
func (m *Message) TopVia() (ViaValue, bool) { return m.viaAt(int(m.first[Via])-1, -1) }

// ViaBelow is the Via below v, in the same header field or in the next one.
func (m *Message) ViaBelow(v ViaValue) (ViaValue, bool) {
	if v.next >= 0 {
		return m.viaAt(v.header, v.next)
	}
	for k := v.header + 1; k < len(m.headers); k++ {
		if m.headers[k].ID == Via {
			return m.viaAt(k, -1)
		}
	}
	return ViaValue{}, false
}

func (m *Message) viaAt(header int, off int32) (v ViaValue, ok bool) {
	if header < 0 {
		return v, false
	}
	h := &m.headers[header]
	if off < 0 {
		off = h.Value.Off
	}
	v.header = header
	if v.At, v.next, ok = item(m.raw, off, h.Value.End); !ok {
		return v, false
	}
	return v, v.parse(m.raw)
}

// parse reads: sent-protocol LWS sent-by *( SEMI via-params ), with white space wherever the grammar has it.
func (v *ViaValue) parse(raw []byte) bool {
	p, end := v.At.Off, v.At.End
	word := func(want string) bool {
		s := p
		for p < end && classes[raw[p]]&classToken != 0 {
			p++
		}
		if want == "" {
			v.Transport, _ = ParseTransport(raw[s:p]) // an unknown transport is a transport still
			return p > s
		}
		return equalFold(raw[s:p], want)
	}
	slash := func() bool {
		p = skipBlanks(raw, p, end)
		if p == end || raw[p] != '/' {
			return false
		}
		p = skipBlanks(raw, p+1, end)
		return true
	}
	if !word("SIP") || !slash() || !word("2.0") || !slash() || !word("") || p == end || !isBlank(raw[p]) {
		return false
	}
	p = skipBlanks(raw, p, end)
	host, port, next, ok := hostPort(raw, p, end)
	if !ok {
		return false
	}
	v.Host, v.Port = host, port
	if next = skipBlanks(raw, next, end); next < end && raw[next] != ';' {
		return false
	}
	return v.params(raw, next)
}

func (v *ViaValue) params(raw []byte, p int32) bool {
	for p >= 0 && p < v.At.End {
		var q param
		if q, p = nextParam(raw, p, v.At.End); p < 0 {
			break
		}
		switch name := raw[q.name.Off:q.name.End]; len(name) {
		case 0:
			return false
		case 5:
			switch {
			case equalFold(name, "rport"):
				v.HasRPort, v.rport = true, q
				if n, ok := number(raw[q.value.Off:q.value.End]); ok && n < 1<<16 {
					v.RPort = uint16(n)
				}
			case equalFold(name, "maddr"):
				v.MAddr = q.value
			}
		case 6:
			if equalFold(name, "branch") {
				v.Branch = q.value
			}
		case 8:
			if equalFold(name, "received") {
				v.Received = q.value
			}
		}
	}
	return true
}

func skipBlanks(raw []byte, p, end int32) int32 {
	for p < end && isBlank(raw[p]) {
		p++
	}
	return p
}

// hostPort reads host [ COLON port ] at p. IPv6 addresses stand in brackets.
func hostPort(raw []byte, p, end int32) (host Span, port uint16, next int32, ok bool) {
	s := p
	if p < end && raw[p] == '[' {
		for p < end && raw[p] != ']' {
			p++
		}
		if p == end || !isIPv6(raw[s+1:p]) {
			return host, 0, p, false
		}
		p++
	} else {
		for p < end && classes[raw[p]]&classHost != 0 {
			p++
		}
	}
	host = Span{s, p}
	if host.Empty() {
		return host, 0, p, false
	}
	colon := skipBlanks(raw, p, end)
	if colon == end || raw[colon] != ':' {
		return host, 0, p, true
	}
	p = skipBlanks(raw, colon+1, end)
	s = p
	for p < end && isDigit(raw[p]) {
		p++
	}
	n, ok := number(raw[s:p])
	return host, uint16(n), p, ok && n > 0 && n < 1<<16
}

// isIPv6 is a check of form only: ParseAddr has the last word when the address is used.
func isIPv6(b []byte) bool {
	colons := 0
	for _, c := range b {
		switch {
		case c == ':':
			colons++
		case isDigit(c), c == '.', c|0x20 >= 'a' && c|0x20 <= 'f':
		default:
			return false
		}
	}
	return colons >= 2
}

// ParseAddr reads an address literal, IPv6 with or without brackets. An IPv4-mapped address is the IPv4 address.
func ParseAddr(b []byte) (netip.Addr, bool) {
	if len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']' {
		b = b[1 : len(b)-1]
	}
	if len(b) == 0 || len(b) > 45 || !isDigit(b[0]) && b[0] != ':' && !isIPv6(b) {
		return netip.Addr{}, false // a host name: do not pay for an error value
	}
	if a, ok := parseIPv4(b); ok {
		return a, true
	}
	if !isIPv6(b) {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(b))
	return a.Unmap(), err == nil
}

func parseIPv4(b []byte) (netip.Addr, bool) {
	var v [4]byte
	part, n, digits := 0, 0, 0
	for _, c := range b {
		switch {
		case c == '.' && digits > 0 && part < 3:
			v[part] = byte(n)
			part++
			n, digits = 0, 0
		case isDigit(c) && digits < 3:
			n = n*10 + int(c-'0')
			digits++
			if n > 255 {
				return netip.Addr{}, false
			}
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	v[3] = byte(n)
	return netip.AddrFrom4(v), true
}

// StampVia writes into the topmost Via v where the request came from: received when the sent-by host is not that
// address (RFC 3261 §18.2.1) or when rport is asked for, and the value of rport (RFC 3581 §4). A received or a value of rport that
// the sender made up is replaced: it would send the answer somewhere else.
func (m *Message) StampVia(v ViaValue, source netip.AddrPort) {
	sentBy, literal := ParseAddr(m.Bytes(v.Host))
	if v.HasRPort {
		s := Span{v.rport.name.End, v.rport.whole.End}
		text := append(m.text, '=')
		m.Replace(s, strconv.AppendUint(text, uint64(source.Port()), 10))
	}
	same := literal && sentBy == source.Addr()
	switch {
	case !v.Received.Empty():
		m.Replace(v.Received, source.Addr().AppendTo(m.text))
	case v.HasRPort || !same:
		m.Replace(Span{v.At.End, v.At.End}, source.Addr().AppendTo(append(m.text, ";received="...)))
	}
}

// PopVia takes the topmost Via v away.
func (m *Message) PopVia(v ViaValue) {
	h := &m.headers[v.header]
	if v.next < 0 {
		m.Delete(Span{h.Start, h.End})
		return
	}
	next, _, _ := item(m.raw, v.next, h.Value.End)
	m.Delete(Span{v.At.Off, next.Off})
}

// ReplyAddr is where RFC 3261 §18.2.2 and RFC 3581 §4 send the response to a request whose topmost Via is v: maddr, else
// received, else sent-by, to the port in rport, else to that of sent-by. host is set instead of an address where that
// place is a name.
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
