package sipwire

// ContactValue is one value of a Contact header (RFC 3261 §20.10).
type ContactValue struct {
	URI  Span // without angle brackets; empty when the value cannot be read
	Star bool // "*", in a REGISTER
	bare bool // the URI stands without angle brackets
	rest values

	params Span // behind the URI: q, expires and others
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
	uri, params, bare, readable := address(m.raw, it)
	if readable {
		next.URI, next.bare, next.params = uri, bare, Span{params, it.End}
	}
	return next, true
}

// ContactParam is a parameter of the Contact itself, not of its URI, by its name in any case; value has no quotes around it.
func (m *Message) ContactParam(c ContactValue, name string) (value []byte, ok bool) {
	p, ok := findParam(m.raw, c.params.Off, c.params.End, name)
	return unquoted(m.Bytes(p.value)), ok
}

func unquoted(b []byte) []byte {
	if len(b) >= 2 && b[0] == '"' && b[len(b)-1] == '"' {
		return b[1 : len(b)-1]
	}
	return b
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
