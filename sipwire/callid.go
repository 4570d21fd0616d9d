package sipwire

// CallID is the Call-ID as written; it is case-sensitive (RFC 3261 §20.8).
func (m *Message) CallID() []byte { return m.value(CallID) }

func (m *Message) validCallID() bool {
	v := m.CallID()
	for _, c := range v {
		if isBlank(c) {
			return false
		}
	}
	return len(v) > 0
}
