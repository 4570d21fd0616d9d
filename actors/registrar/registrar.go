package registrar

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

type registrar struct {
	Config
	next Next
	now  func() time.Time // set once

	userAgent sipwire.Name // of the header; set once

	aor      []byte             // scratch: an address of record
	bindings []location.Binding // scratch: what was found
}

// New makes the actor.
func New(cfg Config, next Next) actor.Producer {
	name, _ := sipwire.ParseName("User-Agent")
	return func() actor.Actor { return &registrar{Config: cfg, next: next, now: time.Now, userAgent: name} }
}

// Receive is the mailbox of the registrar.
func (r *registrar) Receive(ctx actor.Context) {
	if v, ok := ctx.Message().(message.Locate); ok {
		v.Settle(ctx, message.AtLocate, r.locate(v.Packet))
	}
}

func (r *registrar) rules(p *message.Packet) *Rules { return &r.Rules[p.Ingress.Index] }
