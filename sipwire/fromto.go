package sipwire

// party is the From or the To header, read once.
type party struct {
	tag Span
	ok  bool // quotes and brackets pair, and there is a URI
}

// readParty looks for what a proxy needs of a From or To (RFC 3261 §20.20, §20.39). The URI itself is not judged: the
// proxy makes no use of it (RFC 3261 §16.3 step 1).
func (m *Message) readParty(id HeaderID) (p party) {
	f := m.field(id)
	if f == nil {
		return p
	}
	var params int32
	if _, params, _, p.ok = address(m.raw, f.value); p.ok {
		tag, _ := findParam(m.raw, params, f.value.End, "tag")
		p.tag = tag.value
	}
	return p
}

// FromTag is the tag of the From header, empty when it has none.
func (m *Message) FromTag() []byte { return m.Bytes(m.from.tag) }

// ToTag is the tag of the To header, empty when it has none: a request without it opens a dialog or stands alone.
func (m *Message) ToTag() []byte { return m.Bytes(m.to.tag) }

// FromUser is the user part of the From header's URI, empty when it has none.
func (m *Message) FromUser() []byte {
	u, _ := ParseURI(m.FromURI())
	return u.User
}

// Session is the Session-ID header field (RFC 7989) with its parameters, empty when there is none.
func (m *Message) Session() []byte { return m.value(SessionID) }
