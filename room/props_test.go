package room

import (
	"fmt"
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// A room that chaos kills on its order to stop would never stop.
func TestChaosLeavesTheLibrarysOwnMessagesAlone(t *testing.T) {
	h := build(t)
	var life, shaken []string
	chaos := func(room string, msg any) {
		shaken = append(shaken, fmt.Sprintf("%s %T", room, msg))
		panic("chaos")
	}
	leaf := Props(stateless(func(actor.Context) {}), 4, CarryOn(h.restarts), nil)
	room := h.room("a", 16, chaos, stateless(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			life = append(life, "started")
			ctx.Stop(ctx.Spawn(leaf)) // it hears of its end
		case *actor.Terminated:
			life = append(life, "terminated")
		case *actor.Restarting:
			life = append(life, "restarting")
		case *actor.Stopping:
			life = append(life, "stopping")
		case *actor.Stopped:
			life = append(life, "stopped")
		default:
			life = append(life, fmt.Sprintf("%T", ctx.Message()))
		}
	}))
	h.tell(room, 1)
	if err := h.system.Root.PoisonFuture(room).Wait(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"house/a int"}; !slices.Equal(shaken, want) {
		t.Errorf("chaos was called with %q, want %q", shaken, want)
	}
	want := []string{"started", "terminated", "restarting", "started", "terminated", "stopping", "stopped"}
	if !slices.Equal(life, want) {
		t.Errorf("the room went by %q, want %q", life, want)
	}
}

func TestChaosThatDoesNothingChangesNothing(t *testing.T) {
	h := build(t)
	calls, got := 0, 0
	room := h.room("a", 4, func(string, any) { calls++ }, stateless(func(ctx actor.Context) {
		if _, ok := ctx.Message().(int); ok {
			got++
		}
	}))
	for n := range 10 {
		h.tell(room, n)
	}
	if calls != 10 || got != 10 {
		t.Fatalf("chaos was called %d times, the room %d times", calls, got)
	}
}
