package sipwire

// CallID is the Call-ID as written; it is case-sensitive (RFC 3261 §20.8).
func (m *Message) CallID() []byte { return m.value(CallID) }

// checkCallID wants a Call-ID in one piece. Of its characters more are in use than RFC 3261 §25.1 has.
func (m *Message) checkCallID() {
	if !allOf(m.CallID(), classText) {
		m.fail(BadCallID)
	}
}
