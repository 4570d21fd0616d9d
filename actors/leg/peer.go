package leg

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// peer is the other end of one connection, a child of the leg that the connection belongs to. It receives as its leg does;
// the connection itself is the endpoint's, and outlives it.
type peer struct {
	*leg
	conn *stream.Conn
}

// opened is told to a leg, closed to a peer.
type (
	opened struct{ *stream.Conn }
	closed struct{}
)

// Receive is the peer's mailbox.
func (p *peer) Receive(ctx actor.Context) {
	switch v := ctx.Message().(type) {
	case received:
		broken := v.Fault != sipwire.None
		v.Settle(ctx, message.AtReceive, p.receive(v.Packet))
		if broken { // an answer was sent, if there is one
			p.conn.Flush()
			p.conn.Close(stream.BadFrame)
		}
	case closed:
		ctx.Stop(ctx.Self())
	}
}

// welcome makes the actor of a connection.
func (l *leg) welcome(ctx actor.Context, c *stream.Conn) {
	props := l.Peers(func() actor.Actor { return &peer{l, c} })
	if _, err := ctx.SpawnNamed(props, peerName(c)); err != nil {
		c.Close(stream.Stopped) // nobody would hear what it says
	}
}

// welcomeAll makes the actors of the connections that are there already: the leg was started again.
func (l *leg) welcomeAll(ctx actor.Context) {
	if l.intake == nil {
		return
	}
	for c := range l.intake.peers {
		l.welcome(ctx, c)
	}
}

// peerName is where the connection leads, and which one it is: an address and port may be used again at once.
func peerName(c *stream.Conn) string {
	return c.Remote().String() + "-" + strconv.FormatUint(uint64(c.ID()), 36)
}
