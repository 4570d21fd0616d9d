package sdpwire

import (
	"bytes"
	"net/netip"

	"github.com/actorsip/actorsip/sipwire"
)

// connection is "nettype addrtype address" (RFC 8866 §5.7), as c=, o= and a=rtcp carry it.
type connection struct {
	form form
	addr netip.Addr // literal
	name []byte     // named
	text span       // all of it
	at   span       // addrtype and address, with what hangs on it
}

type form uint8

const (
	absent form = iota
	unreadable
	literal
	named
)

// connectionIn reads a connection that fills a span. Anything but IN IP4 and IN IP6 is unreadable; which of the two it is,
// the address tells better than the addrtype. A ttl and a number of addresses hang on the address (RFC 8866 §5.7); for a
// unicast address they mean nothing.
func connectionIn(body []byte, in span) (c connection) {
	net := word(body, in)
	kind := word(body, span{net.end, in.end})
	where := word(body, span{kind.end, in.end})
	c.form, c.text, c.at = unreadable, span{net.off, where.end}, span{kind.off, where.end}
	if extra := word(body, span{where.end, in.end}); extra.off < extra.end || !isInternet(body, net, kind) {
		return c
	}
	address, _, _ := bytes.Cut(body[where.off:where.end], []byte("/"))
	if addr, ok := sipwire.ParseAddr(address); ok {
		c.form, c.addr = literal, addr
	} else if isName(address) {
		c.form, c.name = named, address
	}
	return c
}

func isInternet(body []byte, net, kind span) bool {
	k := body[kind.off:kind.end]
	return sipwire.EqualFold(body[net.off:net.end], "IN") && (sipwire.EqualFold(k, "IP4") || sipwire.EqualFold(k, "IP6"))
}

// isName wants a letter: an address that is mistyped is no name.
func isName(b []byte) bool {
	letter := false
	for _, c := range b {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letter = true
		case c >= '0' && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return letter
}

// held tells the address that asks for no media (RFC 3264 §8.4, which has it for IPv4).
func (c *connection) held() bool { return c.form == literal && c.addr.IsUnspecified() }

// readConnection is a c= line; of several the first one counts, and all are rewritten.
func (d *Description) readConnection(value span, after int) {
	c := connectionIn(d.body, value)
	if c.form != unreadable {
		d.add(place{what: connectionPlace, at: c.at, held: c.held(), multicast: c.addr.IsMulticast()})
	}
	switch {
	case len(d.Media) > 0:
		d.now.unreadable = d.now.unreadable || c.form == unreadable
		if d.now.connection.form == absent {
			d.now.connection = c
		}
	case d.connection.form == absent:
		d.connection, d.lineEnd = c, span{value.end, after}
	}
}
