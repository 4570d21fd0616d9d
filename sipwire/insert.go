package sipwire

// Insert puts what was appended to Text, whole header lines, above the first header of that kind, or behind the start
// line when there is none. Vias and Record-Routes go on top of those that are there (RFC 3261 §16.6 steps 4 and 8).
func (m *Message) Insert(above HeaderID, text []byte) {
	at := m.fields
	if h := m.header(above); h != nil {
		at = h.Start
	}
	m.Replace(Span{at, at}, text)
}
