package leg

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/telemetry"
)

// maxDatagram is the most that a UDP datagram over IPv4 holds.
const maxDatagram = 65507

// added bounds what send adds beside our own names: three header lines, a branch, an owner, two flows or pinholes, a Path, a Content-Length.
const added = 512

// send puts on what the next hop needs, and hands the packet to the socket or connection. done is true when it was: the
// packet is not ours any more.
func (l *leg) send(p *message.Packet) (o message.Outcome, done bool) {
	if p.Status != 0 {
		switch l.answer(p); {
		case len(p.Out) > maxDatagram:
			return message.Drop(message.TooLarge), false
		case l.stream == nil && p.User == "" && !l.trusts(p.To.Addr()) && !l.credit.pays(time.Duration(p.Clock()), p.To.Addr(), len(p.In), len(p.Out)):
			return message.Drop(message.TooShort), false
		}
		return l.pass(p)
	}
	if p.Made { // another node was to write it and does not: perhaps the NAT lets this one in
		return l.pass(p)
	}
	if p.Size()+3*len(l.facts.HostPort)+2*len(p.Ingress.HostPort)+added > min(maxDatagram, p.Longest()) {
		return message.Answer(message.TooLarge), false
	}
	if p.IsRequest() {
		l.pushVia(p)
		l.recordRoute(p)
		l.path(p)
	}
	if l.stream != nil {
		p.AddLength()
	}
	p.Out = p.AppendTo(p.Fresh())
	return l.pass(p)
}

// pass hands the packet to the socket, or to a connection.
func (l *leg) pass(p *message.Packet) (o message.Outcome, done bool) {
	if l.isElsewhere(p) {
		p.Made = true
		return message.Hand(l.next.Write, message.Write{Packet: p}), false
	}
	if l.stream == nil {
		p.Trace.Note(uint8(message.AtSend), telemetry.Passed, 0)
		l.socket.queue(p)
		return o, true
	}
	c := l.connection(p)
	if c == nil || c.Send(p.Out) != nil {
		return refusal(p), false
	}
	p.Trace.Note(uint8(message.AtSend), telemetry.Passed, 0)
	l.written(c)
	p.Free()
	return o, true
}

// isElsewhere tells whether a packet leaves by a connection or pinhole of another node.
func (l *leg) isElsewhere(p *message.Packet) bool {
	if l.Node == 0 || p.Status != 0 {
		return false
	}
	if l.stream == nil {
		return p.Pinhole.Node != 0 && p.Pinhole.Node != l.Node
	}
	return p.EgressFlow != 0 && p.EgressFlow.Node() != l.Node
}

// connection is the one by which a packet leaves, nil when it has gone since the router has seen it. An answer of our own
// goes back by the one that the request came by (RFC 3261 §18.2.2).
func (l *leg) connection(p *message.Packet) *stream.Conn {
	switch {
	case p.Status != 0:
		return l.stream.ByID(p.IngressFlow)
	case p.EgressFlow != 0:
		return l.stream.ByID(p.EgressFlow)
	}
	return l.stream.To(p.To, p.Name)
}

// trusts tells whether an address is one of the operator's own.
func (l *leg) trusts(a netip.Addr) bool {
	for _, n := range l.Trusted {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// answer makes a response of our own (RFC 3261 §8.2.6).
func (l *leg) answer(p *message.Packet) {
	if p.To = sourcePlace(p).Addr; !message.Deliverable(p.To) {
		p.To = p.Source
	}
	var tag [tagLen]byte
	p.Out = p.AppendReply(p.Fresh(), l.appendTag(tag[:0], p))
}

// pushVia is RFC 3261 §16.6 step 8. One Via for both legs: the ingress leg is in its branch.
func (l *leg) pushVia(p *message.Packet) {
	t := append(p.Text(), "Via: SIP/2.0/"...)
	t = append(t, l.facts.Transport.String()...)
	t = append(t, ' ')
	t = append(t, l.facts.HostPort...)
	if l.stream == nil && l.isElsewhere(p) {
		t = append(t, ";rport"...) // the response goes to the socket that its receiver has seen (RFC 3581 §4)
	}
	t = append(t, ";branch="...)
	t = p.AppendTraced(l.appendBranch(t, p))
	p.Insert(sipwire.Via, append(t, "\r\n"...))
}

// recordRoute is RFC 3261 §16.6 step 4 and, when the request crosses from one leg to another, RFC 5658 §4: a value for
// each leg, that of the egress leg on top. A connection that the peer has opened, or the pinhole of one behind a NAT, is named in
// the value of its side, for later requests to go by it (RFC 5626 §5.2).
func (l *leg) recordRoute(p *message.Packet) {
	if p.Is("ACK") || p.Is("CANCEL") || p.Is("BYE") || p.Is("REGISTER") {
		return // no later request in a dialog could follow this route
	}
	back, hole := p.Kept(), l.pinhole(p)
	t := l.appendRoute(append(p.Text(), "Record-Route: <"...), p, l.facts, p.EgressFlow, p.Pinhole)
	t = l.endRoute(t, p)
	if p.Ingress != l.facts || back != p.EgressFlow || hole != p.Pinhole {
		t = l.appendRoute(append(t, "Record-Route: <"...), p, p.Ingress, back, hole)
		t = l.endRoute(t, p)
	}
	p.Insert(sipwire.RecordRoute, t)
}

// endRoute ends a Record-Route of ours.
func (l *leg) endRoute(t []byte, p *message.Packet) []byte {
	if l.Node != 0 {
		t = strconv.AppendUint(append(t, ";"+owned+"="...), uint64(l.owner(p)), 36)
	}
	return append(t, ";"+recorded+";lr>\r\n"...)
}

// path is RFC 5626 §5.1 and RFC 3327 §5.2: calls for who registers here by a connection come back to us, and go by that
// connection. "ob" is for a client that uses outbound and has us as its first hop.
func (l *leg) path(p *message.Packet) {
	if !p.Is("REGISTER") || p.Kept() == 0 {
		return
	}
	outbound := p.Supports("outbound")
	if !outbound && !p.Supports("path") {
		return
	}
	t := l.appendRoute(append(p.Text(), "Path: <"...), p, p.Ingress, p.IngressFlow, message.Pinhole{})
	if _, further := p.ViaBelow(p.Via); outbound && !further {
		t = append(t, ";ob"...)
	}
	p.Insert(sipwire.Path, append(t, ";lr>\r\n"...))
}

// appendRoute appends the URI of a leg as it stands in Record-Route and Path: with its transport, and with the connection
// or pinhole, if there is one. It is a sips URI where the request-URI is (RFC 3261 §16.6 step 4).
func (l *leg) appendRoute(t []byte, p *message.Packet, of *message.Leg, flow stream.ID, hole message.Pinhole) []byte {
	target, _ := p.CurrentTarget()
	secured := target.Scheme == sipwire.SIPS
	if secured {
		t = append(t, "sips:"...)
	} else {
		t = append(t, "sip:"...)
	}
	switch {
	case flow != 0:
		t = append(l.appendFlowToken(t, of, flow), '@')
	case hole.Addr.IsValid() && !of.Transport.IsStream():
		t = append(l.appendPinholeToken(t, of, hole), '@')
	}
	t = append(t, of.HostPort...)
	switch {
	case of.Transport == sipwire.UDP, secured && of.Transport == sipwire.TLS:
		return t
	}
	return append(append(t, ";transport="...), of.Transport.URIParam()...)
}
