package sipwire

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
