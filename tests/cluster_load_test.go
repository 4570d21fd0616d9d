package tests

import (
	"fmt"
	"sync"
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

func found(t *testing.T, way string) string {
	if way == "etcd" {
		return byEtcd(t, server.StartEtcd(t))
	}
	return ""
}

// standing sets up calls, each by the next node, of which one in five speaks.
func (c *crowd) standing(calls int) (all, speaking []*crowdCall) {
	c.t.Helper()
	for i := range calls {
		k := c.plan()
		if i%5 == 0 {
			speaking = append(speaking, k.speak())
		}
		all = append(all, k)
	}
	c.each(all, 150, func(i int, k *crowdCall) { k.begin(i % len(c.nodes)) })
	return all, speaking
}

// One of three nodes is killed with calls up, and more coming.
func TestANodeIsKilledUnderLoad(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			calls, perSecond := load()
			r := startRing(t, "", "", found(t, way), all3, all3, all3)
			c, dead := r.gather(t), r.nodes[0]
			all, speaking := c.standing(calls)
			begun := time.Now()
			quiet := c.talk(speaking)
			stop := c.keepCalling(perSecond, 2*time.Second)
			mediaAt := func(k *crowdCall) int { // its INVITE came to that node
				for i, other := range all {
					if other == k {
						return i % len(r.nodes)
					}
				}
				return -1
			}
			<-time.After(2 * time.Second)
			c.failures(t, "before")
			c.report(t, "before", begun)

			killed := time.Now()
			dead.kill(t)
			at := map[*crowdCall][2]int{}
			for _, k := range speaking {
				at[k] = k.mark()
			}
			c.each(all, 300, func(i int, k *crowdCall) { k.ends[i%2].ask("INFO") })
			c.failures(t, "a node is dead")
			for what, took := range c.report(t, "a node is dead", killed) {
				if took > 1500*time.Millisecond {
					t.Errorf("%s took %v", what, took)
				}
			}
			var mu sync.Mutex
			var again time.Duration
			c.each(all, 300, func(i int, k *crowdCall) {
				if i%len(r.nodes) != 0 {
					return
				}
				mark := [2]int{}
				if k.ends[0].voice != nil {
					mark = k.mark()
				}
				asked := time.Now()
				k.ends[i%2].ask("INVITE")
				if k.ends[0].voice != nil {
					k.heardBoth(t, 5*time.Second, mark)
					mu.Lock()
					again = max(again, time.Since(asked))
					mu.Unlock()
				}
			})
			t.Logf("calls whose media were on the dead node are heard again within %v of their new offer", again)
			c.failures(t, "calls were moved")
			r.together()
			t.Logf("all know after %v", time.Since(killed).Round(time.Millisecond))

			back := time.Now()
			dead.start(r)
			r.together()
			c.each(all, 300, func(i int, k *crowdCall) { k.ends[(i+1)%2].ask("INFO") })
			c.failures(t, "it is back")
			c.report(t, "it is back", back)
			n := stop()
			quiet()
			c.failures(t, "new calls")
			c.report(t, "all", begun)
			lost, said := 0, 0
			for _, k := range speaking {
				if mediaAt(k) != 0 {
					l, s := k.lost([2]int{}, k.mark())
					lost, said = lost+l, said+s
				}
			}
			t.Logf("%d new calls; of %d packets of sound by nodes that live %d were lost", n, said, lost)
			if lost > 0 {
				t.Errorf("%d packets were lost by nodes that live", lost)
			}
			c.each(all, 300, func(i int, k *crowdCall) { k.end(i % 2) })
			c.failures(t, "the end")
			eventually(t, 10*time.Second, "each answer to an INVITE was acknowledged", c.acknowledged)
			for _, n := range r.nodes {
				t.Log(n.host, n.leased(), n.status(t).Restarts, fmt.Sprint(n.status(t).Cluster.Refused))
			}
			eventually(t, 10*time.Second, "the ports came back", func() bool {
				leased := 0
				for _, n := range r.nodes {
					leased += n.leased()
				}
				return leased == 0
			})
		})
	}
}
