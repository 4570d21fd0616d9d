package sipwire

// checkLength holds the body against Content-Length (RFC 3261 §18.3): bytes behind it are no part of the message, and a
// datagram that is too short is refused. Without the header the body reaches to the end of the datagram.
func (m *Message) checkLength() {
	h := m.header(ContentLength)
	if h == nil {
		return
	}
	n, ok := number(m.Bytes(h.Value))
	if !ok || m.count[ContentLength] > 1 { // two lengths are two messages to two readers, whatever they say
		m.fail(BadLength)
		return
	}
	if n > m.body.Len() {
		m.fail(ShortBody)
		return
	}
	m.body.End = m.body.Off + int32(n)
}
