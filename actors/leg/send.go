package leg

import (
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/telemetry"
)

// maxDatagram is the most that a UDP datagram over IPv4 holds.
const maxDatagram = 65507

// added bounds what send adds beside our own names: three header lines, a branch.
const added = 288

// send puts on what the next hop needs, and hands the packet to the socket. done is true when it was: the socket then
// owns the packet.
func (l *leg) send(p *message.Packet) (o message.Outcome, done bool) {
	if p.Status != 0 {
		if l.answer(p); len(p.Out) > maxDatagram {
			return message.Drop(message.TooLarge), false
		}
		l.pass(p)
		return message.Outcome{}, true
	}
	if p.Size()+2*len(l.facts.HostPort)+len(p.Ingress.HostPort)+added > min(maxDatagram, p.Longest()) {
		return message.Answer(message.TooLarge), false
	}
	if p.IsRequest() {
		l.pushVia(p)
		l.recordRoute(p)
	}
	p.Out = p.AppendTo(p.Fresh())
	l.pass(p)
	return message.Outcome{}, true
}

// pass hands the packet to the socket.
func (l *leg) pass(p *message.Packet) {
	p.Trace.Note(uint8(message.AtSend), telemetry.Passed, 0)
	l.socket.queue(p)
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
	t = append(t, ";branch="...)
	t = p.AppendTraced(l.appendBranch(t, p))
	p.Insert(sipwire.Via, append(t, "\r\n"...))
}

// recordRoute is RFC 3261 §16.6 step 4 and, when the request crosses from one leg to another, RFC 5658 §4: a value for
// each leg, that of the egress leg on top.
func (l *leg) recordRoute(p *message.Packet) {
	if p.Is("ACK") || p.Is("CANCEL") || p.Is("BYE") || p.Is("REGISTER") {
		return // no later request in a dialog could follow this route
	}
	t := appendRecordRoute(p.Text(), l.facts)
	if p.Ingress != l.facts {
		t = appendRecordRoute(t, p.Ingress)
	}
	p.Insert(sipwire.RecordRoute, t)
}

func appendRecordRoute(t []byte, leg *message.Leg) []byte {
	t = append(t, "Record-Route: <sip:"...)
	t = append(t, leg.HostPort...)
	if leg.Transport != sipwire.UDP {
		t = append(t, ";transport="...)
		t = append(t, leg.Transport.Param()...)
	}
	return append(t, ";"+recorded+";lr>\r\n"...)
}
