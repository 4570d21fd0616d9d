package sipwire

// Message is a SIP message, indexed in place, with the edits to be made to it. It is reused: Parse forgets what was
// there before. It must not be copied, and it is valid as long as the bytes that were parsed.
type Message struct {
	raw     []byte
	fault   Fault
	request bool
	status  int
	method  Span
	uri     Span

	start  int32 // first byte of the start line
	head   int32 // first byte of the first header field
	eoh    int32 // first byte of the empty line
	body   Span  // the bytes that Content-Length covers
	lines  int   // of the header fields
	fields []field
	first  [numHeaders]int16 // index+1 of the first header field with that ID
	count  [numHeaders]int16

	top      ViaValue
	topOK    bool
	from, to party

	edits   []edit
	text    []byte // the replacement texts of the edits
	newURI  Span   // in text; empty while the received one stands
	target  target // of the current one
	route   routeSet
	flushed bool // the edits of request-URI and route set are among the others

	fieldStore [64]field
	editStore  [32]edit
	textStore  [2048]byte
}

// Parse indexes raw, which the message then refers to. The fault is None for a message that may be forwarded; a fault
// with a Status can be answered with it; any other means that raw is no SIP message worth an answer.
func (m *Message) Parse(raw []byte) Fault {
	m.raw, m.fault = raw, None
	m.request, m.status = false, 0
	m.method, m.uri = Span{}, Span{}
	end := int32(len(raw))
	m.start, m.head, m.eoh, m.body = 0, end, end, Span{end, end}
	m.fields, m.lines = m.fieldStore[:0], 0
	m.first, m.count = [numHeaders]int16{}, [numHeaders]int16{}
	m.top, m.topOK = ViaValue{}, false
	m.from, m.to = party{}, party{}
	m.edits, m.text = m.editStore[:0], m.textStore[:0]
	m.newURI, m.flushed, m.target.known = Span{}, false, false
	m.route.reset()
	m.index()
	if !m.fault.isSilent() {
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

// field is the first header field of that kind, nil when there is none.
func (m *Message) field(id HeaderID) *field {
	if k := m.first[id]; k != 0 {
		return &m.fields[k-1]
	}
	return nil
}

// value is the value of the first header of that kind, empty when there is none.
func (m *Message) value(id HeaderID) []byte {
	if f := m.field(id); f != nil {
		return m.Bytes(f.value)
	}
	return nil
}
