package sipwire

import "strconv"

// checkLength holds the body against Content-Length (RFC 3261 §18.3): bytes behind it are no part of the message, and a
// datagram that is too short is refused. Without the header the body reaches to the end of the datagram. Two lengths
// are refused even when they are equal: the header is no list (RFC 3261 §7.3.1).
func (m *Message) checkLength() {
	f := m.field(ContentLength)
	if f == nil {
		return
	}
	n, ok := number(m.Bytes(f.value))
	switch {
	case !ok || m.count[ContentLength] > 1:
		m.fail(BadLength)
	case n > m.body.Len():
		m.fail(ShortBody)
	default:
		m.body.End = m.body.Off + int32(n)
	}
}

// AddLength puts a Content-Length on a message that has none, as it may be in a datagram: over a stream it must be there (RFC 3261 §18.3,
// §20.14). It counts the body that leaves, so ReplaceBody comes before it.
func (m *Message) AddLength() {
	if m.Has(ContentLength) {
		return
	}
	n := m.body.Len()
	for i := range m.edits {
		if e := &m.edits[i]; e.cover.Off >= m.body.Off {
			n += e.text.Len() + len(e.kept) - e.cover.Len()
		}
	}
	m.Insert(ContentLength, append(strconv.AppendInt(append(m.Text(), "Content-Length: "...), int64(n), 10), "\r\n"...))
}
