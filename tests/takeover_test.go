package tests

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// The machine that has the media addresses loses its power, with all calls of the place. The other one has them again, on the same
// ports, and nobody says a word of SIP. Then the first one comes back, stands by, and gets the addresses again.
func TestCallsGoOnWhereTheirMediaAddressesGo(t *testing.T) {
	calls := 300
	if raced || runtime.NumCPU() < 2 {
		calls = 40
	}
	p := newPair(t)
	a, b := p.machines[0], p.machines[1]
	a.route(150)
	a.serve()
	a.is(true, 0)
	b.route(100)
	b.serve()
	b.is(false, 0)
	b.knows(a)

	board := connect(t, a.inside, a.outside, p.caller, p.callee)
	flow := &traffic{t: t, host: p.host()}
	for range calls {
		flow.pair()
	}
	var up, over sync.WaitGroup
	up.Add(calls)
	end := make(chan struct{})
	hangUp := sync.OnceFunc(func() { close(end) })
	defer hangUp()
	over.Go(func() {
		all(t, calls, func(i int) error {
			once := sync.OnceFunc(up.Done)
			defer once()
			return board.play(func(c *conversation) {
				c.setUp(flow.ends[2*i], flow.ends[2*i+1])
				once()
				<-end
				c.repeat(near, c.calls[near].Request("BYE", ua.Options{Proxy: p.machines[i%2].inside})) // either node will do
				c.answer(far, c.hears(far, "BYE"), 200, ua.Options{})
				c.told(near, c.calls[near], 200)
			})
		})
	})
	up.Wait()
	a.is(true, 2*calls)
	quiet := make(chan struct{})
	done := flow.flow(20*time.Millisecond, quiet)
	eventually(t, 20*time.Second, "everybody hears everybody", func() bool { return flow.deaf(50, make([]uint32, 2*calls)) == 0 })
	messages := board.heard.Load()
	p50, p99, longest := flow.pauses()
	t.Logf("%d calls; before anything happens the longest silences are p50 %v, p99 %v, max %v", calls, p50, p99, longest)

	again := func(what string) {
		t.Helper()
		said := flow.marks()
		eventually(t, 20*time.Second, what+": everybody hears everybody", func() bool { return flow.deaf(25, said) == 0 })
		p50, p99, longest := flow.pauses()
		t.Logf("%s: silences p50 %v, p99 %v, max %v", what, p50.Round(time.Millisecond), p99.Round(time.Millisecond), longest.Round(time.Millisecond))
		if p99 > time.Second {
			t.Errorf("%s: p99 %v", what, p99)
		}
	}
	a.die()
	again("the power of a has failed")
	b.is(true, 2*calls)

	a.boot()
	a.route(50)
	a.serve()
	a.is(false, 0)
	a.knows(b)
	flow.pauses()
	b.resign()
	again("b gives the addresses away")
	a.is(true, 2*calls)
	b.is(false, 0)
	b.knows(a)

	if now := board.heard.Load(); now != messages {
		t.Errorf("%d SIP messages came to the phones", now-messages)
	}
	close(quiet)
	done()
	for _, e := range flow.ends {
		if n := e.foreign.Load() + e.again.Load(); n > 0 {
			t.Errorf("end %d heard %d packets that are not its own, or not from where its call was", e.number, n)
		}
	}
	hangUp()
	over.Wait()
	a.is(true, 0)
}
