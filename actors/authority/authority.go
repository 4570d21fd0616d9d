package authority

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/message"
)

type authority struct {
	Config
	next   Next
	now    func() time.Time // set once
	server *role
	proxy  *role
	name   []byte // scratch: a user with his realm
}

// role is one way to ask.
type role struct {
	verifier *digest.Verifier
	checker  *digest.Checker
	reason   message.Reason // of a challenge
}

// New makes the actor.
func New(cfg Config, next Next) actor.Producer {
	return func() actor.Actor {
		return &authority{
			Config: cfg, next: next, now: time.Now,
			server: &role{cfg.Server, cfg.Server.Checker(), message.Unauthorized},
			proxy:  &role{cfg.Proxy, cfg.Proxy.Checker(), message.ProxyUnauthorized},
		}
	}
}

// Receive is the mailbox of an authority.
func (a *authority) Receive(ctx actor.Context) {
	if v, ok := ctx.Message().(message.Authorize); ok {
		v.Settle(ctx, message.AtAuthorize, a.authorize(v.Packet))
	}
}
