package sipwire

import "strconv"

// DefaultMaxForwards is what a request without Max-Forwards gets (RFC 3261 §16.6 step 3).
const DefaultMaxForwards = 70

// MaxForwards is the value of the header; present is false when there is none.
func (m *Message) MaxForwards() (hops int, present bool) {
	h := m.header(MaxForwards)
	if h == nil {
		return 0, false
	}
	n, _ := number(m.Bytes(h.Value)) // validated
	return n, true
}

// DecrementMaxForwards writes the header for the next hop: one less, at most limit; DefaultMaxForwards when it was
// missing. The caller has answered a request whose value is 0.
func (m *Message) DecrementMaxForwards(limit int) {
	h := m.header(MaxForwards)
	if h == nil {
		at := Span{m.eoh, m.eoh}
		text := append(m.text, "Max-Forwards: "...)
		text = strconv.AppendInt(text, int64(min(DefaultMaxForwards, limit)), 10)
		m.Replace(at, append(text, "\r\n"...))
		return
	}
	n, _ := number(m.Bytes(h.Value))
	m.Replace(h.Value, strconv.AppendInt(m.text, int64(min(n-1, limit)), 10))
}
