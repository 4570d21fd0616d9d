package room

import "github.com/asynkron/protoactor-go/actor"

// Chaos is fault injection: it is called with every message before the room is, and may panic, or wait, or swallow the
// message: then it is given back, and the room does not see it. It knows the room by its path in the tree.
type Chaos func(room string, msg any) (swallow bool)

// Props describes a room. It is spawned again from make whenever it is restarted, so what must survive belongs to
// make's closure. capacity is how many messages may wait for it while it is busy; policy says what happens to its
// children when they fail; chaos is nil but in tests and drills.
func Props(make actor.Producer, capacity int, policy Policy, chaos Chaos) *actor.Props {
	if chaos != nil {
		make = shaken(make, chaos)
	}
	return actor.PropsFromProducer(make, actor.WithMailbox(newMailbox(capacity)), actor.WithSupervisor(policy))
}

// Watched has depths know how many messages wait for a room of these Props, under that name.
func Watched(props *actor.Props, name string, capacity int, depths *Depths) *actor.Props {
	return props.Configure(actor.WithMailbox(func() actor.Mailbox {
		m := newMailbox(capacity)()
		depths.note(name, m.(*mailbox))
		return m
	}))
}

// shaken puts chaos before a room. The library's own messages go by: a room that panics on its order to stop would
// never stop.
func shaken(make actor.Producer, chaos Chaos) actor.Producer {
	return func() actor.Actor { return &shaky{make(), chaos} }
}

type shaky struct {
	room  actor.Actor
	chaos Chaos
}

// Receive hands on what chaos let through.
func (s *shaky) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case actor.AutoReceiveMessage, actor.SystemMessage:
	default:
		if s.chaos(ctx.Self().Id, ctx.Message()) {
			giveBack(ctx.Message())
			return
		}
	}
	s.room.Receive(ctx)
}
