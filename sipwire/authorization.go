package sipwire

// CredentialsValue is one Authorization or Proxy-Authorization header field (RFC 3261 §20.7, §20.28). Each field has one
// value: the commas in it part parameters.
type CredentialsValue struct {
	Value Span // without the white space around it; may hold folds
	field int
}

// FirstCredentials begins a walk over the header fields of that kind, Authorization or ProxyAuthorization, in order:
//
//	for c, ok := m.FirstCredentials(id); ok; c, ok = m.NextCredentials(c) { … }
func (m *Message) FirstCredentials(id HeaderID) (CredentialsValue, bool) {
	if !m.Has(id) {
		return CredentialsValue{}, false
	}
	return m.credentials(int(m.first[id]) - 1)
}

// NextCredentials is the field of the same kind behind c.
func (m *Message) NextCredentials(c CredentialsValue) (CredentialsValue, bool) {
	id := m.fields[c.field].id
	for k := c.field + 1; k < len(m.fields); k++ {
		if m.fields[k].id == id {
			return m.credentials(k)
		}
	}
	return CredentialsValue{}, false
}

func (m *Message) credentials(k int) (CredentialsValue, bool) {
	return CredentialsValue{Value: m.fields[k].value, field: k}, true
}

// TakeCredentials leaves the header field of c out: whoever they were for has read them.
func (m *Message) TakeCredentials(c CredentialsValue) {
	f := &m.fields[c.field]
	line := Span{f.start, f.end}
	for i := range m.edits {
		if m.edits[i].cover == line {
			return // somebody else has read them too
		}
	}
	m.Delete(line)
}
