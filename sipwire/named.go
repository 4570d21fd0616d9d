package sipwire

// Name is the name of any header, with its compact form. The zero Name is that of no header.
type Name struct {
	long    string
	compact string   // empty when it has none
	id      HeaderID // of the headers that are indexed
}

// compacts are the compact forms that are registered (RFC 3261 §7.3.3 and those that came later).
var compacts = [...][2]string{
	{"accept-contact", "a"},
	{"referred-by", "b"},
	{"content-type", "c"},
	{"request-disposition", "d"},
	{"content-encoding", "e"},
	{"from", "f"},
	{"call-id", "i"},
	{"reject-contact", "j"},
	{"supported", "k"},
	{"content-length", "l"},
	{"contact", "m"},
	{"identity-info", "n"},
	{"event", "o"},
	{"refer-to", "r"},
	{"subject", "s"},
	{"to", "t"},
	{"allow-events", "u"},
	{"via", "v"},
	{"session-expires", "x"},
	{"identity", "y"},
}

// ParseName reads a header name in its long or compact form, in any case. ok is false for what cannot be one.
func ParseName(s string) (n Name, ok bool) {
	if !allOf([]byte(s), classToken) {
		return n, false
	}
	n.long = s
	for _, c := range compacts {
		if EqualFold([]byte(s), c[0]) || EqualFold([]byte(s), c[1]) {
			n.long, n.compact = c[0], c[1]
		}
	}
	n.id = identify([]byte(n.long))
	return n, true
}

// String is the long form.
func (n Name) String() string { return n.long }

// NextNamed walks the header fields of any name, in order, with the received values as they stand, folds included. It
// begins with at 0, and at 0 it is over:
//
//	for v, at := m.NextNamed(name, 0); at > 0; v, at = m.NextNamed(name, at) { … }
func (m *Message) NextNamed(n Name, at int) (value Span, next int) {
	for i := at; i < len(m.fields); i++ {
		f := &m.fields[i]
		if f.id == n.id && (n.id != Other || m.isNamed(f, n.long) || m.isNamed(f, n.compact)) {
			return f.value, i + 1
		}
	}
	return Span{}, 0
}

// isNamed tells whether a header field bears that name: it ends where the next byte is no part of a name.
func (m *Message) isNamed(f *field, name string) bool {
	end := int(f.start) + len(name)
	return name != "" && end < len(m.raw) && classes[m.raw[end]]&classToken == 0 && EqualFold(m.raw[f.start:end], name)
}

// FromURI is the URI of the From header as written, empty when there is none that can be found.
func (m *Message) FromURI() []byte { return m.partyURI(From) }

// ToURI is the URI of the To header as written, empty when there is none that can be found.
func (m *Message) ToURI() []byte { return m.partyURI(To) }

func (m *Message) partyURI(id HeaderID) []byte {
	f := m.field(id)
	if f == nil {
		return nil
	}
	uri, _, _, ok := address(m.raw, f.value)
	if !ok {
		return nil
	}
	return m.Bytes(uri)
}
