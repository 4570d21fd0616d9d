package room

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// No lock guards got: -race would say so if another goroutine than the sender's had handled the message.
func TestAMessageIsHandledBeforeSendReturns(t *testing.T) {
	h := build(t)
	got := 0
	room := h.room("a", 16, nil, stateless(func(ctx actor.Context) {
		if n, ok := ctx.Message().(int); ok {
			got = n
		}
	}))
	for n := range 1000 {
		if h.tell(room, n); got != n {
			t.Fatalf("Send returned, and %d is not handled", n)
		}
	}
}

func TestARoomThatTellsItselfDoesNotRecurse(t *testing.T) {
	h := build(t)
	var got []int
	depth, deepest := 0, 0
	room := h.room("a", 16, nil, stateless(func(ctx actor.Context) {
		n, ok := ctx.Message().(int)
		if !ok {
			return
		}
		depth++
		deepest = max(deepest, depth)
		got = append(got, n)
		if n < 10 {
			ctx.Send(ctx.Self(), n*10+1)
			ctx.Send(ctx.Self(), n*10+2)
		}
		depth--
	}))
	h.tell(room, 1)
	h.tell(room, 2)
	if want := []int{1, 11, 12, 2, 21, 22}; !slices.Equal(got, want) || deepest != 1 {
		t.Fatalf("handled %v at a depth of up to %d, want %v one after the other", got, deepest, want)
	}
}

// A circle of rooms would overflow any stack if each turn of it were a call within the last.
func TestACircleOfRoomsDoesNotGrowTheStack(t *testing.T) {
	h := build(t)
	const turns = 1_000_000
	count, depth := 0, 0
	var rooms [3]*actor.PID
	for i, name := range []string{"a", "b", "c"} {
		rooms[i] = h.room(name, 16, nil, stateless(func(ctx actor.Context) {
			if _, ok := ctx.Message().(int); !ok {
				return
			}
			if depth++; depth > len(rooms) {
				t.Errorf("room %s runs inside of itself", ctx.Self().Id)
			}
			if count++; count < turns {
				ctx.Send(rooms[(i+1)%len(rooms)], count)
			}
			depth--
		}))
	}
	h.tell(rooms[0], 0)
	if count != turns {
		t.Fatalf("%d of %d messages were handled", count, turns)
	}
}

func TestAFullMailboxShedsTheNewest(t *testing.T) {
	for _, c := range []struct{ capacity, holds int }{{1, 2}, {2, 2}, {3, 4}, {4, 4}, {64, 64}} {
		h := build(t)
		var got, lost, want, shed []int
		room := h.room("a", c.capacity, nil, stateless(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case parcel:
				got = append(got, m.n)
			case string:
				for n := range c.holds + 3 {
					ctx.Send(ctx.Self(), parcel{n, &lost})
				}
			}
		}))
		for round := range 3 { // the ring wraps
			h.tell(room, "fill")
			for n := range c.holds {
				want = append(want, n)
			}
			shed = append(shed, c.holds, c.holds+1, c.holds+2)
			if !slices.Equal(got, want) || !slices.Equal(lost, shed) {
				t.Fatalf("capacity %d, round %d: handled %v, shed %v; want %v and %v", c.capacity, round, got, lost, want, shed)
			}
		}
	}
}

// A message that has nothing to give back is shed without a word.
func TestAMessageWithoutLostMayBeShed(t *testing.T) {
	h := build(t)
	got := 0
	room := h.room("a", 2, nil, stateless(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case int:
			got++
		case string:
			for n := range 5 {
				ctx.Send(ctx.Self(), n)
			}
		}
	}))
	h.tell(room, "fill")
	if got != 2 {
		t.Fatalf("%d messages were handled of a mailbox that holds 2", got)
	}
}

func TestAPanicCostsOneMessage(t *testing.T) {
	h := build(t)
	var got, lost []int
	made := 0
	room := h.room("a", 16, nil, func() actor.Actor {
		made++
		seen := 0 // what the room itself keeps is gone with it
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case parcel:
				if seen++; m.n == 5 {
					panic("poison")
				}
				got = append(got, m.n)
			case string:
				for n := range 10 {
					ctx.Send(ctx.Self(), parcel{n, &lost})
				}
			case func(int):
				m(seen)
			}
		})
	})
	h.tell(room, "fill")
	if want := []int{0, 1, 2, 3, 4, 6, 7, 8, 9}; !slices.Equal(got, want) || !slices.Equal(lost, []int{5}) {
		t.Fatalf("handled %v, lost %v; want %v and 5", got, lost, want)
	}
	h.tell(room, func(seen int) {
		if seen != 4 || made != 2 {
			t.Errorf("the room was made %d times and has seen %d messages since, want 2 and 4", made, seen)
		}
	})
	h.tell(room, parcel{5, &lost}) // to an idle room, on the way that stores nothing
	h.tell(room, parcel{11, &lost})
	if got[len(got)-1] != 11 || !slices.Equal(lost, []int{5, 5}) {
		t.Fatalf("handled %v, lost %v", got, lost)
	}
	if n := h.restarts.ByRoom()["house/a"]; n != 2 {
		t.Fatalf("%d restarts were counted, not 2", n)
	}
}

