package sipwire

// RequestURI is the request-URI as received.
func (m *Message) RequestURI() []byte { return m.Bytes(m.uri) }

// CurrentURI is the request-URI as it stands after SetRequestURI.
func (m *Message) CurrentURI() []byte {
	if m.newURI.Empty() {
		return m.RequestURI()
	}
	return m.text[m.newURI.Off:m.newURI.End]
}

// CurrentTarget is CurrentURI taken apart. ok is false when it is no URI.
func (m *Message) CurrentTarget() (u URI, ok bool) {
	if !m.target.known {
		m.target.uri, m.target.ok = ParseURI(m.CurrentURI())
		m.target.known = true
	}
	return m.target.uri, m.target.ok
}

// target is the request-URI taken apart, once for all who ask.
type target struct {
	uri       URI
	ok, known bool
}

// SetRequestURI replaces the request-URI by what was appended to Text. Of several the last one leaves.
func (m *Message) SetRequestURI(text []byte) {
	m.newURI = Span{int32(len(m.text)), int32(len(text))}
	m.text = text
	m.target.known = false
}

// checkRequestURI holds it to RFC 3261 §16.3 steps 1 and 2: well formed, and of a scheme that we route.
func (m *Message) checkRequestURI() {
	u, ok := m.CurrentTarget()
	switch {
	case !ok:
		m.fail(BadRequestURI)
	case u.Scheme == OtherScheme && !m.Has(Route):
		m.fail(UnknownScheme)
	case u.Scheme != OtherScheme && len(u.Headers) > 0:
		m.fail(BadRequestURI) // RFC 3261 §19.1.1: headers are not allowed in a request-URI
	}
}
