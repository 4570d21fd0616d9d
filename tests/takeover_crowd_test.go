package tests

import (
	"slices"
	"sync"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// crowd is calls by way of a pair, whose ends talk all the time.
type crowd struct {
	*traffic
	pair  *pair
	board *switchboard
	calls int
	hang  []func()       // up, by call
	over  sync.WaitGroup // all calls
	quiet func()         // ends the talk
}

// crowd sets calls up by the legs of a machine, and returns when everybody hears everybody.
func (p *pair) crowd(by *machine, calls int) *crowd {
	p.t.Helper()
	c := &crowd{traffic: &traffic{t: p.t, host: p.own.AsSlice()}, pair: p, calls: calls, board: connect(p.t, by.inside, by.outside, p.caller, p.callee)}
	ends := make([]chan struct{}, calls)
	for i := range calls {
		c.traffic.pair()
		ends[i] = make(chan struct{})
		c.hang = append(c.hang, sync.OnceFunc(func() { close(ends[i]) }))
		p.t.Cleanup(c.hang[i])
	}
	var up sync.WaitGroup
	up.Add(calls)
	c.over.Go(func() {
		all(p.t, calls, func(i int) error {
			once := sync.OnceFunc(up.Done)
			defer once()
			return c.board.play(func(x *conversation) {
				x.setUp(c.ends[2*i], c.ends[2*i+1])
				once()
				<-ends[i]
				living := p.living()
				x.repeat(near, x.calls[near].Request("BYE", ua.Options{Proxy: living[i%len(living)].inside})) // any node will do
				x.answer(far, x.hears(far, "BYE"), 200, ua.Options{})
				x.told(near, x.calls[near], 200)
			})
		})
	})
	up.Wait()
	stop := make(chan struct{})
	done := c.flow(20*time.Millisecond, stop)
	c.quiet = sync.OnceFunc(func() { close(stop); done() })
	p.t.Cleanup(c.quiet)
	c.again("everybody talks", 0)
	return c
}

// again waits until everybody hears everybody, and says how long nobody was heard; longer than that, at the 99th percentile, is a fault.
func (c *crowd) again(what string, longest time.Duration) {
	c.t.Helper()
	said := c.marks()
	eventually(c.t, 30*time.Second, what+": everybody hears everybody", func() bool { return c.deaf(25, said) == 0 })
	p50, p99, most := c.pauses()
	c.t.Logf("%d calls, %s: silences p50 %v, p99 %v, max %v", c.calls, what, p50.Round(time.Millisecond), p99.Round(time.Millisecond), most.Round(time.Millisecond))
	if longest > 0 && p99 > longest {
		c.t.Errorf("%s: p99 %v", what, p99)
	}
}

// ended ends the talk and looks whether anybody has heard what was not for him.
func (c *crowd) ended() {
	c.t.Helper()
	c.quiet()
	for _, e := range c.ends {
		if n := e.foreign.Load() + e.again.Load(); n > 0 {
			c.t.Errorf("end %d heard %d packets that are not its own, or not from where its call was", e.number, n)
		}
	}
}

// hangUp ends all calls.
func (c *crowd) hangUp() {
	for _, hang := range c.hang {
		hang()
	}
	c.over.Wait()
}

// pauses are the longest silences of all ends since they were asked for last: half of them were shorter than p50, all but a hundredth
// shorter than p99.
func (f *traffic) pauses() (p50, p99, longest time.Duration) {
	var all []time.Duration
	for _, e := range f.ends {
		all = append(all, time.Duration(e.pause.Swap(0)))
	}
	slices.Sort(all)
	return all[len(all)/2], all[min(len(all)*99/100, len(all)-1)], all[len(all)-1]
}
