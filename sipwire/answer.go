package sipwire

import "strconv"

// AppendAnswer appends a response to this request that a stateless server makes (RFC 3261 §8.2.6, §8.2.7): the Vias as
// they stand with their edits, From, To with tag where it has none, Call-ID and CSeq as received, and extra, which is
// empty or whole header lines. A header that the request lacks is lacking in the answer.
func (m *Message) AppendAnswer(dst []byte, status int, reason string, tag, extra []byte) []byte {
	dst = append(dst, "SIP/2.0 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	dst = append(dst, "\r\n"...)
	for i := range m.headers {
		if h := &m.headers[i]; h.ID == Via {
			dst = m.appendRange(dst, Span{h.Start, h.End})
		}
	}
	for _, id := range [...]HeaderID{From, To, CallID, CSeq} {
		h := m.header(id)
		if h == nil {
			continue
		}
		if id == To && len(tag) > 0 && len(m.ToTag()) == 0 {
			dst = append(dst, m.raw[h.Start:h.Value.End]...)
			dst = append(dst, ";tag="...)
			dst = append(dst, tag...)
			dst = append(dst, "\r\n"...)
			continue
		}
		dst = append(dst, m.raw[h.Start:h.End]...)
	}
	dst = append(dst, extra...)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}
