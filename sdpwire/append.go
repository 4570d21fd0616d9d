package sdpwire

import "net/netip"

// place is a part of the body that may have to be rewritten.
type place struct {
	what      what
	held      bool // a connection that asks for no media
	multicast bool // a connection to a group
	muxed     bool // an RTCP port that is the RTP port
	media     int  // the m-line that it belongs to, -1: the session
	at        span
}

type what uint8

const (
	originPlace     what = iota // addrtype and address of o=
	connectionPlace             // addrtype and address of c= and a=rtcp
	portPlace                   // port of m=
	gapPlace                    // behind m= and its i=, where a c= would stand
	rtcpPortPlace               // port of a=rtcp
	rtcpLinePlace               // an a=rtcp that cannot be read
	icePlace                    // lines of ICE
)

// add keeps a place of the m-line that is being read. Places come in order.
func (d *Description) add(p place) {
	if p.media = len(d.Media) - 1; len(d.places) <= MaxPlaces {
		d.places = append(d.places, p)
	}
}

// leaveOut is a line that does not leave; neighbours are left out as one.
func (d *Description) leaveOut(line span) {
	if n := len(d.places); n > 0 && d.places[n-1].what == icePlace && d.places[n-1].at.end == line.off {
		d.places[n-1].at.end = line.end
		return
	}
	d.add(place{what: icePlace, at: line})
}

// moveGap: c= stands behind i= (RFC 8866 §5).
func (d *Description) moveGap(to int) {
	if n := len(d.places); n > 0 && d.places[n-1].what == gapPlace && d.places[n-1].media == len(d.Media)-1 {
		d.places[n-1].at = span{to, to}
	}
}

// Append appends the description as the other end is to see it: media of m-line i goes to host and ports[i], RTCP to the
// port above or, where it was so, to the same. A port of 0, or none, leaves the m-line alone: it keeps its address even
// when that was the session's. m-lines that are not Relayed are left alone whatever ports says.
//
// The origin's address is always replaced, so that it is the same in all descriptions of a session; an address that asks
// for no media still does. Alternative addresses (ICE) are left out, unless no m-line is relayed and some are in use: then
// the description is none of the relay's. The same arguments give the same bytes.
func (d *Description) Append(dst []byte, host netip.Addr, ports []uint16) []byte {
	w := splice{d: d, host: host.Unmap().WithZone(""), ports: ports}
	w.ours = w.concerns()
	pos := 0
	for i := range d.places {
		p := &d.places[i]
		if !w.rewrites(p) {
			continue
		}
		dst = w.append(append(dst, d.body[pos:p.at.off]...), p)
		pos = p.at.end
	}
	return append(dst, d.body[pos:]...)
}

// splice is one Append.
type splice struct {
	d     *Description
	host  netip.Addr
	ports []uint16
	ours  bool // what the session level says concerns the relay
}

// port is the one that takes the place of that of m-line i, 0 when it stays.
func (w *splice) port(i int) uint16 {
	if i < 0 || i >= len(w.ports) || !w.d.Media[i].Relayed() {
		return 0
	}
	return w.ports[i]
}

// concerns tells whether there is an m-line for the relay, or none in use.
func (w *splice) concerns() bool {
	used := false
	for i := range w.d.Media {
		if w.port(i) != 0 {
			return true
		}
		used = used || !w.d.Media[i].off
	}
	return !used
}

// rewrites decides about a place.
func (w *splice) rewrites(p *place) bool {
	relayed := w.port(p.media) != 0
	idle := w.ours && (p.media < 0 || w.d.Media[p.media].off) // of the session, or of an m-line that no media flows for
	switch p.what {
	case originPlace:
		return true
	case connectionPlace:
		return relayed || idle && !p.multicast
	case gapPlace: // the address that it had from the session goes from there
		c := &w.d.connection
		return w.ours && !relayed && !w.d.Media[p.media].owns && (c.form == literal || c.form == named) && !c.addr.IsMulticast()
	case rtcpLinePlace:
		return relayed || idle
	case icePlace:
		return w.ours
	}
	return relayed
}

// append appends what takes a place.
func (w *splice) append(dst []byte, p *place) []byte {
	switch p.what {
	case originPlace, connectionPlace:
		return w.appendAddr(dst, p.held)
	case portPlace:
		return appendNumber(dst, w.port(p.media))
	case rtcpPortPlace:
		if p.muxed {
			return appendNumber(dst, w.port(p.media))
		}
		return appendNumber(dst, w.port(p.media)+1)
	case gapPlace:
		d := w.d
		dst = append(dst, d.body[d.lineEnd.off:d.lineEnd.end]...)
		dst = append(dst, "c="...)
		return append(dst, d.body[d.connection.text.off:d.connection.text.end]...)
	}
	return dst
}

// appendAddr appends addrtype and address; of the host's family, too, when it asks for no media.
func (w *splice) appendAddr(dst []byte, held bool) []byte {
	addr, kind := w.host, "IP4 "
	if addr.Is6() {
		kind = "IP6 "
	}
	if dst = append(dst, kind...); !held {
		return addr.AppendTo(dst)
	}
	if addr.Is6() {
		return append(dst, "::"...)
	}
	return append(dst, "0.0.0.0"...)
}
