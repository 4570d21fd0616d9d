package sipwire

// PathValues appends the URIs of the Path header, topmost first (RFC 3327 §4). ok is false when one cannot be read.
func (m *Message) PathValues(dst [][]byte) (uris [][]byte, ok bool) {
	if !m.Has(Path) {
		return dst, true
	}
	w := m.values(Path)
	for {
		it, _, more := w.next(m, Path)
		if !more {
			return dst, true
		}
		uri, _, bare, ok := address(m.raw, it)
		if !ok || bare {
			return dst, false
		}
		dst = append(dst, m.Bytes(uri))
	}
}
