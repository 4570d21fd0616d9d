package leg

import (
	"net/netip"
	"time"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// smallest is the length below which a datagram is a keep-alive of some kind: "SIP/2.0 200" and a line end are longer.
const smallest = 13

// retryAfter is what a caller hears who came when the lane was behind.
const retryAfter = "Retry-After: 5\r\n"

// receive takes off what the previous hop put on.
func (l *leg) receive(p *message.Packet) message.Outcome {
	if l.Bans != nil && l.Bans.HasSource(time.Duration(p.Clock()), p.Source.Addr()) {
		return message.Drop(message.Banned)
	}
	if len(p.In) < smallest && p.Fault == sipwire.None {
		return message.Drop(message.KeepAlive)
	}
	fault := p.Parse(p.In)
	if p.Fault != sipwire.None && (fault == sipwire.None || fault.Status() != 0) {
		fault = p.Fault // what is cut off behind it says less
	}
	p.Begin(l.Forced != nil && l.Forced(p))
	switch {
	case fault != sipwire.None && fault.Status() == 0:
		return message.Drop(message.Reason(fault))
	case !p.IsRequest() && fault != sipwire.None:
		return message.Drop(message.Reason(fault))
	case !p.IsRequest() && p.Cut:
		return message.Drop(message.TooLarge)
	case !p.IsRequest():
		return l.response(p)
	}
	p.Via, _ = p.TopVia()
	p.Reply = sourcePlace(p)
	p.StampVia(p.Via, p.Source)
	if p.Cut {
		return message.Answer(message.TooLarge)
	}
	if fault != sipwire.None {
		return message.Answer(message.Reason(fault))
	}
	return l.request(p)
}

// request is RFC 3261 §16.3 and §16.4.
func (l *leg) request(p *message.Packet) message.Outcome {
	if p.Is("ACK") && l.isOwnAnswer(p) {
		return message.Drop(message.Acknowledged)
	}
	// §16.3 step 3: Max-Forwards
	if n, present := p.MaxForwards(); present && n == 0 {
		return message.Answer(message.TooManyHops)
	}
	// §16.3 step 5: Proxy-Require. CANCEL is exempt by RFC 3261 §9.1, ACK by §8.2.2.3.
	if p.Has(sipwire.ProxyRequire) && !p.Is("CANCEL") && !p.Is("ACK") {
		extra := p.AppendUnsupported(append(p.Extra(), "Unsupported: "...))
		p.SetExtra(append(extra, "\r\n"...))
		return message.Answer(message.Unsupported)
	}
	if p.Pressed && p.Is("INVITE") && len(p.ToTag()) == 0 {
		p.SetExtra(append(p.Extra(), retryAfter...))
		return message.Answer(message.Overloaded)
	}
	// §16.4 before §16.3 step 4: the loop hash covers the route set that is left
	if !l.preprocess(p) {
		return message.Answer(message.Reason(sipwire.BadRoute))
	}
	// §16.3 step 4: loop detection, by RFC 5393 §4.2
	p.Hash = loopHash(p)
	if l.looped(p) {
		return message.Answer(message.Looped)
	}
	p.DecrementMaxForwards(l.MaxForwards)
	p.Enter(l.Chain)
	return message.Pass(l.next.Open, message.Open{Packet: p})
}

// response takes our Via off. What does not carry one that we made is not ours to forward (RFC 3261 §16.11).
func (l *leg) response(p *message.Packet) message.Outcome {
	via, _ := p.TopVia()
	below, ok := p.ViaBelow(via)
	if !ok {
		return message.Drop(message.NoWayBack)
	}
	p.Reply = viaPlace(p, below)
	back, flow := l.openBranch(p, via, below)
	if back == nil {
		return message.Drop(message.AlienResponse)
	}
	p.PopVia(via)
	p.Egress, p.EgressFlow = back, flow
	return message.Pass(l.next.Route, message.Route{Packet: p})
}

// sourcePlace is where the responses to a request go: the address that it came from, with the port that its Via wants
// (RFC 3261 §18.2.2, RFC 3581 §4). It is what viaPlace will read from the topmost Via once that is stamped. Of a connection
// it is where a new one would be opened when it is gone: rport has no meaning there.
func sourcePlace(p *message.Packet) message.Place {
	port := p.Via.Port
	if port == 0 {
		port = p.Via.Transport.DefaultPort()
	}
	if p.Via.HasRPort && !p.Via.Transport.IsStream() {
		port = p.Source.Port()
	}
	return message.Place{Addr: netip.AddrPortFrom(p.Source.Addr(), port), Port: port}
}

// viaPlace is where a Via sends responses.
//
// Deviates: a maddr is not followed (§18.2.2). Anybody could have responses sent to a third party, or through us again and
// again, without as much as a forged source address.
func viaPlace(p *message.Packet, v sipwire.ViaValue) message.Place {
	v.MAddr = sipwire.Span{}
	if v.Transport.IsStream() {
		v.RPort = 0
	}
	to, host, port := p.ReplyAddr(v)
	return message.Place{Addr: to, Host: host, Port: port}
}
