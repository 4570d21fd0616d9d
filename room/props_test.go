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
	chaos := func(room string, msg any) bool {
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
	room := h.room("a", 4, func(string, any) bool { calls++; return false }, stateless(func(ctx actor.Context) {
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

// What chaos swallows is given back, and the room goes on as if it had never come.
func TestWhatChaosSwallowsIsGivenBack(t *testing.T) {
	h := build(t)
	var got, lost []int
	odd := func(_ string, msg any) bool { m, ok := msg.(parcel); return ok && m.n%2 == 1 }
	room := h.room("a", 8, odd, stateless(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case parcel:
			got = append(got, m.n)
		case string:
			for n := range 4 {
				ctx.Send(ctx.Self(), parcel{n, &lost})
			}
		}
	}))
	h.tell(room, parcel{5, &lost})
	h.tell(room, "fill")
	if !slices.Equal(got, []int{0, 2}) || !slices.Equal(lost, []int{5, 1, 3}) || h.restarts.Total() != 0 {
		t.Fatalf("handled %v, given back %v, %d restarts", got, lost, h.restarts.Total())
	}
}
