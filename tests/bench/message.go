package main

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
)

const maxLines = 8 // header lines of one name that a message of a bench call can carry

var (
	errStartLine = errors.New("the start line is no SIP/2.0 request or status line")
	errHeader    = errors.New("a header line is malformed")
	errLines     = errors.New("a header has more lines than a call of this bench can have")
	errLength    = errors.New("Content-Length does not fit the datagram")
	errURI       = errors.New("a URI does not name an address")
)

// lines are the values of all header lines of one name, in order.
type lines struct {
	value [maxLines][]byte
	n     int
}

func (l *lines) all() [][]byte { return l.value[:l.n] }

// message is what a phone looks at, as slices of the datagram. It is the bench's own reading of SIP, so that no
// forwarder is judged by its own parser.
type message struct {
	method      []byte // a request's; nil for a response
	uri         []byte // a request's
	status      int    // a response's
	via         lines
	recordRoute lines
	route       lines
	from        []byte
	to          []byte
	callID      []byte
	cseq        []byte
	contact     []byte
	maxForwards []byte
	body        []byte
}

// parse reads one datagram. Header names are expected in their long form, as the phones write them.
func (m *message) parse(b []byte) error {
	line, rest, ok := cutLine(b)
	if !ok || !m.startLine(line) {
		return errStartLine
	}
	m.via.n, m.recordRoute.n, m.route.n = 0, 0, 0
	m.from, m.to, m.callID, m.cseq, m.contact, m.maxForwards = nil, nil, nil, nil, nil, nil
	length := 0
	for {
		if line, rest, ok = cutLine(rest); !ok {
			return errHeader
		}
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			return errHeader
		}
		name, value := bytes.TrimRight(line[:colon], " \t"), bytes.TrimSpace(line[colon+1:])
		if is(name, "Content-Length") {
			n, err := strconv.Atoi(string(value))
			if err != nil {
				return errLength
			}
			length = n
			continue
		}
		if err := m.header(name, value); err != nil {
			return err
		}
	}
	if length != len(rest) {
		return errLength
	}
	m.body = rest
	return nil
}

func (m *message) startLine(line []byte) bool {
	m.method, m.uri, m.status = nil, nil, 0
	if status, ok := bytes.CutPrefix(line, []byte("SIP/2.0 ")); ok {
		if len(status) < 4 || status[3] != ' ' {
			return false
		}
		n, err := strconv.Atoi(string(status[:3]))
		m.status = n
		return err == nil
	}
	request, ok := bytes.CutSuffix(line, []byte(" SIP/2.0"))
	if !ok {
		return false
	}
	m.method, m.uri, ok = bytes.Cut(request, []byte{' '})
	return ok
}

func (m *message) header(name, value []byte) error {
	switch {
	case is(name, "Via"):
		return m.via.add(value)
	case is(name, "Record-Route"):
		return m.recordRoute.add(value)
	case is(name, "Route"):
		return m.route.add(value)
	case is(name, "From"):
		m.from = value
	case is(name, "To"):
		m.to = value
	case is(name, "Call-ID"):
		m.callID = value
	case is(name, "CSeq"):
		m.cseq = value
	case is(name, "Contact"):
		m.contact = value
	case is(name, "Max-Forwards"):
		m.maxForwards = value
	}
	return nil
}

func (l *lines) add(value []byte) error {
	if l.n == maxLines {
		return errLines
	}
	l.value[l.n] = value
	l.n++
	return nil
}

// elements appends the comma-separated values of all lines to dst (RFC 3261 §7.3.1); commas inside <> and quotes do
// not separate.
func (l *lines) elements(dst [][]byte) [][]byte {
	for _, v := range l.all() {
		start, angle, quote := 0, false, false
		for i, c := range v {
			switch {
			case c == '"':
				quote = !quote
			case quote:
			case c == '<':
				angle = true
			case c == '>':
				angle = false
			case c == ',' && !angle:
				dst = append(dst, bytes.TrimSpace(v[start:i]))
				start = i + 1
			}
		}
		dst = append(dst, bytes.TrimSpace(v[start:]))
	}
	return dst
}

// uriOf is the URI between the angle brackets of a Contact, Route or Record-Route value; nil without them.
func uriOf(value []byte) []byte {
	_, v, _ := bytes.Cut(value, []byte{'<'})
	uri, _, ok := bytes.Cut(v, []byte{'>'})
	if !ok {
		return nil
	}
	return uri
}

// hostOf is the address that a SIP URI names; the port is 5060 when none is written (RFC 3261 §19.1.2).
func hostOf(uri []byte) (netip.AddrPort, error) {
	host, ok := bytes.CutPrefix(uri, []byte("sip:"))
	if !ok {
		return netip.AddrPort{}, errURI
	}
	if i := bytes.IndexAny(host, ";?"); i >= 0 {
		host = host[:i]
	}
	if i := bytes.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if a, err := netip.ParseAddrPort(string(host)); err == nil {
		return a, nil
	}
	a, err := netip.ParseAddr(string(host))
	if err != nil {
		return netip.AddrPort{}, errURI
	}
	return netip.AddrPortFrom(a, 5060), nil
}

func cutLine(b []byte) (line, rest []byte, ok bool) { return bytes.Cut(b, []byte("\r\n")) }

func is(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}
