package sdpwire

import "net/netip"

// rtcp is where a=rtcp wants RTCP.
type rtcp struct {
	port  uint16 // 0: no such line
	where connection
}

// readRTCP is "port [nettype addrtype address]" (RFC 3605 §2.1). One that cannot be read, and one that belongs to no
// m-line, is left out: RTCP then goes to the port above RTP, where the relay has it anyway.
func (d *Description) readRTCP(text, line span) {
	port := word(d.body, text)
	n, ok := number(d.body[port.off:port.end], 65535)
	r := rtcp{port: uint16(n)}
	if w := word(d.body, span{port.end, text.end}); w.off < w.end {
		r.where = connectionIn(d.body, span{w.off, text.end})
	}
	m := d.current()
	if !ok || n == 0 || m == nil || r.where.form == unreadable {
		d.add(place{what: rtcpLinePlace, at: line})
		return
	}
	d.add(place{what: rtcpPortPlace, at: port, muxed: r.port == m.Port})
	if r.where.form != absent {
		d.add(place{what: connectionPlace, at: r.where.at, held: r.where.held()})
	}
	if d.now.rtcp.port == 0 {
		d.now.rtcp = r
	}
}

// place is where RTCP can be sent to; zero when there is no such place.
func (r *rtcp) place(media netip.Addr) netip.AddrPort {
	addr := r.where.addr
	if r.where.form == absent {
		addr = media
	}
	if r.port == 0 || !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, r.port)
}
