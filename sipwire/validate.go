package sipwire

// validate is RFC 3261 §16.3 step 1, "reasonable syntax check", on what a proxy must read. What it does not read, it
// does not judge: a proxy forwards extensions that it does not know.
func (m *Message) validate() {
	if f := m.field(Via); f != nil {
		m.top, m.topOK = m.viaAt(int(m.first[Via])-1, f.value.Off)
	}
	switch {
	case m.top.Host.Empty():
		m.fault = NoVia
		return
	case !m.topOK:
		m.fail(BadVia)
	}
	m.from, m.to = m.readParty(From), m.readParty(To)
	if m.request {
		m.checkRequestURI()
		m.checkMaxForwards()
	}
	m.once(From, NoFrom)
	m.once(To, NoTo)
	m.once(CallID, NoCallID)
	m.once(CSeq, NoCSeq)
	if m.fault != None {
		return
	}
	m.checkCSeq()
	m.checkCallID()
	if !m.from.ok {
		m.fail(BadFrom)
	}
	if !m.to.ok {
		m.fail(BadTo)
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
