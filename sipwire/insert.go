package sipwire

// Insert puts what was appended to Text, whole header lines, above the first header of that kind; when there is none,
// below the Vias that the message begins with. Vias and Record-Routes go on top of those that are there (RFC 3261
// §16.6 steps 4 and 8).
func (m *Message) Insert(above HeaderID, text []byte) {
	at := m.head
	if f := m.field(above); f != nil {
		at = f.start
	} else {
		for i := 0; i < len(m.fields) && m.fields[i].id == Via; i++ {
			at = m.fields[i].end
		}
	}
	m.Replace(Span{at, at}, text)
}