// The library's own supervisor gives a room up after ten failures.
func TestARoomIsNeverGivenUp(t *testing.T) {
	h := build(t)
	got := 0
	room := h.room("a", 16, nil, stateless(func(ctx actor.Context) {
		if n, ok := ctx.Message().(int); ok {
			if got++; n%2 == 0 {
				panic(n)
			}
		}
	}))
	for n := range 1000 {
		h.tell(room, n)
	}
	if got != 1000 || h.restarts.Total() != 500 {
		t.Fatalf("%d of 1000 messages came, %d restarts", got, h.restarts.Total())
	}
}

// A panic in a room that was told something by another one's step is the first one's own affair.
func TestAPanicDoesNotReachTheSender(t *testing.T) {
	h := build(t)
	done := false
	broken := h.room("broken", 16, nil, stateless(func(ctx actor.Context) {
		if _, ok := ctx.Message().(int); ok {
			panic("poison")
		}
	}))
	sender := h.room("sender", 16, nil, stateless(func(ctx actor.Context) {
		if n, ok := ctx.Message().(int); ok {
			ctx.Send(broken, n)
			done = true
		}
	}))
	h.tell(sender, 1)
	if by := h.restarts.ByRoom(); !done || by["house/sender"] != 0 || by["house/broken"] != 1 {
		t.Fatalf("the sender went on: %v; restarts: %v", done, by)
	}
}

// holdBack is a policy that restarts when it is told to.
type holdBack struct {
	supervisor actor.Supervisor
	child      *actor.PID
}

func (p *holdBack) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	p.supervisor, p.child = s, child
}

func TestWhatComesWhileARoomIsSuspendedWaits(t *testing.T) {
	h := &house{t: t}
	policy := &holdBack{}
	h.buildUnder(policy)
	var got, lost []int
	room := h.room("a", 4, nil, stateless(func(ctx actor.Context) {
		if m, ok := ctx.Message().(parcel); ok {
			if m.n == 0 {
				panic("poison")
			}
			got = append(got, m.n)
		}
	}))
	for n := range 7 {
		h.tell(room, parcel{n, &lost})
	}
	if len(got) > 0 || !slices.Equal(lost, []int{0, 5, 6}) {
		t.Fatalf("a suspended room handled %v; lost %v, want 0 (it panicked), 5 and 6 (no place)", got, lost)
	}
	policy.supervisor.ResumeChildren(policy.child)
	if !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Fatalf("handled %v after it was resumed, want 1 to 4", got)
	}
	h.tell(room, parcel{0, &lost})
	h.tell(room, parcel{8, &lost})
	policy.supervisor.RestartChildren(policy.child)
	h.tell(room, parcel{9, &lost})
	if !slices.Equal(got, []int{1, 2, 3, 4, 8, 9}) {
		t.Fatalf("handled %v after it was restarted", got)
	}
}

func TestARoomThatStopsGivesBackWhatWaits(t *testing.T) {
	for name, stop := range map[string]func(actor.Context){
		"Stop":   func(ctx actor.Context) { ctx.Stop(ctx.Self()) },
		"Poison": func(ctx actor.Context) { ctx.Poison(ctx.Self()) },
	} {
		t.Run(name, func(t *testing.T) {
			h := build(t)
			var got, lost []int
			var life []string
			room := h.room("a", 16, nil, stateless(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case parcel:
					got = append(got, m.n)
				case string:
					ctx.Send(ctx.Self(), parcel{1, &lost})
					ctx.Send(ctx.Self(), parcel{2, &lost})
					stop(ctx)
					ctx.Send(ctx.Self(), parcel{3, &lost})
				case *actor.Stopping:
					life = append(life, "stopping")
				case *actor.Stopped:
					life = append(life, "stopped")
				}
			}))
			h.tell(room, "go")
			handled, gone := []int{}, []int{1, 2} // Stop overtakes what waits
			if name == "Poison" {
				handled, gone = []int{1, 2}, []int{3} // it waits its turn
			}
			if !slices.Equal(got, handled) || !slices.Equal(lost, gone) && !slices.Equal(lost, append(gone, 3)) {
				t.Errorf("handled %v, gave back %v; want %v and %v", got, lost, handled, gone)
			}
			if strings.Join(life, " ") != "stopping stopped" {
				t.Errorf("it went by %v", life)
			}
		})
	}
}

