package sdpwire

import (
	"bytes"

	"github.com/actorsip/actorsip/sipwire"
)

// readAttribute is an a= line (RFC 8866 §5.13): value is what stands behind the "=", line all of it with its end.
func (d *Description) readAttribute(value, line span) {
	name, text := d.body[value.off:value.end], span{value.end, value.end}
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name, text.off = name[:i], value.off+i+1
	}
	if name = trim(name); len(name) == 0 {
		return
	}
	is := func(s string) bool { return sipwire.EqualFold(name, s) }
	switch name[0] | 0x20 {
	case 's':
		switch {
		case is("sendrecv"):
			d.direct(SendRecv)
		case is("sendonly"):
			d.direct(SendOnly)
		case is("ssrc"), is("ssrc-group"):
			d.readSource(text, len(name) > len("ssrc"))
		}
	case 'r':
		switch {
		case is("rtpmap"):
			d.readClock(text)
		case is("recvonly"):
			d.direct(RecvOnly)
		case is("rtcp"):
			d.readRTCP(text, line)
		case is("rtcp-mux"):
			if m := d.current(); m != nil {
				m.Mux = true
			}
		case is("remote-candidates"):
			d.leaveOut(line)
		}
	case 'i':
		if is("inactive") {
			d.direct(Inactive)
		} else if len(name) > 4 && sipwire.EqualFold(name[:4], "ice-") {
			d.leaveOut(line)
		}
	case 'c', 'e', 'a':
		// RFC 8839 §5, RFC 8840, RFC 6947: other places for the same media would bypass the relay, and the relay answers no
		// connectivity check at the one that it offers.
		if is("candidate") || is("end-of-candidates") || is("altc") {
			d.leaveOut(line)
		}
	case 'm':
		if m := d.current(); m != nil && is("mid") {
			m.mid = trim(d.body[text.off:text.end])
		}
	case 'g':
		if d.current() == nil && is("group") {
			d.bundle.read(d.body, text)
		}
	}
}

// direct sets the direction of the m-line, or of all that say nothing else (RFC 8866 §6.7).
func (d *Description) direct(to Direction) {
	if m := d.current(); m != nil {
		m.Direction = to
	} else {
		d.direction = to
	}
}

// readSource is a=ssrc or a=ssrc-group (RFC 5576 §4).
func (d *Description) readSource(text span, group bool) {
	m := d.current()
	if m == nil {
		return
	}
	w := word(d.body, text)
	source := d.body[w.off:w.end]
	if d.now.source == nil {
		d.now.source = source
	}
	m.Many = m.Many || group || !bytes.Equal(source, d.now.source)
}
