package sipwire

import "bytes"

// MaxHeaders bounds the header fields of one message; more is a fault. Real messages have fewer than 60.
const MaxHeaders = 256

// field is one header field with its folded lines.
type field struct {
	id         HeaderID
	start, end int32 // from its first byte to the first one behind its line end
	value      Span  // without the white space around it; may hold folds
}

// index finds the start line, the header fields and the body.
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
	m.start, m.head = p, p+int32(eol)+1
	if m.startLine(raw[p : p+int32(eol)]); m.fault.isSilent() {
		return
	}
	if eol == 0 || raw[m.head-2] != '\r' {
		m.fail(BadLineEnd)
	}
	for p = m.head; int(p) < len(raw); {
		if raw[p] == '\n' || raw[p] == '\r' && int(p)+1 < len(raw) && raw[p+1] == '\n' {
			m.eoh = p
			if raw[p] == '\n' {
				m.fail(BadLineEnd)
			}
			p += int32(bytes.IndexByte(raw[p:], '\n')) + 1
			m.body = Span{p, int32(len(raw))}
			m.checkLineEnds(raw[m.head:m.eoh])
			return
		}
		end := m.fieldEnd(p)
		if end < 0 {
			break
		}
		if len(m.fields) == MaxHeaders {
			m.fail(TooManyHeaders)
			return
		}
		m.addField(p, end)
		p = end
	}
	m.fault = Truncated
}

// fieldEnd is the offset behind the header field that begins at p, folded lines included; -1 when it does not end.
func (m *Message) fieldEnd(p int32) int32 {
	raw := m.raw
	for {
		i := bytes.IndexByte(raw[p:], '\n')
		if i < 0 {
			return -1
		}
		p += int32(i) + 1
		m.lines++
		if p < 2 || raw[p-2] != '\r' {
			m.fail(BadLineEnd)
		}
		if int(p) >= len(raw) || raw[p] != ' ' && raw[p] != '\t' {
			return p
		}
	}
}

// checkLineEnds wants no CR but those of the line ends (RFC 3261 §25.1, CRLF). Where one reader sees a line end and the
// next one does not, a header could be shown to the one and hidden from the other.
func (m *Message) checkLineEnds(fields []byte) {
	if bytes.Count(fields, cr) != m.lines {
		m.fail(BadLineEnd)
	}
}

var cr = []byte("\r")

// addField reads: token *( SP / HTAB ) ":" value. A line that is no header field is a fault, and passed over.
func (m *Message) addField(start, end int32) {
	raw := m.raw
	p := start
	for p < end && classes[raw[p]]&classToken != 0 {
		p++
	}
	name := raw[start:p]
	for p < end && (raw[p] == ' ' || raw[p] == '\t') {
		p++
	}
	switch {
	case p < end && raw[p] == ':' && len(name) > 0:
	case bytes.IndexByte(raw[start:end], ':') < 0:
		m.fail(NoColon)
		return
	default:
		m.fail(BadHeaderName)
		return
	}
	id := identify(name)
	m.fields = append(m.fields, field{id: id, start: start, end: end, value: trim(raw, p+1, end)})
	if m.first[id] == 0 {
		m.first[id] = int16(len(m.fields))
	}
	m.count[id]++
}
