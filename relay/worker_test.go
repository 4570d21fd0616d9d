package relay

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// Under traffic one batch in twenty has a panic in it.
func TestAWorkerThatPanicsLosesNoPacketAndGoesOn(t *testing.T) {
	var restarts, batches atomic.Int64
	e := open(t, Config{
		Workers:   2,
		Restarted: func(int, loop.Ended) { restarts.Add(1) },
		Chaos: func(int) {
			if batches.Add(1)%20 == 0 {
				panic("chaos")
			}
		},
	})
	const calls, rounds = 10, 100
	var phones [calls][2]*phone
	var all [calls]*call
	for i := range all {
		phones[i] = [2]*phone{dial(t, "127.0.0.2"), dial(t, "127.0.0.3")}
		all[i] = between(t, e, phones[i][0], phones[i][1])
	}
	for range rounds {
		for i, c := range all {
			phones[i][0].talk(c.ports[0], 1)
			phones[i][1].talk(c.ports[1], 1)
		}
		for i := range all {
			if !portable { // there the packet at fault was read already
				hears(t, phones[i][0].rtp)
				hears(t, phones[i][1].rtp)
			}
		}
	}
	sum := func() (n uint64) {
		for _, c := range all {
			k := c.counters()
			n += k.Sides[0].Packets + k.Sides[1].Packets
		}
		return n
	}
	allowed := uint64(0)
	if portable {
		allowed = 2 * calls * rounds / 20
	}
	eventually(t, "all packets were relayed", func() bool { return sum() >= 2*calls*rounds-allowed })
	if restarts.Load() == 0 {
		t.Error("nobody heard of a panic")
	}
}

// A relay that is broken takes its worker down with each packet. The packets of others wait in the kernel meanwhile.
func TestABrokenRelayCostsOthersNothing(t *testing.T) {
	var restarts atomic.Int64
	e := open(t, Config{Workers: 1, Restarted: func(int, loop.Ended) { restarts.Add(1) }})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	x, y := dial(t, "127.0.0.4"), dial(t, "127.0.0.5")
	good, broken := between(t, e, a, b), between(t, e, x, y)
	e.workers[0].do(func() { e.relays[broken.id].sides[0].far = nil })
	const packets = 50
	var waited []time.Duration
	for i := range packets {
		x.talk(broken.ports[0], 1)
		at := time.Now()
		a.talk(good.ports[0], 1)
		hears(t, b.rtp)
		waited = append(waited, time.Since(at))
		eventually(t, "the worker was started again", func() bool { return restarts.Load() == int64(i+1) })
	}
	slices.Sort(waited)
	if most := waited[packets*9/10]; most > 50*time.Millisecond { // the others are left to a machine under load
		t.Errorf("packets waited %s for the worker", most)
	}
	if f := good.relayed(0, packets); f.Packets != packets || f.Lost != 0 {
		t.Errorf("counted %+v", f)
	}
	y.talk(broken.ports[1], 1) // its other direction works
	hears(t, x.rtp)
}

// A command that panics is lost; those after it are not.
func TestACommandThatPanicsStopsNoOther(t *testing.T) {
	if portable {
		t.Skip("commands are done by who gives them, who hears of the panic")
	}
	restarted := make(chan loop.Ended, 1)
	e := open(t, Config{Workers: 1, Restarted: func(_ int, ended loop.Ended) { restarted <- ended }})
	done := make(chan struct{})
	e.workers[0].do(func() {
		e.workers[0].do(func() { close(done) })
		panic("command")
	})
	if ended := <-restarted; ended.Panic != "command" || len(ended.Stack) == 0 {
		t.Errorf("the panic was told as %+v", ended)
	}
	<-done
}

func TestCloseEndsAWorkerThatKeepsPanicking(t *testing.T) {
	e := open(t, Config{Workers: 1, Restarted: func(int, loop.Ended) {}, Chaos: func(int) { panic("chaos") }})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	a.talk(c.ports[0], 10)
	e.Close()
	e.Close()
	if _, err := e.Lease(four, 1); err == nil {
		t.Error("a closed engine leases ports")
	}
	if err := e.Claim(c.leases[0]); err == nil {
		t.Error("a closed engine lets ports be claimed")
	}
	e.Change(e.Start(1, c.rule), c.rule)
	e.Return(c.leases[0])
	for pool := range pools() {
		if s := e.Ports(pool); s.Leased != 0 {
			t.Errorf("pool %d has %+v", pool, s)
		}
	}
}

// Many sessions come and go under several workers; nothing may be left.
func TestPortsComeBack(t *testing.T) {
	e := open(t, Config{Workers: 3})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	files := openFiles(t)
	for shard := range uint64(90) {
		rule := Rule{}
		var leases []Lease
		for i, p := range []*phone{a, b} {
			l, err := e.Lease(i, 1+int(shard%3))
			if err != nil {
				t.Fatal(err)
			}
			leases = append(leases, l)
			rule.Sides[i] = p.side(i, l)
		}
		id := e.Start(shard, rule)
		e.Change(id, rule)
		if shard%2 == 0 {
			e.Stop(id) // the others lose their ports first
		}
		for _, l := range leases {
			e.Return(l)
		}
		e.Stop(id)
		if s := e.Ports(four); s.Leased != 0 || s.Leased+s.Resting+s.Free != 500 {
			t.Fatalf("the pool has %+v", s)
		}
	}
	e.settle()
	if now := openFiles(t); now > files {
		t.Errorf("%d files are open, there were %d", now, files)
	}
}
