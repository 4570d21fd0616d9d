package room

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// load is a message as the rooms of a lane tell it: a pointer in a struct of its own type.
type load struct{ *int }

func BenchmarkSendToOneRoom(b *testing.B) {
	h := build(b)
	got := 0
	room := h.room("a", 1024, nil, stateless(func(ctx actor.Context) {
		if m, ok := ctx.Message().(load); ok {
			got += *m.int
		}
	}))
	one := 1
	b.ReportAllocs()
	for b.Loop() {
		h.system.Root.Send(room, load{&one})
	}
	if got < b.N {
		b.Fatalf("%d of %d were handled", got, b.N)
	}
}

// BenchmarkSendThroughFourRooms is the way of a request: each room tells the next, all on the sender's goroutine, and
// the last one tells the first, which is busy then.
func BenchmarkSendThroughFourRooms(b *testing.B) {
	h := build(b)
	rooms := make([]*actor.PID, 4)
	back := 0
	for i, name := range []string{"leg", "contact", "router", "again"} {
		rooms[i] = h.room(name, 1024, nil, stateless(func(ctx actor.Context) {
			m, ok := ctx.Message().(load)
			switch {
			case !ok:
			case i == 0 && *m.int == len(rooms):
				back++
			default:
				*m.int++
				ctx.Send(rooms[(i+1)%len(rooms)], m)
			}
		}))
	}
	hops := 0
	b.ReportAllocs()
	for b.Loop() {
		hops = 0
		h.system.Root.Send(rooms[0], load{&hops})
	}
	if back < b.N {
		b.Fatalf("%d of %d came round", back, b.N)
	}
}

func BenchmarkSendFromManyGoroutines(b *testing.B) {
	h := build(b)
	room := h.room("a", 1024, nil, stateless(func(actor.Context) {}))
	one := 1
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.system.Root.Send(room, load{&one})
		}
	})
}

func BenchmarkAPanicAndRestart(b *testing.B) {
	h := build(b)
	room := h.room("a", 1024, nil, stateless(func(ctx actor.Context) {
		if _, ok := ctx.Message().(load); ok {
			panic("poison")
		}
	}))
	one := 1
	b.ReportAllocs()
	for b.Loop() {
		h.system.Root.Send(room, load{&one})
	}
}
