package sipwire

// ContactValue is one value of a Contact header (RFC 3261 §20.10).
type ContactValue struct {
	URI  Span // without angle brackets; empty when the value cannot be read
	Star bool // "*", in a REGISTER
	bare bool // the URI stands without angle brackets
	rest values
}

// FirstContact begins a walk over all Contact values, in order:
//
//	for c, ok := m.FirstContact(); ok; c, ok = m.NextContact(c) { … }
func (m *Message) FirstContact() (ContactValue, bool) {
	if !m.Has(Contact) {
		return ContactValue{}, false
	}
	return m.NextContact(ContactValue{rest: m.values(Contact)})
}

// NextContact is the value behind c.
func (m *Message) NextContact(c ContactValue) (ContactValue, bool) {
	next := ContactValue{rest: c.rest}
	it, _, ok := next.rest.next(m, Contact)
	if !ok {
		return ContactValue{}, false
	}
	if next.Star = it.Len() == 1 && m.raw[it.Off] == '*'; next.Star {
		return next, true
	}
	uri, _, bare, readable := address(m.raw, it)
	if readable {
		next.URI, next.bare = uri, bare
	}
	return next, true
}

// SetContact puts the URI that was appended to Text in the place of the one of c. A URI that stood without angle
// brackets gets them: its parameters would be the header's otherwise.
func (m *Message) SetContact(c ContactValue, text []byte) {
	m.Replace(c.URI, text)
	if c.bare {
		m.ReplaceString(Span{c.URI.Off, c.URI.Off}, "<")
		m.ReplaceString(Span{c.URI.End, c.URI.End}, ">")
	}
}
