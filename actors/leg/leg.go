package leg

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
)

// leg is one SIP socket of one lane.
type leg struct {
	Config
	next   Next
	facts  *message.Leg // set once
	socket *Socket      // the lane's

	branches *keyring.MACs
	tags     *keyring.MACs
	input    []byte // what a MAC is made over
}

// received is told to a leg for each datagram that its lane read for it.
type received struct{ *message.Packet }

// New makes the actor of a leg. The socket is the lane's: it outlives the actor.
func New(cfg Config, next Next, facts *message.Leg, socket *Socket) actor.Producer {
	return func() actor.Actor {
		return &leg{
			Config: cfg, next: next, facts: facts, socket: socket,
			branches: keyring.NewMACs(keyring.Branch),
			tags:     keyring.NewMACs(keyring.Tag),
			input:    make([]byte, 0, 512),
		}
	}
}

// Receive is the leg's mailbox.
func (l *leg) Receive(ctx actor.Context) {
	switch v := ctx.Message().(type) {
	case received:
		v.Settle(ctx, message.AtReceive, l.receive(v.Packet))
	case message.Send:
		if o, done := l.send(v.Packet); !done {
			v.Settle(ctx, message.AtSend, o)
		}
	}
}