func TestAFullMailboxCanBePoisoned(t *testing.T) {
	h := build(t)
	var lost []int
	stopped := false
	room := h.room("a", 4, nil, stateless(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case string:
			for n := range 4 {
				ctx.Send(ctx.Self(), parcel{n, &lost})
			}
			ctx.Poison(ctx.Self())
		case *actor.Stopped:
			stopped = true
		}
	}))
	h.tell(room, "go")
	if !stopped || !slices.Equal(lost, []int{0, 1, 2, 3}) {
		t.Fatalf("stopped: %v, given back: %v", stopped, lost)
	}
}

// What is told to a suspended room is given back when that is stopped and never restarted.
func TestASuspendedRoomCanBeStopped(t *testing.T) {
	h := &house{t: t}
	policy := &holdBack{}
	h.buildUnder(policy)
	var lost []int
	stopped := false
	room := h.room("a", 4, nil, stateless(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case parcel:
			panic("poison")
		case *actor.Stopped:
			stopped = true
		}
	}))
	h.tell(room, parcel{1, &lost})
	h.tell(room, parcel{2, &lost})
	policy.supervisor.StopChildren(policy.child)
	if !stopped || !slices.Equal(lost, []int{1, 2}) {
		t.Fatalf("stopped: %v, given back: %v", stopped, lost)
	}
}

// PoisonFuture is how a tree is taken down: it must come back though children have things to do.
func TestATreeStopsFromBelow(t *testing.T) {
	h := build(t)
	var life []string
	inner := Props(stateless(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Stopped); ok {
			life = append(life, "inner")
		}
	}), 4, CarryOn(h.restarts), nil)
	outer := h.room("outer", 4, nil, stateless(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			ctx.Spawn(inner)
			ctx.Spawn(inner)
		case *actor.Stopped:
			life = append(life, "outer")
		}
	}))
	if err := h.system.Root.PoisonFuture(outer).Wait(); err != nil {
		t.Fatal(err)
	}
	if strings.Join(life, " ") != "inner inner outer" {
		t.Fatalf("stopped in the order %v", life)
	}
}

// Eight goroutines tell one room. Each message is handled or given back, those of one sender in their order, one at a
// time, and when the last sender is done nothing lies in the mailbox: no wake-up is lost.
func TestManySendersLoseNothing(t *testing.T) {
	senders, each := 8, 100_000
	if testing.Short() {
		each = 10_000
	}
	for _, capacity := range []int{2, 1 << 20} {
		h := build(t)
		last := make([]int, senders)
		handled, busy := 0, 0
		room := h.room("a", capacity, nil, stateless(func(ctx actor.Context) {
			m, ok := ctx.Message().(numbered)
			if !ok {
				return
			}
			if busy++; busy != 1 {
				t.Error("two messages are handled at once")
			}
			if m.n <= last[m.sender] {
				t.Errorf("sender %d: %d comes behind %d", m.sender, m.n, last[m.sender])
			}
			last[m.sender] = m.n
			handled++
			busy--
		}))
		lost := make([]int, senders)
		var wg sync.WaitGroup
		for s := range senders {
			wg.Go(func() {
				for n := 1; n <= each; n++ {
					h.tell(room, numbered{s, n, &lost[s]})
				}
			})
		}
		wg.Wait()
		shed := 0
		for _, n := range lost {
			shed += n
		}
		if handled+shed != senders*each || capacity > senders*each && shed > 0 {
			t.Fatalf("capacity %d: %d handled, %d shed, of %d", capacity, handled, shed, senders*each)
		}
		t.Logf("capacity %d: %d handled, %d shed", capacity, handled, shed)
	}
}

type numbered struct {
	sender, n int
	lost      *int // the sender's own: the mailbox sheds on the sender's goroutine
}

func (m numbered) Lost() { *m.lost++ }

// Panics among many senders: each costs its own message.
func TestManySendersOfPoison(t *testing.T) {
	const senders, each = 4, 5_000
	h := build(t)
	handled, lost := 0, 0
	room := h.room("a", 1<<16, nil, stateless(func(ctx actor.Context) {
		if m, ok := ctx.Message().(numbered); ok {
			if m.n%50 == 0 {
				panic("poison")
			}
			handled++
		}
	}))
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := 1; n <= each; n++ {
				h.tell(room, numbered{s, n, &lost}) // lost on the room's turn only: the mailbox is never full
			}
		})
	}
	wg.Wait()
	if want := senders * each / 50; lost != want || handled != senders*each-want || h.restarts.Total() != uint64(want) {
		t.Fatalf("%d handled, %d lost, %d restarts; want %d lost", handled, lost, h.restarts.Total(), want)
	}
}
