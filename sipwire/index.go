package sipwire

import "bytes"

// HeaderID names the headers that a proxy reads. All others are Other: they leave as they came.
type HeaderID uint8

// The headers that are indexed.
const (
	Other HeaderID = iota
	Via
	From
	To
	CallID
	CSeq
	Contact
	Route
	RecordRoute
	MaxForwards
	ContentLength
	ContentType
	ProxyRequire
	numHeaders
)

// Header is one header field with its folded lines. Start is its first byte, End the first byte behind its line end.
type Header struct {
	ID         HeaderID
	Name       Span // without the blanks before the colon
	Value      Span // without the white space around it; may hold folds
	Start, End int32
}

// MaxHeaders bounds the header fields of one message; more is a fault. Real messages have fewer than 60.
const MaxHeaders = 256

// Message is a SIP message, indexed in place, with the edits to be made to it. It is reused: Parse forgets what was
// there before. It must not be copied, and it is valid as long as the bytes that were parsed.
type Message struct {
	raw     []byte
	request bool
	status  int
	method  Span
	uri     Span
	newURI  Span // in text; empty while the received one stands
	fault   Fault

	headers []Header
	first   [numHeaders]int16 // index+1 of the first header with that ID
	count   [numHeaders]int16
	start   int32 // first byte of the start line
	fields  int32 // first byte of the first header
	eoh     int32 // first byte of the empty line
	body    Span  // the bytes that Content-Length covers

	edits   []edit
	flushed bool   // the edits of request-URI and route set are among them
	text    []byte // the replacement texts of the edits
	route   routeSet

	headerStore [64]Header
	editStore   [32]edit
	textStore   [2048]byte
}

// Parse indexes raw, which the message then refers to. The fault is None for a message that may be forwarded; a fault
// with a Status can be answered with it; any other means that raw is no SIP message worth an answer.
func (m *Message) Parse(raw []byte) Fault {
	m.raw, m.fault = raw, None
	m.status, m.request = 0, false
	m.method, m.uri, m.newURI = Span{}, Span{}, Span{}
	m.headers = m.headerStore[:0]
	m.first, m.count = [numHeaders]int16{}, [numHeaders]int16{}
	m.edits, m.text = m.editStore[:0], m.textStore[:0]
	m.route.reset()
	m.flushed = false
	m.index()
	if m.fault.Status() != 0 || m.fault == None {
		m.validate()
	}
	return m.fault
}

// fail keeps the first fault: it is the one that is answered.
func (m *Message) fail(f Fault) {
	if m.fault == None {
		m.fault = f
	}
}

func (m *Message) index() {
	raw := m.raw
	p := int32(0)
	for int(p) < len(raw) && (raw[p] == '\r' || raw[p] == '\n') { // RFC 3261 §7.5: empty lines before the start line
		p++
	}
	eol := bytes.IndexByte(raw[p:], '\n')
	if eol < 0 {
		m.fail(NotSIP)
		return
	}
	m.start = p
	if m.startLine(p, p+int32(eol)); m.fault != None && m.fault.Status() == 0 {
		return
	}
	p += int32(eol) + 1
	m.fields = p
	for {
		if int(p) >= len(raw) {
			m.fail(Truncated)
			return
		}
		if raw[p] == '\n' || raw[p] == '\r' && int(p)+1 < len(raw) && raw[p+1] == '\n' {
			break
		}
		next := fieldEnd(raw, p)
		if next < 0 {
			m.fail(Truncated)
			return
		}
		m.field(p, next)
		if m.fault == TooManyHeaders {
			return
		}
		p = next
	}
	m.eoh = p
	if raw[p] == '\r' {
		p++
	}
	m.body = Span{p + 1, int32(len(raw))}
}

// fieldEnd is the offset behind the header that begins at p, folded lines included; -1 when it does not end.
func fieldEnd(raw []byte, p int32) int32 {
	for {
		i := bytes.IndexByte(raw[p:], '\n')
		if i < 0 {
			return -1
		}
		p += int32(i) + 1
		if int(p) >= len(raw) || raw[p] != ' ' && raw[p] != '\t' {
			return p
		}
	}
}

func (m *Message) field(start, end int32) {
	raw := m.raw
	colon := start
	for colon < end && raw[colon] != ':' {
		colon++
	}
	if colon == end {
		m.fail(NoColon)
		return
	}
	name := trim(raw, start, colon)
	if !allOf(raw[name.Off:name.End], classToken) || name.Off != start {
		m.fail(BadHeaderName)
		return
	}
	if len(m.headers) == MaxHeaders {
		m.fail(TooManyHeaders)
		return
	}
	id := identify(raw[name.Off:name.End])
	m.headers = append(m.headers, Header{
		ID: id, Name: name, Value: trim(raw, colon+1, end), Start: start, End: end,
	})
	if m.first[id] == 0 {
		m.first[id] = int16(len(m.headers))
	}
	m.count[id]++
}

// identify knows a header name in any case and its compact form (RFC 3261 §7.3.3).
func identify(name []byte) HeaderID {
	switch len(name) {
	case 1:
		switch name[0] | 0x20 {
		case 'v':
			return Via
		case 'f':
			return From
		case 't':
			return To
		case 'i':
			return CallID
		case 'm':
			return Contact
		case 'l':
			return ContentLength
		case 'c':
			return ContentType
		}
	case 2:
		return match(name, "to", To)
	case 3:
		return match(name, "via", Via)
	case 4:
		if name[0]|0x20 == 'f' {
			return match(name, "from", From)
		}
		return match(name, "cseq", CSeq)
	case 5:
		return match(name, "route", Route)
	case 7:
		if name[1]|0x20 == 'a' {
			return match(name, "call-id", CallID)
		}
		return match(name, "contact", Contact)
	case 12:
		switch name[0] | 0x20 {
		case 'r':
			return match(name, "record-route", RecordRoute)
		case 'm':
			return match(name, "max-forwards", MaxForwards)
		case 'c':
			return match(name, "content-type", ContentType)
		}
	case 13:
		return match(name, "proxy-require", ProxyRequire)
	case 14:
		return match(name, "content-length", ContentLength)
	}
	return Other
}

func match(name []byte, want string, id HeaderID) HeaderID {
	if equalFold(name, want) {
		return id
	}
	return Other
}

// Raw is the message as it was received.
func (m *Message) Raw() []byte { return m.raw }

// Bytes is the part of the received message that a span covers.
func (m *Message) Bytes(s Span) []byte { return m.raw[s.Off:s.End] }

// IsRequest tells a request from a response.
func (m *Message) IsRequest() bool { return m.request }

// Body is what stands behind the empty line, as far as Content-Length says (RFC 3261 §18.3).
func (m *Message) Body() []byte { return m.Bytes(m.body) }

// Has tells whether there is at least one header of that kind.
func (m *Message) Has(id HeaderID) bool { return m.first[id] != 0 }

// header is the first header of that kind, nil when there is none.
func (m *Message) header(id HeaderID) *Header {
	if k := m.first[id]; k != 0 {
		return &m.headers[k-1]
	}
	return nil
}

// value is the value of the first header of that kind, empty when there is none.
func (m *Message) value(id HeaderID) []byte {
	if h := m.header(id); h != nil {
		return m.Bytes(h.Value)
	}
	return nil
}
