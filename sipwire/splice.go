package sipwire

// edit replaces the received bytes at cover by a piece of the message's text, and by what another keeps for it.
type edit struct {
	cover, text Span
	kept        []byte
}

// before orders edits: by place, and at one place what is put in before what is replaced.
func (e *edit) before(f *edit) bool {
	return e.cover.Off < f.cover.Off || e.cover.Off == f.cover.Off && e.cover.Empty() && !f.cover.Empty()
}

// Text is where replacement texts grow. Append to what it gives and hand the result to Replace:
//
//	text := m.Text()
//	text = append(text, "sip:alice@example.com"...)
//	m.Replace(span, text)
func (m *Message) Text() []byte { return m.text }

// Replace puts what was appended to Text since the last edit in the place of the received bytes at s. An empty span
// inserts; insertions at the same place keep their order. Spans of different edits must not overlap.
func (m *Message) Replace(s Span, text []byte) {
	from := int32(len(m.text))
	m.text = text
	m.addEdit(edit{cover: s, text: Span{from, int32(len(text))}})
}

// addEdit is an edit whose text is there already. It is moved to its place: edits are few, and nearly in order.
func (m *Message) addEdit(e edit) {
	m.edits = append(m.edits, e)
	i := len(m.edits) - 1
	for ; i > 0 && e.before(&m.edits[i-1]); i-- {
		m.edits[i] = m.edits[i-1]
	}
	m.edits[i] = e
}

// Delete leaves the received bytes at s out.
func (m *Message) Delete(s Span) { m.Replace(s, m.text) }

// ReplaceString is Replace for a text that is at hand.
func (m *Message) ReplaceString(s Span, text string) { m.Replace(s, append(m.text, text...)) }

// Size is an upper bound of what AppendTo appends, in bytes.
func (m *Message) Size() int {
	n := len(m.raw) + len(m.text)
	for i := range m.edits {
		n += len(m.edits[i].kept)
	}
	return n
}

// AppendTo appends the message with all its edits: every byte that no edit covers as it was received, without what
// stood before the start line or behind the body (RFC 3261 §7.5, §18.3). It ends the editing of request-URI and route
// set.
func (m *Message) AppendTo(dst []byte) []byte {
	if !m.flushed {
		m.flushed = true
		if !m.newURI.Empty() {
			m.addEdit(edit{cover: m.uri, text: m.newURI})
		}
		m.route.flush(m)
	}
	return m.appendRange(dst, Span{m.start, m.body.End})
}

// appendRange appends the received bytes at s with the edits that begin in it.
func (m *Message) appendRange(dst []byte, s Span) []byte {
	pos := s.Off
	for i := range m.edits {
		e := &m.edits[i]
		if e.cover.Off < s.Off {
			continue
		}
		if e.cover.Off >= s.End {
			break
		}
		dst = append(dst, m.raw[pos:e.cover.Off]...)
		dst = append(dst, m.text[e.text.Off:e.text.End]...)
		dst = append(dst, e.kept...)
		pos = e.cover.End
	}
	return append(dst, m.raw[pos:s.End]...)
}
