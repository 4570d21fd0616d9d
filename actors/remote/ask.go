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
	tries  int  // how many nodes were asked about it; 0: none was yet
	home   bool // this node's own sessions are to hear of it, too: the call was theirs
}

// tries is how many nodes are asked to take a call's media before the packet is let go.
const tries = 3

// retryAfter is what a caller hears whose media nobody can relay at the moment.
const retryAfter = "Retry-After: 5\r\n"

// anchor has a packet anchored where its call's media are. A call that begins here has them where the cluster says, and so has one
// whose owner is gone or does not answer: the next offer and answer move them.
func (r *remote) anchor(ctx actor.Context, v message.Anchor) {
	p := v.Packet
	if !r.Nodes.Relays(p.Owner) {
		if !r.Nodes.Settling(p.Owner) {
			p.Owner = r.Nodes.Relay(p.CallID(), p.Owner)
		}
		if r.Nodes.Settling(p.Owner) {
			r.ticket++
			r.await(&asked{packet: p, at: message.AtAnchor, node: p.Owner}, settling)
			return
		}
	}
	home := false
	if p.Owner == r.Nodes.Self() {
		if heir := r.heir(p); heir != 0 {
			p.Owner, home = heir, ends(p)
		}
	}
	r.pursue(ctx, &asked{packet: p, home: home})
}

// pursue has a packet anchored by its owner, or by another node when that one cannot be asked.
func (r *remote) pursue(ctx actor.Context, a *asked) {
	for p := a.packet; a.tries < tries && p.Owner != r.Nodes.Self() && p.Owner != 0; p.Owner = r.Nodes.Relay(p.CallID(), p.Owner) {
		a.at, a.node = message.AtAnchor, p.Owner
		a.tries++
		if r.askAnchor(a) {
			return
		}
	}
	r.here(ctx, message.Anchor{Packet: a.packet})
}

func (r *remote) askAnchor(a *asked) bool {
	p := a.packet
	ask := &wire.Anchor{
		From: r.Name, Message: p.Raw(), Source: place(p.Source), Ingress: p.Ingress.Name, Egress: p.Egress.Name, Next: place(p.To),
		Span: p.Trace.Span(),
	}
	return r.ask(a, func(ticket uint64) proto.Message { ask.Ticket = ticket; return ask })
}

// here hands a packet to this node's own sessions, if it has any.
func (r *remote) here(ctx actor.Context, v message.Anchor) {
	if !r.Nodes.Relays(r.Nodes.Self()) {
		v.Return(message.AtAnchor, r.loose(v.Packet))
		return
	}
	v.Owner = r.Nodes.Self()
	ctx.Send(r.next.Anchor, v)
}

// loose is what becomes of a packet that nobody can anchor: without a session description it goes on, so that calls go on and end.
func (r *remote) loose(p *message.Packet) message.Outcome {
	if _, described := p.SDP(); !described {
		return message.Pass(p.Then, message.Send{Packet: p})
	}
	p.SetExtra(append(p.Extra(), retryAfter...))
	return message.Answer(message.NoPorts)
}

// write has a message written by the node that has the connection, or the socket that a NAT lets in.
func (r *remote) write(v message.Write) {
	p := v.Packet
	w, node := &wire.Write{From: r.Name, Leg: p.Egress.Name, Message: p.Out}, p.Pinhole.Node
	if node != 0 {
		w.To = place(p.To)
	} else {
		w.Flow, node = uint64(p.EgressFlow), p.EgressFlow.Node()
	}
	if !r.ask(&asked{packet: p, at: message.AtSend, node: node}, func(ticket uint64) proto.Message { w.Ticket = ticket; return w }) {
		p.Return(message.AtSend, unwritten(p))
	}
}

// unwritten is what becomes of a packet that its node does not write. A connection is nobody else's; a NAT may let others in.
func unwritten(p *message.Packet) message.Outcome {
	if p.Pinhole.Node == 0 {
		return p.Unsent(message.FlowFailed)
	}
	p.Pinhole = message.Pinhole{}
	return message.Pass(p.Then, message.Send{Packet: p})
}

