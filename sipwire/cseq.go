package sipwire

// CSeq is the sequence number, as written, and the method of the CSeq header (RFC 3261 §20.16).
func (m *Message) CSeq() (number, method []byte) {
	v := m.value(CSeq)
	i := 0
	for i < len(v) && !isBlank(v[i]) {
		i++
	}
	j := i
	for j < len(v) && isBlank(v[j]) {
		j++
	}
	return v[:i], v[j:]
}

// checkCSeq holds the CSeq to RFC 3261 §8.1.1.5: a number below 2³¹ and, in a request, the request's own method.
func (m *Message) checkCSeq() {
	n, method := m.CSeq()
	if _, ok := number(n); !ok || !allOf(method, classToken) {
		m.fail(BadCSeq)
		return
	}
	if m.request && string(method) != string(m.Method()) {
		m.fail(CSeqMismatch)
	}
}
