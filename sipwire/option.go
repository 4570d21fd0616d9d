package sipwire

// Supports tells whether Supported or Require name an option tag (RFC 3261 §19.2).
func (m *Message) Supports(tag string) bool { return m.lists(Supported, tag) || m.lists(Require, tag) }

func (m *Message) lists(id HeaderID, tag string) bool {
	if !m.Has(id) {
		return false
	}
	w := m.values(id)
	for {
		it, _, ok := w.next(m, id)
		if !ok {
			return false
		}
		if EqualFold(m.Bytes(it), tag) {
			return true
		}
	}
}