// ask is false when the node cannot be asked.
func (r *remote) ask(a *asked, msg func(ticket uint64) proto.Message) bool {
	r.ticket++
	if r.Nodes.Tell(a.node, Path, msg(r.ticket)) != nil {
		return false
	}
	r.await(a, patience)
	return true
}

// await puts what was asked with the newest ticket, or is to be asked, on the desk.
func (r *remote) await(a *asked, d time.Duration) {
	a.until = time.Now().Add(d)
	r.asked[r.ticket] = a
}

// waited is what was asked with a ticket, nil when it is not waited for any more. It stays on the desk until it is settled: should
// this room panic on the answer, the packet is dealt with as if none had come.
func (r *remote) waited(ticket uint64, at message.Stage) *asked {
	if a := r.asked[ticket]; a != nil && a.at == at {
		return a
	}
	return nil
}

// settle gives a packet back to its lane.
func (r *remote) settle(ticket uint64, a *asked, o message.Outcome) {
	delete(r.asked, ticket)
	a.packet.Return(a.at, o)
}

func (r *remote) anchored(ctx actor.Context, v *wire.Anchored) {
	a := r.waited(v.Ticket, message.AtAnchor)
	if a == nil {
		return
	}
	p := a.packet
	if v.Heir != 0 {
		delete(r.asked, v.Ticket)
		p.Owner = uint16(v.Heir)
		r.pursue(ctx, a)
		return
	}
	if full(v) && begins(p) {
		if p.Owner = r.Nodes.Relay(p.CallID(), a.node); p.Owner != 0 {
			delete(r.asked, v.Ticket)
			r.pursue(ctx, a)
			return
		}
	}
	if a.home {
		delete(r.asked, v.Ticket)
		r.here(ctx, message.Anchor{Packet: p})
		return
	}
	at, described := p.SDP()
	if !described && !v.Passed && v.Status != 0 { // the node has no place for it, and it needs none
		r.settle(v.Ticket, a, r.loose(p))
		return
	}
	if described && len(v.Body) > 0 {
		p.Body = append(p.Body[:0], v.Body...)
		p.ReplaceBody(at, p.Body)
	}
	if len(v.Extra) > 0 {
		p.SetExtra(append(p.Extra(), v.Extra...))
	}
	verdict := message.Verdict{Passed: v.Passed, Reason: message.Reason(v.Reason), Status: int(v.Status), Phrase: v.Phrase}
	r.settle(v.Ticket, a, verdict.Outcome(message.Pass(p.Then, message.Send{Packet: p})))
}

// full tells whether a node has no place for a call.
func full(v *wire.Anchored) bool {
	why := message.Reason(v.Reason)
	return !v.Passed && (why == message.NoPorts || why == message.TooManySessions)
}

// begins tells whether a packet begins a call: no node has its media yet.
func begins(p *message.Packet) bool { return p.IsRequest() && len(p.ToTag()) == 0 }

func (r *remote) written(v *wire.Written) {
	a := r.waited(v.Ticket, message.AtSend)
	switch {
	case a == nil:
	case v.Gone:
		r.settle(v.Ticket, a, unwritten(a.packet))
	default:
		r.settle(v.Ticket, a, message.Sent())
	}
}

// late deals with what has waited too long.
func (r *remote) late(ctx actor.Context, now time.Time) {
	for ticket, a := range r.asked {
		if told := a.tries > 0 || a.at == message.AtSend; told && r.Nodes.Meeting(a.node) {
			a.until = now.Add(patience) // else this node and others would look for a call's media in different places, and send each phone to another one
		}
		if now.Before(a.until) {
			continue
		}
		if a.at == message.AtSend {
			r.settle(ticket, a, unwritten(a.packet))
			continue
		}
		delete(r.asked, ticket)
		if a.tries == 0 {
			r.anchor(ctx, message.Anchor{Packet: a.packet})
			continue
		}
		a.packet.Owner = r.Nodes.Relay(a.packet.CallID(), a.node)
		r.pursue(ctx, a)
	}
}

// place is an address and port as bytes; empty for none.
func place(a netip.AddrPort) []byte {
	b, _ := a.MarshalBinary()
	return b
}
