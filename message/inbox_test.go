package message

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestAnInboxWakesOnceForAll(t *testing.T) {
	woken := 0
	inbox := NewInbox(func() { woken++ })
	pool := NewPool(3, 100, &Counts{})
	var in []*Packet
	for range 3 {
		p := pool.Take()
		in = append(in, p)
		p.Settle(nil, AtRoute, Await())
	}
	if in[0].Waiting(AtRoute) != 3 {
		t.Fatalf("%d wait, not 3", in[0].Waiting(AtRoute))
	}
	for _, p := range in {
		inbox.Put(p)
	}
	out := inbox.Take(nil)
	if woken != 1 || len(out) != 3 || out[0] != in[0] || out[1] != in[1] || out[2] != in[2] {
		t.Fatalf("woken %d times, took %d", woken, len(out))
	}
	if in[0].Waiting(AtRoute) != 0 {
		t.Fatalf("%d wait when all are back", in[0].Waiting(AtRoute))
	}
	if out = inbox.Take(out[:0]); len(out) != 0 {
		t.Fatal("a packet came back twice")
	}
	in[0].Settle(nil, AtRoute, Await())
	inbox.Put(in[0])
	if woken != 2 {
		t.Fatal("an inbox that was emptied does not wake")
	}
}

// What comes back while the lane takes must wake it again: nothing may lie there.
func TestNothingLiesInAnInbox(t *testing.T) {
	const packets, turns = 64, 200
	pool := NewPool(packets, 16, &Counts{})
	wake := make(chan struct{}, 1)
	var wakes atomic.Int64
	inbox := NewInbox(func() {
		wakes.Add(1)
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	var wg sync.WaitGroup
	back, out := []*Packet(nil), 0
	send := func(p *Packet) {
		p.Settle(nil, AtRoute, Await())
		out++
		wg.Go(func() { inbox.Put(p) })
	}
	for range packets {
		send(pool.Take())
	}
	for got := 0; got < packets*turns; {
		<-wake
		back = inbox.Take(back[:0])
		for _, p := range back {
			if got++; out < packets*turns {
				send(p)
			}
		}
	}
	wg.Wait()
	if n := len(inbox.Take(nil)); n != 0 {
		t.Fatalf("%d lie there", n)
	}
}
