package sipwire

// Expires is the value of the Expires header in seconds (RFC 3261 §20.19); present is false when there is none, ok when it is no
// number.
func (m *Message) Expires() (seconds int, present, ok bool) {
	if !m.Has(Expires) {
		return 0, false, true
	}
	seconds, ok = number(m.value(Expires))
	return seconds, true, ok
}
