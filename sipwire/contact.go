package sipwire

// ContactValue is one value of a Contact header (RFC 3261 §20.10).
type ContactValue struct {
	URI    Span // without angle brackets
	Star   bool // "*", in a REGISTER
	header int
	next   int32
}

// Contacts walks all Contact values in order:
//
//	for c, ok := m.FirstContact(); ok; c, ok = m.NextContact(c) { … }
//
// A value that cannot be read has an empty URI and is no Star.
func (m *Message) FirstContact() (ContactValue, bool) {
	if k := m.first[Contact]; k != 0 {
		return m.contactAt(int(k)-1, m.headers[k-1].Value.Off), true
	}
	return ContactValue{}, false
}

// NextContact is the value behind c.
func (m *Message) NextContact(c ContactValue) (ContactValue, bool) {
	if c.next >= 0 {
		return m.contactAt(c.header, c.next), true
	}
	for k := c.header + 1; k < len(m.headers); k++ {
		if m.headers[k].ID == Contact {
			return m.contactAt(k, m.headers[k].Value.Off), true
		}
	}
	return ContactValue{}, false
}

func (m *Message) contactAt(header int, off int32) ContactValue {
	c := ContactValue{header: header}
	it, next, ok := item(m.raw, off, m.headers[header].Value.End)
	c.next = next
	if !ok {
		return c
	}
	if it.Len() == 1 && m.raw[it.Off] == '*' {
		c.Star = true
		return c
	}
	if uri, _, ok := address(m.raw, it); ok {
		c.URI = uri
	}
	return c
}
