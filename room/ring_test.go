package room

import (
	"sync"
	"testing"
)

func TestARingIsFirstInFirstOut(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 7, 8, 100} {
		var r ring
		r.init(size)
		holds := len(r.slots)
		if holds < size || holds < 2 {
			t.Fatalf("a ring for %d holds %d", size, holds)
		}
		in, out := 0, 0
		for round := range 5 * holds {
			for fill := round % (holds + 1); r.length() < fill; in++ {
				if !r.push(in) {
					t.Fatalf("size %d: no place for %d among %d", size, in, r.length())
				}
			}
			if r.length() == holds && r.push(-1) {
				t.Fatalf("size %d: a full ring took one more", size)
			}
			for drain := round % 3; r.length() > drain; out++ {
				if msg, ok := r.pop(); !ok || msg != out {
					t.Fatalf("size %d: got %v, %v, want %d", size, msg, ok, out)
				}
			}
			if r.ready() != (r.length() > 0) {
				t.Fatalf("size %d: ready is %v with %d in it", size, r.ready(), r.length())
			}
		}
		for r.length() > 0 {
			r.pop()
		}
		if msg, ok := r.pop(); ok {
			t.Fatalf("size %d: an empty ring gave %v", size, msg)
		}
		for i := range r.slots {
			if r.slots[i].msg != nil {
				t.Fatalf("size %d: slot %d keeps what was taken", size, i)
			}
		}
	}
}

// nil is a message too: an empty ring is told by ok.
func TestARingCarriesNil(t *testing.T) {
	var r ring
	r.init(2)
	r.push(nil)
	if msg, ok := r.pop(); msg != nil || !ok {
		t.Fatalf("got %v, %v", msg, ok)
	}
}

func TestARingOfManySendersLosesNothing(t *testing.T) {
	const senders, each = 8, 20_000
	for _, size := range []int{2, 16, 1024} {
		var r ring
		r.init(size)
		var wg sync.WaitGroup
		for s := range senders {
			wg.Go(func() {
				for n := 0; n < each; {
					if r.push([2]int{s, n}) {
						n++
					}
				}
			})
		}
		var next [senders]int
		for got := 0; got < senders*each; {
			msg, ok := r.pop()
			if !ok {
				continue
			}
			m := msg.([2]int)
			if m[1] != next[m[0]] {
				t.Fatalf("size %d: sender %d: got %d, want %d", size, m[0], m[1], next[m[0]])
			}
			next[m[0]]++
			got++
		}
		wg.Wait()
		if _, ok := r.pop(); ok || r.length() != 0 {
			t.Fatalf("size %d: something is left", size)
		}
	}
}
