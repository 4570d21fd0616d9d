package remote

import (
	"net/netip"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/actorsip/actorsip/actors/remote/wire"
	"github.com/actorsip/actorsip/message"
)

// asked is a packet that another node was asked about.
type asked struct {
	packet *message.Packet
	at     message.Stage
	node   uint16
	until  time.Time
}

// anchor has a packet anchored where its call's media are. A call that begins here has them where the cluster says; one whose
// owner is gone, or does not answer, has them here from now on: the next offer and answer move them.
func (r *remote) anchor(ctx actor.Context, v message.Anchor) {
	p, self := v.Packet, r.Nodes.Self()
	if p.Owner == 0 || p.Owner != self && !r.Nodes.Alive(p.Owner) {
		p.Owner = r.Nodes.Relay(p.CallID())
	}
	if p.Owner == self || p.Owner == 0 {
		r.here(ctx, v)
		return
	}
	ask := &wire.Anchor{
		From: r.Name, Message: p.Raw(), Source: place(p.Source), Ingress: p.Ingress.Name, Egress: p.Egress.Name, Next: place(p.To),
		Span: p.Trace.Span(),
	}
	if !r.ask(p, message.AtAnchor, p.Owner, func(ticket uint64) proto.Message { ask.Ticket = ticket; return ask }) {
		p.Owner = self
		r.here(ctx, v)
	}
}

// here hands a packet to this node's own sessions.
func (r *remote) here(ctx actor.Context, v message.Anchor) {
	if r.Relays {
		ctx.Send(r.next.Anchor, v)
		return
	}
	v.Return(message.AtAnchor, message.Answer(message.NoPorts)) // no node relays
}

// write has a message written by the node that has the connection.
func (r *remote) write(v message.Write) {
	p := v.Packet
	flow := p.EgressFlow
	w := &wire.Write{From: r.Name, Leg: p.Egress.Name, Flow: uint64(flow), Message: p.Out}
	if !r.ask(p, message.AtSend, flow.Node(), func(ticket uint64) proto.Message { w.Ticket = ticket; return w }) {
		p.Return(message.AtSend, gone(p))
	}
}

// gone answers a request whose connection is not there any more.
func gone(p *message.Packet) message.Outcome {
	if p.IsRequest() {
		return message.Answer(message.FlowFailed)
	}
	return message.Drop(message.FlowFailed)
}

// ask is false when the node cannot be asked.
func (r *remote) ask(p *message.Packet, at message.Stage, node uint16, msg func(ticket uint64) proto.Message) bool {
	r.ticket++
	if r.Nodes.Tell(node, Path, msg(r.ticket)) != nil {
		return false
	}
	r.asked[r.ticket] = &asked{p, at, node, time.Now().Add(patience)}
	return true
}

// take is what was asked with a ticket, nil when it is not waited for any more.
func (r *remote) take(ticket uint64) *asked {
	a := r.asked[ticket]
	delete(r.asked, ticket)
	return a
}

func (r *remote) anchored(v *wire.Anchored) {
	a := r.take(v.Ticket)
	if a == nil {
		return
	}
	p := a.packet
	if at, ok := p.SDP(); ok && len(v.Body) > 0 {
		p.Body = append(p.Body[:0], v.Body...)
		p.ReplaceBody(at, p.Body)
	}
	if len(v.Extra) > 0 {
		p.SetExtra(append(p.Extra(), v.Extra...))
	}
	verdict := message.Verdict{Passed: v.Passed, Reason: message.Reason(v.Reason), Status: int(v.Status), Phrase: v.Phrase}
	p.Return(message.AtAnchor, verdict.Outcome(message.Pass(p.Then, message.Send{Packet: p})))
}

func (r *remote) written(v *wire.Written) {
	if a := r.take(v.Ticket); a != nil {
		if v.Gone {
			a.packet.Return(message.AtSend, gone(a.packet))
			return
		}
		a.packet.Return(message.AtSend, message.Sent())
	}
}

// late deals with what has waited too long.
func (r *remote) late(ctx actor.Context, now time.Time) {
	for ticket, a := range r.asked {
		if now.Before(a.until) {
			continue
		}
		delete(r.asked, ticket)
		if a.at == message.AtSend {
			a.packet.Return(message.AtSend, gone(a.packet))
			continue
		}
		a.packet.Owner = r.Nodes.Self()
		r.here(ctx, message.Anchor{Packet: a.packet})
	}
}

// place is an address and port as bytes; empty for none.
func place(a netip.AddrPort) []byte {
	b, _ := a.MarshalBinary()
	return b
}
