package contact

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
)

type contact struct {
	Config
	next   Next
	tokens *tokens
}

// New makes the actor.
func New(cfg Config, next Next) actor.Producer {
	return func() actor.Actor {
		return &contact{Config: cfg, next: next, tokens: newTokens(cfg.Keys)}
	}
}

// Receive is the mailbox of contact.
func (c *contact) Receive(ctx actor.Context) {
	switch v := ctx.Message().(type) {
	case message.Open:
		v.Settle(ctx, message.AtOpen, c.open(v.Packet))
	case message.Seal:
		v.Settle(ctx, message.AtSeal, c.seal(v.Packet))
	}
}
