package screen

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/rules"
)

// Config is what a screen must know.
type Config struct {
	Chains []*rules.Chain // by leg; nil for one that no rule concerns
}

// Next are the rooms that a screen tells.
type Next struct {
	Route *actor.PID // router
}

type screen struct {
	Config
	next Next
}

// New makes the actor.
func New(cfg Config, next Next) actor.Producer {
	return func() actor.Actor { return &screen{cfg, next} }
}

// Receive is the mailbox of a screen.
func (s *screen) Receive(ctx actor.Context) {
	if v, ok := ctx.Message().(message.Screen); ok {
		v.Settle(ctx, message.AtScreen, s.screen(v.Packet))
	}
}

// Concerns tells whether there is a rule for what comes by the packet's leg.
func (c *Config) Concerns(p *message.Packet) bool { return c.Chains[p.Ingress.Index] != nil }

// screen does what the first rule says that holds.
func (s *screen) screen(p *message.Packet) message.Outcome {
	v := s.Chains[p.Ingress.Index].Judge(time.Duration(p.Clock()), &p.Message, p.Source.Addr())
	reason := message.Blocked
	if v.Limited {
		reason = message.Limited
	}
	switch v.Action {
	case rules.Block:
		p.SetExtra(v.AppendExtra(p.Extra()))
		return message.Refuse(reason, v.Answer.Code, v.Answer.Phrase)
	case rules.Drop:
		if !v.Limited {
			reason = message.Screened
		}
		return message.Drop(reason)
	}
	return p.Onward(s.next.Route)
}
