package room

import (
	"log/slog"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// parcel is a message with something to give back.
type parcel struct {
	n    int
	lost *[]int
}

func (p parcel) Lost() { *p.lost = append(*p.lost, p.n) }

// house is an actor system with one parent whose children are rooms under test.
type house struct {
	t        testing.TB
	system   *actor.ActorSystem
	parent   *actor.PID
	restarts *Restarts
}

func build(t testing.TB) *house {
	h := &house{t: t, restarts: NewRestarts(slog.New(slog.DiscardHandler))}
	h.buildUnder(CarryOn(h.restarts))
	return h
}

// buildUnder is a house whose parent has that policy.
func (h *house) buildUnder(policy Policy) {
	h.t.Helper()
	h.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	h.t.Cleanup(h.system.Shutdown)
	var err error
	if h.parent, err = h.system.Root.SpawnNamed(Props(newParent, 16, policy, nil), "house"); err != nil {
		h.t.Fatal(err)
	}
}

type child struct {
	name  string
	props *actor.Props
}

func newParent() actor.Actor {
	return actor.ReceiveFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case child:
			if _, err := ctx.SpawnNamed(m.props, m.name); err != nil {
				panic(err)
			}
		case func(actor.Context):
			m(ctx)
		}
	})
}

// room spawns a room. It is there when this returns: all of it runs on this goroutine.
func (h *house) room(name string, capacity int, chaos Chaos, make actor.Producer) *actor.PID {
	h.t.Helper()
	h.system.Root.Send(h.parent, child{name, Props(make, capacity, CarryOn(h.restarts), chaos)})
	return actor.NewPID(h.system.Address(), "house/"+name)
}

// stateless is a room that is the same after a restart.
func stateless(receive actor.ReceiveFunc) actor.Producer {
	return func() actor.Actor { return receive }
}

func (h *house) tell(to *actor.PID, msg any) { h.system.Root.Send(to, msg) }
