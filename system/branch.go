package system

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/actors/leg"
	"github.com/actorsip/actorsip/room"
)

// node is a place in the tree.
type node struct {
	name  string
	props *actor.Props
}

// room is a leaf of the tree.
func (s *System) room(name string, make actor.Producer) node {
	return s.watched(name, s.config.Limits.Packets, room.Props(make, s.config.Limits.Packets, room.CarryOn(s.restarts), s.chaos))
}

// host is a place whose children are connections: they come and go.
func (s *System) host(name string, make actor.Producer) node {
	return s.watched(name, s.config.Limits.Packets, room.Props(make, s.config.Limits.Packets, room.CarryOnMany(s.restarts), s.chaos))
}

// guest is the Props of such a child. Only its lane tells it anything, one thing after another, so there is little that could
// wait for it.
func (s *System) guest(make actor.Producer) *actor.Props {
	const capacity = 4
	return room.Props(make, capacity, room.CarryOn(s.restarts), s.chaos)
}

// watched is a place whose mailbox, of that capacity, is measured. All legs are counted together.
func (s *System) watched(name string, capacity int, props *actor.Props) node {
	kind := name
	if s.legs.Named(name) != nil {
		kind = "leg"
	}
	return node{name, room.Watched(props, kind, capacity, &s.depths)}
}

// branch is a place that only has children: it spawns them, and it decides what happens when one fails.
func (s *System) branch(name string, children ...node) node {
	return s.room(name, func() actor.Actor { return &trunk{children: children} })
}

type trunk struct{ children []node }

// Receive spawns the children; the rest is supervision.
func (t *trunk) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); ok {
		t.spawn(ctx)
	}
}

func (t *trunk) spawn(ctx actor.Context) {
	for _, c := range t.children {
		if _, err := ctx.SpawnNamed(c.props, c.name); err != nil {
			panic(err) // two rooms of one name: a mistake in tree.go
		}
	}
}

// reading is a branch that also keeps a lane's loop running: it reads the sockets for the legs below.
func (s *System) reading(name string, l *leg.Lane, legs ...node) node {
	return s.room(name, func() actor.Actor { return &reading{trunk: trunk{legs}, system: s, lane: l} })
}

type reading struct {
	trunk
	system *System
	lane   *leg.Lane
}

// pause is how long a lane whose loop has failed waits before it opens its sockets again.
const pause = 200 * time.Millisecond

// Receive starts the loop when the legs are there. A loop that fails is started again over new sockets: rebind. It never
// waits for a loop to end, for it may run on that loop's goroutine.
func (r *reading) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		r.spawn(ctx)
		r.system.read(r.lane, ctx.Self(), r.lane.Run)
	case ended:
		if m.Err() != nil && r.system.isCurrent(r.lane, m.turn) {
			r.system.restarts.Note(ctx.Self(), room.Panic{Value: m.Panic, Stack: m.Stack}, m.Ended)
			r.system.read(r.lane, ctx.Self(), r.rebind)
		}
	case *actor.Stopping, *actor.Restarting:
		r.system.quit(r.lane)
	}
}

// rebind opens the lane's sockets again and goes on.
func (r *reading) rebind(stop <-chan struct{}) {
	select {
	case <-stop:
		return
	case <-time.After(pause):
	}
	if err := r.lane.Rebind(); err != nil {
		panic(err)
	}
	r.lane.Run(stop)
}
