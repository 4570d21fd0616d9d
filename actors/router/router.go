package router

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
)

type router struct {
	Config
	next   Next
	kernel *kernel
}

// New makes the actor.
func New(cfg Config, next Next) actor.Producer {
	return func() actor.Actor {
		return &router{Config: cfg, next: next, kernel: newKernel()}
	}
}

// Receive is the mailbox of the router.
func (r *router) Receive(ctx actor.Context) {
	if v, ok := ctx.Message().(message.Route); ok {
		v.Settle(ctx, message.AtRoute, r.route(v.Packet))
	}
}

func (r *router) route(p *message.Packet) message.Outcome {
	switch {
	case p.Found != nil:
		return r.found(p)
	case p.IsRequest():
		return r.request(p)
	}
	return r.response(p)
}

// pass hands the packet on by its egress leg, by way of contact when there is a Contact to seal.
func (r *router) pass(p *message.Packet) message.Outcome {
	crossing := p.Ingress != p.Egress
	if p.HasContact() && (r.Seal == SealAlways || r.Seal == SealCrossing && crossing) {
		return message.Pass(r.next.Seal, message.Seal{Packet: p})
	}
	if p.HasMedia() {
		p.Then = r.next.Send[p.Egress.Index]
		return message.Hand(r.next.Anchor, message.Anchor{Packet: p})
	}
	return message.Pass(r.next.Send[p.Egress.Index], message.Send{Packet: p})
}
