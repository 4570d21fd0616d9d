package remote

import (
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/actors/remote/wire"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// served is who wants to know what becomes of a packet.
type served struct {
	ticket uint64
	node   uint16
	heir   uint16 // who has the call's media by now; 0: this node
}

// serveAnchor takes another node's packet into the media sessions of this one.
func (r *remote) serveAnchor(ctx actor.Context, v *wire.Anchor) {
	if !r.Nodes.Relays(r.Nodes.Self()) {
		return // the media have left this node meanwhile: who does not answer is not waited for long
	}
	node := r.Nodes.ByName(v.From)
	if p := r.unpack(v); p != nil {
		heir := r.heir(p)
		if heir != 0 && !ends(p) {
			p.Free()
			r.answer(node, &wire.Anchored{Ticket: v.Ticket, Heir: uint32(heir)})
			return
		}
		r.served[p] = served{v.Ticket, node, heir}
		p.Settle(ctx, message.AtAnchor, message.Hand(r.next.Anchor, message.Anchor{Packet: p}))
		return
	}
	r.answer(node, &wire.Anchored{Ticket: v.Ticket, Reason: uint32(message.NoPorts), Status: uint32(message.NoPorts.Status()), Extra: []byte(retryAfter)})
}

// unpack is another node's packet as it would be here; nil when it cannot be here.
func (r *remote) unpack(v *wire.Anchor) *message.Packet {
	ingress, egress := r.Legs.Named(v.Ingress), r.Legs.Named(v.Egress)
	if ingress == nil || egress == nil {
		return nil
	}
	p, good := r.Pool.Take(), false
	if p == nil {
		return nil
	}
	defer func() { // in a panic as well
		if !good {
			p.Free()
		}
	}()
	n := copy(p.In[:cap(p.In)], v.Message)
	p.In = p.In[:n]
	p.Ingress, p.Egress, p.Inbox = ingress, egress, r.inbox
	p.Then = r.next.Self // a packet that passes comes back here
	p.Source, p.To = readPlace(v.Source), readPlace(v.Next)
	if n < len(v.Message) || p.Parse(p.In) != sipwire.None {
		return nil
	}
	p.Tick()
	p.Serve(v.Span)
	good = true
	return p
}

func readPlace(b []byte) (a netip.AddrPort) {
	_ = a.UnmarshalBinary(b)
	return a
}

// answerBack tells what became of packets of other nodes.
func (r *remote) answerBack() {
	r.back = r.inbox.Take(r.back)
	for n := len(r.back); n > 0; n = len(r.back) {
		p := r.back[n-1]
		r.back[n-1], r.back = nil, r.back[:n-1]
		r.answerOne(p)
	}
}

func (r *remote) answerOne(p *message.Packet) {
	defer p.Free()
	s := r.served[p]
	delete(r.served, p)
	at, o, _ := p.Returned()
	p.Note(at, o)
	v := o.Verdict()
	r.answer(s.node, &wire.Anchored{
		Ticket: s.ticket, Passed: v.Passed, Reason: uint32(v.Reason), Status: uint32(v.Status), Phrase: v.Phrase,
		Extra: p.Lines(), Body: p.NewBody(), Heir: uint32(s.heir),
	})
}

// answer is told to the node that has asked. One that is gone does not wait any more.
func (r *remote) answer(node uint16, a *wire.Anchored) { _ = r.Nodes.Tell(node, Path, a) }

// serveWrite writes another node's message to a connection of this one, or from a socket.
func (r *remote) serveWrite(v *wire.Write) {
	said := &wire.Written{Ticket: v.Ticket, Gone: true}
	to := readPlace(v.To)
	switch leg := r.Legs.Named(v.Leg); {
	case leg == nil:
	case r.Streams[leg.Index] != nil:
		if c := r.Streams[leg.Index].ByID(stream.ID(v.Flow)); c != nil && c.Send(v.Message) == nil {
			c.Flush()
			said.Gone = false
		}
	case message.Deliverable(to) && to.Addr().Is4() == leg.Addr.Addr().Is4():
		said.Gone = !r.Emit(leg.Index, to, v.Message)
	}
	_ = r.Nodes.Tell(r.Nodes.ByName(v.From), Path, said)
}
