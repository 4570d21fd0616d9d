package sipwire

// AppendUnsupported appends the option tags that Proxy-Require names, as an Unsupported header would list them. This
// proxy has no extension of its own, so every one of them is unsupported (RFC 3261 §16.3 step 5).
func (m *Message) AppendUnsupported(dst []byte) []byte {
	w := m.values(ProxyRequire)
	for n := 0; ; n++ {
		it, _, ok := w.next(m, ProxyRequire)
		if !ok {
			return dst
		}
		if n > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, m.Bytes(it)...)
	}
}
