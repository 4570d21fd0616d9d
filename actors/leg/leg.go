package leg

import (
	"crypto/aes"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
)

// leg is one SIP socket of one lane, or the connections of one leg that this lane reads.
type leg struct {
	Config
	next   Next
	facts  *message.Leg     // set once
	twin   *message.Leg     // of a TCP leg: the one for datagrams at the same place; nil for none
	socket *Socket          // the lane's; nil for a leg of connections
	stream *stream.Endpoint // the system's; nil for a leg of datagrams
	intake *Intake          // the lane's; nil for a leg of datagrams

	branches *keyring.MACs
	owners   *keyring.MACs
	tags     *keyring.MACs
	flows    *keyring.MACs
	pinholes *keyring.MACs
	input    []byte // what a MAC is made over
	iv, pad  [aes.BlockSize]byte
	credit   *credit // kept over restarts
}

// received is told for each message that the lane has read: to its leg, or to the peer that it came from.
type received struct{ *message.Packet }

// New makes the actor of a leg. Its socket is the lane's and its connections are the system's: they outlive the actor.
func New(cfg Config, next Next, facts *message.Leg, lane *Lane) actor.Producer {
	l := leg{Config: cfg, next: next, facts: facts}
	if facts.Transport.IsStream() {
		l.stream, l.intake, l.twin = cfg.Streams[facts.Index], lane.Intakes[facts.Index], cfg.Legs.Twin(facts)
	} else {
		l.socket = lane.Sockets[facts.Index]
	}
	l.credit = &credit{}
	return func() actor.Actor {
		fresh := l
		fresh.branches = keyring.NewMACs(keyring.Branch)
		fresh.owners = keyring.NewMACs(keyring.Owner)
		fresh.tags = keyring.NewMACs(keyring.Tag)
		fresh.flows = keyring.NewMACs(keyring.Flow)
		fresh.pinholes = keyring.NewMACs(keyring.Pinhole)
		fresh.input = make([]byte, 0, 512)
		return &fresh
	}
}

// Receive is the leg's mailbox.
func (l *leg) Receive(ctx actor.Context) {
	switch v := ctx.Message().(type) {
	case received:
		v.Settle(ctx, message.AtReceive, l.receive(v.Packet))
	case message.Send:
		v.Then = ctx.Self()
		if o, done := l.send(v.Packet); !done {
			v.Settle(ctx, message.AtSend, o)
		}
	case opened:
		l.welcome(ctx, v.Conn)
	case *actor.Started:
		l.welcomeAll(ctx)
	}
}
