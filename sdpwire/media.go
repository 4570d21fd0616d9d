package sdpwire

import (
	"bytes"
	"net/netip"

	"github.com/actorsip/actorsip/sipwire"
)

// Media is what one m-line and the lines behind it say (RFC 8866 §5.14). Slices refer to the body.
type Media struct {
	Type      []byte // audio, video, image, message …
	Transport Transport
	// Many says that several synchronization sources may talk at a time: video, a=ssrc-group, a=ssrc of several
	// sources, or an a=group:BUNDLE of it and others.
	Many  bool
	Port  uint16 // 0: the m-line is rejected or switched off
	Pairs int    // of ports: 2 for m=audio 49170/2
	// Addr is that of the connection in force; invalid when that is a name, or missing where nothing is relayed.
	Addr      netip.Addr
	Name      []byte         // the name, when the connection has one instead of an address
	Held      bool           // Addr is 0.0.0.0 or ::, which asks for no media
	Direction Direction      // in force
	RTCP      netip.AddrPort // what a=rtcp says, with Addr when it names a port alone; zero without, or when nothing can be sent there
	Mux       bool           // a=rtcp-mux is there (RFC 5761)
	Types     [2]uint64      // payload types of the format list as bits; RTP only
	Rates     []Rate         // clock rates of these that are not 8000 Hz; valid until the next Parse

	off  bool   // the port is written as 0
	owns bool   // it has a c= of its own
	mid  []byte // RFC 5888
}

// Relayed tells whether media of this m-line can go through a relay: RTP or datagrams to one place.
func (m *Media) Relayed() bool { return m.Transport != Other && m.Port != 0 && !m.Addr.IsMulticast() }

// Transport is what carries the media.
type Transport uint8

// The transports. Other is what no UDP relay can carry, or what is not known: such m-lines are left as they are.
const (
	Other    Transport = iota
	RTP                // RTP/AVP and its profiles, UDP/TLS/RTP/SAVP and its profiles
	Datagram           // udptl, udp, DTLS/SCTP, UDP/TLS/UDPTL, UDP/BFCP …
)

// Direction is who sends (RFC 3264 §5.1), as the describer sees it.
type Direction uint8

// The directions.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String is the attribute that says so.
func (d Direction) String() string {
	return [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}[d]
}

// readMedia reads "media port[/number] proto fmt …".
func (d *Description) readMedia(value span) Fault {
	if len(d.Media) == MaxMedia {
		return TooManyMedia
	}
	kind := word(d.body, value)
	port := word(d.body, span{kind.end, value.end})
	proto := word(d.body, span{port.end, value.end})
	if proto.off == proto.end {
		return BadMedia
	}
	d.now, d.clocks.known = reading{}, [2]uint64{}
	d.Media = append(d.Media, Media{Type: d.body[kind.off:kind.end], Pairs: 1, Direction: d.direction})
	m := d.current()
	m.Transport = transportOf(d.body[proto.off:proto.end])
	m.Many = sipwire.EqualFold(m.Type, "video")
	first, count, ranged := bytes.Cut(d.body[port.off:port.end], []byte("/"))
	if fault := m.readPort(first, count, ranged); fault != None && m.Transport != Other {
		return fault
	}
	if m.Transport == RTP {
		m.readTypes(d.body[proto.end:value.end])
	}
	if !m.off {
		d.add(place{what: portPlace, at: span{port.off, port.off + len(first)}})
		d.add(place{what: gapPlace, at: span{value.end, value.end}})
	}
	return None
}

func (m *Media) readPort(port, count []byte, ranged bool) Fault {
	n, ok := number(port, 65535)
	if !ok {
		return BadPort
	}
	m.Port, m.off = uint16(n), n == 0
	if !ranged || m.off {
		return None
	}
	pairs, ok := number(count, MaxPairs)
	if !ok || pairs == 0 || n+2*pairs-1 > 65535 {
		return BadRange
	}
	m.Pairs = pairs
	return None
}

// transportOf knows a transport in any case.
func transportOf(proto []byte) Transport {
	switch {
	case leads(proto, "RTP"), leads(proto, "UDP/TLS/RTP"):
		return RTP
	case leads(proto, "UDP"), leads(proto, "UDPTL"), leads(proto, "DTLS/SCTP"):
		return Datagram
	}
	return Other
}

// leads tells whether a proto is that one, or one above it.
func leads(proto []byte, with string) bool {
	n := len(with)
	return len(proto) >= n && sipwire.EqualFold(proto[:n], with) && (len(proto) == n || proto[n] == '/')
}

// readTypes reads payload types. What is none is passed over.
func (m *Media) readTypes(formats []byte) {
	for in := (span{0, len(formats)}); ; {
		w := word(formats, in)
		if w.off == w.end {
			return
		}
		if t, ok := number(formats[w.off:w.end], 127); ok {
			m.Types[t>>6] |= 1 << (t & 63)
		}
		in.off = w.end
	}
}
