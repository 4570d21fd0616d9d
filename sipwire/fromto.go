package sipwire

// FromTag is the tag of the From header, empty when it has none.
func (m *Message) FromTag() []byte { return m.tag(From) }

// ToTag is the tag of the To header, empty when it has none: a request without it opens a dialog or stands alone.
func (m *Message) ToTag() []byte { return m.tag(To) }

func (m *Message) tag(id HeaderID) []byte {
	h := m.header(id)
	if h == nil {
		return nil
	}
	_, params, ok := address(m.raw, h.Value)
	if !ok {
		return nil
	}
	p, _ := findParam(m.raw, params, h.Value.End, "tag")
	return m.Bytes(p.value)
}

// validAddress checks a From or To: balanced quotes and brackets, and a URI in it (RFC 3261 §20.20, §20.39).
func (m *Message) validAddress(id HeaderID) bool {
	h := m.header(id)
	uri, _, ok := address(m.raw, h.Value)
	if !ok {
		return false
	}
	_, ok = ParseURI(m.Bytes(uri))
	return ok
}
