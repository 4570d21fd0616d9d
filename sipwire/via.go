package sipwire

// ViaValue is one Via header field value (RFC 3261 §20.42).
type ViaValue struct {
	At        Span // the whole value
	Host      Span // sent-by host; IPv6 in brackets
	Branch    Span
	Received  Span
	MAddr     Span
	Transport Transport
	Port      uint16 // sent-by port, 0 when none is written
	RPort     uint16 // value of rport, 0 when it has none
	HasRPort  bool   // rport is there, with or without a value (RFC 3581)

	received Span  // "=value" of the parameter, empty where it has none; Off is 0 without the parameter
	rport    Span  // the same of rport
	field    int32 // index of its header field
	next     int32 // offset of the value behind it in the same field, -1 when it is the last
}

// TopVia is the topmost Via. When ok is false but its Host is set, only its parameters cannot be read.
func (m *Message) TopVia() (v ViaValue, ok bool) { return m.top, m.topOK }

// ViaBelow is the Via below v, in the same header field or in the next one.
func (m *Message) ViaBelow(v ViaValue) (ViaValue, bool) {
	if v.next > 0 {
		return m.viaAt(int(v.field), v.next)
	}
	for k := int(v.field) + 1; k < len(m.fields); k++ {
		if m.fields[k].id == Via {
			return m.viaAt(k, m.fields[k].value.Off)
		}
	}
	return ViaValue{}, false
}

func (m *Message) viaAt(field int, off int32) (v ViaValue, ok bool) {
	v.field = int32(field)
	v.At, v.next = item(m.raw, off, m.fields[field].value.End)
	return v, v.parse(m.raw)
}

// parse reads: sent-protocol LWS sent-by *( SEMI via-params ), with white space wherever the grammar has it. Of the
// protocol only the form counts: an answer goes back over Vias of a version that is not ours, too.
func (v *ViaValue) parse(raw []byte) bool {
	const usual = "SIP/2.0/UDP "
	p, end := v.At.Off, v.At.End
	if v.At.Len() > len(usual) && string(raw[p:p+int32(len(usual))]) == usual {
		v.Transport = UDP
		p += int32(len(usual))
	} else if p = v.protocol(raw); p < 0 {
		return false
	}
	p = skipBlanks(raw, p, end)
	var ok bool
	if v.Host, v.Port, p, ok = hostPort(raw, p, end); !ok {
		v.Host = Span{}
		return false
	}
	if p = skipBlanks(raw, p, end); p < end && raw[p] != ';' {
		return false
	}
	return v.params(raw, p)
}

// protocol reads "name / version / transport" and gives the offset of the blank behind it, -1 when it is not that. A
// transport that we do not know is one nevertheless.
func (v *ViaValue) protocol(raw []byte) int32 {
	p, end := v.At.Off, v.At.End
	for part := 0; ; part++ {
		start := p
		for p < end && classes[raw[p]]&classToken != 0 {
			p++
		}
		if p == start || p == end {
			return -1
		}
		if part == 2 {
			v.Transport, _ = ParseTransport(raw[start:p])
			if !isBlank(raw[p]) {
				return -1
			}
			return p
		}
		if p = skipBlanks(raw, p, end); p == end || raw[p] != '/' {
			return -1
		}
		p = skipBlanks(raw, p+1, end)
	}
}

// params reads the parameters; of several with one name the first one counts.
func (v *ViaValue) params(raw []byte, p int32) (ok bool) {
	ok = true
	for p < v.At.End {
		var q param
		if q, p = nextParam(raw, p, v.At.End); p < 0 {
			break
		}
		name := raw[q.name.Off:q.name.End]
		switch {
		case len(name) == 0:
			ok = false
		case v.Branch.End == 0 && EqualFold(name, "branch"):
			v.Branch = q.value
		case v.MAddr.End == 0 && EqualFold(name, "maddr"):
			v.MAddr = q.value
		case v.received.Off == 0 && EqualFold(name, "received"):
			v.Received, v.received = q.value, Span{q.name.End, q.whole.End}
		case !v.HasRPort && EqualFold(name, "rport"):
			v.HasRPort, v.rport = true, Span{q.name.End, q.whole.End}
			if n, ok := number(raw[q.value.Off:q.value.End]); ok && n < 1<<16 {
				v.RPort = uint16(n)
			}
		}
	}
	return ok
}

// ViaParam is the value of a parameter of v that ViaValue has no field for; empty when it has none.
func (m *Message) ViaParam(v ViaValue, name string) []byte {
	for p := v.Host.End; ; {
		var q param
		if q, p = nextParam(m.raw, p, v.At.End); p < 0 {
			return nil
		}
		if EqualFold(m.raw[q.name.Off:q.name.End], name) {
			return m.Bytes(q.value)
		}
	}
}

// PopVia takes the topmost Via v away.
func (m *Message) PopVia(v ViaValue) {
	f := &m.fields[v.field]
	if v.next <= 0 {
		m.Delete(Span{f.start, f.end})
		return
	}
	below, _ := item(m.raw, v.next, f.value.End)
	m.Delete(Span{v.At.Off, below.Off})
}
