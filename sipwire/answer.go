package sipwire

import (
	"bytes"
	"strconv"
)

// AppendAnswer appends a response to this request that a stateless server makes (RFC 3261 §8.2.6, §8.2.7): the Vias as
// they stand with their edits, From, To with tag where it has none, Call-ID and CSeq as received, and extra, which is
// empty or whole header lines. A header that the request lacks is lacking in the answer.
func (m *Message) AppendAnswer(dst []byte, status int, reason string, tag, extra []byte) []byte {
	dst = append(dst, "SIP/2.0 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	dst = append(dst, "\r\n"...)
	for i := range m.fields {
		if f := &m.fields[i]; f.id == Via {
			dst = endLine(m.appendRange(dst, Span{f.start, f.end}))
		}
	}
	for _, id := range [...]HeaderID{From, To, CallID, CSeq} {
		f := m.field(id)
		if f == nil {
			continue
		}
		if id == To && len(tag) > 0 && m.to.tag.Empty() {
			dst = m.appendTagged(dst, f, tag)
			continue
		}
		dst = endLine(append(dst, m.raw[f.start:f.end]...))
	}
	dst = append(dst, extra...)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

// appendTagged appends the To header with a tag. A tag parameter that has no value yet gets it.
func (m *Message) appendTagged(dst []byte, to *field, tag []byte) []byte {
	at, lead := m.to.tag.Off, ""
	if at == 0 {
		at, lead = to.value.End, ";tag="
	}
	dst = append(dst, m.raw[to.start:at]...)
	dst = append(dst, lead...)
	dst = append(dst, tag...)
	dst = append(dst, m.raw[at:to.value.End]...)
	return append(dst, "\r\n"...)
}

// endLine ends with CRLF a line that was received with a bare LF.
func endLine(dst []byte) []byte {
	if bytes.HasSuffix(dst, []byte("\r\n")) {
		return dst
	}
	return append(dst[:len(dst)-1], "\r\n"...)
}
