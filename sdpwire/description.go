package sdpwire

// What is taken at most; more is a fault.
const (
	MaxSize   = 64 << 10 // bytes
	MaxMedia  = 64       // m-lines
	MaxPairs  = 32       // pairs of ports of one m-line
	MaxPlaces = 1024     // places that may have to be rewritten; neighbouring lines that are left out count as one
)

// Description is a session description, indexed in place. It is reused: Parse forgets what was there before, and takes no
// memory once it has met descriptions as large. It must not be copied, and it is valid as long as the bytes that were
// parsed.
type Description struct {
	Media []Media // the m-lines, in order

	body       []byte
	places     []place
	rates      []Rate     // of all m-lines
	direction  Direction  // of the session
	connection connection // of the session: that of the first c= above the m-lines
	lineEnd    span       // of that line
	bundle     bundle
	now        reading
	clocks     clocks // of the m-line that is being read
}

// reading is what is known of the m-line that is being read, beside its Media.
type reading struct {
	connection connection // of its first c=
	unreadable bool       // one of its c= cannot be read
	rtcp       rtcp
	source     []byte // of its first a=ssrc
}

// Parse indexes body, which the description then refers to. With a fault it is empty: there are no media, and Append
// gives body as it is.
func (d *Description) Parse(body []byte) Fault {
	d.Media, d.places, d.rates = d.Media[:0], d.places[:0], d.rates[:0]
	d.body, d.direction, d.connection = body, SendRecv, connection{}
	d.bundle.reset()
	fault := TooLong
	if len(body) <= MaxSize {
		fault = d.read()
	}
	if fault != None {
		d.Media, d.places = d.Media[:0], d.places[:0]
	}
	return fault
}

// read walks the lines: those above the first m= are the session's, those behind an m= are its own (RFC 8866 §5).
func (d *Description) read() Fault {
	known, last := false, byte(0)
	for l := linesOf(d.body); ; {
		at, after, ok := l.next()
		if !ok {
			break
		}
		if at.end-at.off < 2 || d.body[at.off+1] != '=' {
			last = 0
			continue
		}
		kind, value := d.body[at.off], span{at.off + 2, at.end}
		switch kind {
		case 'v':
			known = true
		case 'o':
			d.readOrigin(value)
		case 'c':
			d.readConnection(value, after)
		case 'm':
			known = true
			if fault := d.endMedia(); fault != None {
				return fault
			}
			if fault := d.readMedia(value); fault != None {
				return fault
			}
		case 'i':
			if last == 'm' {
				d.moveGap(at.end)
			}
		case 'a':
			d.readAttribute(value, span{at.off, after})
		}
		last = kind
	}
	if !known {
		return NotSDP
	}
	if fault := d.endMedia(); fault != None {
		return fault
	}
	if len(d.places) > MaxPlaces {
		return TooManyPlaces
	}
	d.bundle.mark(d.Media)
	return None
}

// current is the m-line that is being read, nil above the first one.
func (d *Description) current() *Media {
	if n := len(d.Media); n > 0 {
		return &d.Media[n-1]
	}
	return nil
}

// endMedia draws together what the lines of an m-line said.
func (d *Description) endMedia() Fault {
	m := d.current()
	if m == nil {
		return None
	}
	c := &d.now.connection
	if m.owns = c.form != absent; !m.owns {
		c = &d.connection
	}
	m.Addr, m.Name, m.Held = c.addr, c.name, c.addr.IsUnspecified()
	m.RTCP = d.now.rtcp.place(m.Addr)
	if m.Transport == RTP {
		d.rates = d.clocks.append(d.rates, m)
	}
	switch {
	case m.Transport == Other || m.Port == 0:
	case c.form == absent:
		return NoConnection
	case c.form == unreadable || d.now.unreadable:
		return BadConnection
	}
	return None
}
