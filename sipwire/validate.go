package sipwire

// validate is RFC 3261 §16.3 step 1, "reasonable syntax check", on what a proxy must read. What it does not read, it
// does not judge: a proxy forwards extensions that it does not know.
func (m *Message) validate() {
	if v, ok := m.TopVia(); !ok {
		if v.Host.Empty() {
			m.fault = NoVia
			return
		}
		m.fail(BadVia)
	}
	if m.request {
		m.checkRequestURI()
	}
	m.once(From, NoFrom)
	m.once(To, NoTo)
	m.once(CallID, NoCallID)
	m.once(CSeq, NoCSeq)
	if m.count[MaxForwards] > 1 {
		m.fail(Duplicate)
	}
	if m.fault != None {
		return
	}
	m.checkCSeq()
	if !m.validCallID() {
		m.fail(BadCallID)
	}
	if !m.validAddress(From) {
		m.fail(BadFrom)
	}
	if !m.validAddress(To) {
		m.fail(BadTo)
	}
	if h := m.header(MaxForwards); h != nil && m.request {
		if _, ok := number(m.Bytes(h.Value)); !ok {
			m.fail(BadMaxForwards)
		}
	}
	m.checkLength()
}

func (m *Message) once(id HeaderID, missing Fault) {
	switch m.count[id] {
	case 0:
		m.fail(missing)
	case 1:
	default:
		m.fail(Duplicate)
	}
}
