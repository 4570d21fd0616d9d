package sipwire

import "strconv"

// DefaultMaxForwards is what a request without Max-Forwards gets (RFC 3261 §16.6 step 3).
const DefaultMaxForwards = 70

// MaxForwards is the value of the header; present is false when there is none. A value beyond all measure is a large
// one.
func (m *Message) MaxForwards() (hops int, present bool) {
	f := m.field(MaxForwards)
	if f == nil {
		return 0, false
	}
	digits := m.Bytes(f.value)
	if n, ok := number(digits); ok {
		return n, true
	}
	return 1<<31 - 1, true // validated: digits, and too many
}

func (m *Message) checkMaxForwards() {
	switch m.count[MaxForwards] {
	case 0:
	case 1:
		if !allOf(m.value(MaxForwards), classDigit) {
			m.fail(BadMaxForwards)
		}
	default:
		m.fail(Duplicate)
	}
}

// DecrementMaxForwards writes the header for the next hop: one less, at most limit; DefaultMaxForwards when it was
// missing. The caller has answered a request whose value is 0.
func (m *Message) DecrementMaxForwards(limit int) {
	if n, present := m.MaxForwards(); present {
		m.Replace(m.field(MaxForwards).value, strconv.AppendInt(m.text, int64(min(max(n-1, 0), limit)), 10))
		return
	}
	text := append(m.text, "Max-Forwards: "...)
	text = strconv.AppendInt(text, int64(min(DefaultMaxForwards, limit)), 10)
	m.Replace(Span{m.eoh, m.eoh}, append(text, "\r\n"...))
}
