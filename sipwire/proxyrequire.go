package sipwire

// AppendUnsupported appends the option tags that Proxy-Require names, as an Unsupported header would list them. This
// proxy has no extension of its own, so every one of them is unsupported (RFC 3261 §16.3 step 5).
func (m *Message) AppendUnsupported(dst []byte) []byte {
	start := len(dst)
	for i := range m.headers {
		h := &m.headers[i]
		if h.ID != ProxyRequire {
			continue
		}
		for off := h.Value.Off; off >= 0; {
			var it Span
			it, off, _ = item(m.raw, off, h.Value.End)
			if it.Empty() {
				continue
			}
			if len(dst) > start {
				dst = append(dst, ", "...)
			}
			dst = append(dst, m.Bytes(it)...)
		}
	}
	return dst
}
