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

// AppendUnknown appends the option tags of Require that are none of known, as an Unsupported header would list them (RFC 3261
// §8.2.2.3).
func (m *Message) AppendUnknown(dst []byte, known ...string) []byte {
	if !m.Has(Require) {
		return dst
	}
	w := m.values(Require)
	for n := 0; ; {
		it, _, ok := w.next(m, Require)
		if !ok {
			return dst
		}
		if oneOf(m.Bytes(it), known) {
			continue
		}
		if n++; n > 1 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, m.Bytes(it)...)
	}
}
