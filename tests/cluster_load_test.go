package tests

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/server"
)

// load is how much comes: calls that are up all the time, and new ones a second.
func load() (standing, perSecond int) {
	if raced {
		return 90, 15
	}
	return 300, 50
}

// ways are how the nodes of a ring find one another.
var ways = []string{"etcd", "list"}

func found(t *testing.T, way, host string) string {
	if way == "etcd" {
		return byEtcd(t, server.StartEtcdAt(t, host))
	}
	return ""
}

// forgetting has ports of calls whose end a node has not heard of come back while a test waits.
const forgetting = "media: {relay: true, closed: 100ms, silent: 5s, unused: 10s, journal: media.db}"

// standing sets up calls, each by the next node; one in five is loud.
func (c *swarm) standing(calls int) (all, loud []*swarmCall) {
	c.t.Helper()
	for i := range calls {
		k := c.plan()
		k.speak(i%5 != 0)
		if i%5 == 0 {
			loud = append(loud, k)
		}
		all = append(all, k)
	}
	c.each(all, 150, func(i int, k *swarmCall) { k.begin(i % len(c.nodes)) })
	return all, loud
}

// One of three nodes is killed with calls up, and more coming.
func TestANodeIsKilledUnderLoad(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			calls, perSecond := load()
			r := startRing(t, forgetting, "", found(t, way, "127.0.0.1"), all3, all3, all3)
			c, dead := r.gather(t), r.nodes[0]
			all, loud := c.standing(calls)
			begun := time.Now()
			quiet := c.talk(all)
			stop := c.keepCalling(perSecond, 2*time.Second)
			<-time.After(2 * time.Second)
			c.failures(t, "before")
			c.report(t, "before", begun)

			killed := time.Now()
			dead.kill(t)
			c.each(all, 300, func(i int, k *swarmCall) { k.ends[i%2].ask("INFO") })
			c.failures(t, "a node is dead")
			for what, took := range c.report(t, "a node is dead", killed) {
				if took > 1500*time.Millisecond {
					t.Errorf("%s took %v", what, took)
				}
			}
			var again atomic.Int64
			c.each(all, 300, func(i int, k *swarmCall) {
				if i%len(r.nodes) == 0 { // its media were on the dead node
					asked := time.Now()
					if k.ends[i%2].ask("INVITE") && !k.ends[0].voice.quiet {
						c.heardBoth(k)
						again.Store(max(again.Load(), int64(time.Since(asked))))
					}
				}
			})
			c.failures(t, "calls move")
			t.Logf("calls of the dead node are heard again within %v of their new offer", time.Duration(again.Load()).Round(time.Millisecond))
			r.together()
			t.Logf("all know %v after it was killed", time.Since(killed).Round(time.Millisecond))

			back := time.Now()
			dead.start(r)
			r.together()
			c.each(all, 300, func(i int, k *swarmCall) { k.ends[(i+1)%2].ask("INFO") })
			c.failures(t, "it is back")
			c.report(t, "it is back", back)
			c.each(all, 300, func(i int, k *swarmCall) {
				if i%len(r.nodes) == 0 { // they go back to it
					if k.ends[i%2].ask("INVITE") && !k.ends[0].voice.quiet {
						c.heardBoth(k)
					}
				}
			})
			n := stop()
			quiet()
			c.failures(t, "new calls")
			c.report(t, "all in all", begun)
			lost, said := 0, 0
			for i, k := range loud {
				if 5*i%len(r.nodes) != 0 {
					l, s := k.lost()
					lost, said = lost+l, said+s
				}
			}
			t.Logf("%d new calls; of %d packets of sound by the nodes that live %d were lost", n, said, lost)
			if lost > 0 {
				t.Errorf("%d packets of sound were lost by nodes that live", lost)
			}
			c.finish(all)
		})
	}
}

// finish has calls end, and expects that nothing of them is left.
func (c *swarm) finish(calls []*swarmCall) {
	c.t.Helper()
	c.each(calls, 300, func(i int, k *swarmCall) { k.end(i % 2) })
	c.failures(c.t, "the end")
	eventually(c.t, 10*time.Second, "each answer to an INVITE was acknowledged", c.acknowledged)
	ended := time.Now()
	left := func() (pairs []int) {
		for _, n := range c.nodes {
			pairs = append(pairs, n.leased())
		}
		return pairs
	}
	c.t.Logf("pairs of ports that are leased at the end: %v", left())
	eventually(c.t, 20*time.Second, "the ports came back", func() bool { return slices.Max(left()) == 0 })
	c.t.Logf("all are back %v later", time.Since(ended).Round(100*time.Millisecond))
	for _, n := range c.nodes {
		for room, count := range n.status(c.t).Restarts {
			c.t.Errorf("%s was restarted %d times on %s", room, count, n.host)
		}
	}
}
