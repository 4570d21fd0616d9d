package remote

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/actors/remote/wire"
	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/message"
)

type remote struct {
	Config
	next  Next
	clock *loop.Handle
	*desk
}

// desk is what waits for others, and survives a restart of the room.
type desk struct {
	asked  map[uint64]*asked // by ticket
	ticket uint64
	served map[*message.Packet]served // packets of other nodes that are in the media sessions' hands
	inbox  *message.Inbox             // where they come back to
	back   []*message.Packet          // those that are to be told of
	heirs  map[string]uint16          // calls that have left this node while it drained, by Call-ID, and where they are
}

// New makes the actor.
func New(cfg Config, next Next, tell actor.SenderContext) actor.Producer {
	d := &desk{asked: map[uint64]*asked{}, served: map[*message.Packet]served{}, heirs: map[string]uint16{}}
	d.inbox = message.NewInbox(func() { tell.Send(next.Self, returned{}) })
	return func() actor.Actor { return &remote{Config: cfg, next: next, desk: d} }
}

// The room's own messages.
type (
	tick     struct{ now time.Time }
	returned struct{} // a packet of another node is back from the media sessions
)

// Receive is the mailbox of remote.
func (r *remote) Receive(ctx actor.Context) {
	switch v := ctx.Message().(type) {
	case message.Anchor:
		r.anchor(ctx, v)
	case message.Write:
		r.write(v)
	case *wire.Anchored:
		r.anchored(ctx, v)
	case *wire.Written:
		r.written(v)
	case *wire.Anchor:
		r.serveAnchor(ctx, v)
	case *wire.Write:
		r.serveWrite(v)
	case returned:
		r.answerBack()
	case tick:
		r.late(ctx, v.now)
		r.answerBack() // should a word that one is back have been lost
	case *actor.Started:
		r.start(ctx)
	case *actor.Stopping, *actor.Restarting:
		r.clock.Quit() // this may be its own goroutine
	}
}

func (r *remote) start(ctx actor.Context) {
	self, tell := ctx.Self(), ctx.ActorSystem().Root
	r.clock = loop.Start(self.Id, func(stop <-chan struct{}) {
		t := time.NewTicker(patience / 5)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case now := <-t.C:
				tell.Send(self, tick{now})
			}
		}
	}, nil)
}
