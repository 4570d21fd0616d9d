package tests

import (
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ready has whoever spreads calls see a node come or go, by its /readyz.
func (c *swarm) ready(i int, is bool) {
	c.t.Helper()
	eventually(c.t, 10*time.Second, "its /readyz says so", func() bool { return c.nodes[i].isReady(c.t) == is })
	c.avoid[i].Store(!is)
}

// All nodes are restarted, one after the other, and meanwhile the keys change, under load: no call fails.
func TestNodesAreRestartedInTurnUnderLoad(t *testing.T) {
	calls, perSecond := load()
	calls /= 5
	r := startRing(t, forgetting+"\ndrain: {timeout: 3s}", "", found(t, "etcd", "127.0.0.1"), all3, all3, all3)
	c := r.gather(t)
	all, loud := c.standing(calls)
	begun := time.Now()
	quiet := c.talk(all)
	stop := c.keepCalling(perSecond, 3*time.Second)
	var rotated sync.WaitGroup
	for i, n := range r.nodes {
		<-time.After(time.Second)
		told := time.Now()
		n.told(t, syscall.SIGTERM)
		<-time.After(300 * time.Millisecond) // nobody looks all the time
		c.ready(i, false)
		c.each(all, 300, func(j int, k *swarmCall) {
			if j/3%2 == 0 {
				k.ends[j%2].ask("INVITE") // it leaves, if its media are here
			}
		})
		if i == 1 {
			rotated.Go(func() {
				if out, code := actorsip(t, "keys", "rotate", "--config", r.nodes[0].file, "--delay", "0s"); code != 0 {
					c.fail("keys rotate: %d %s", code, out)
				}
			})
		}
		n.leavesWithin(t, 10*time.Second)
		left := time.Since(told)
		n.start(r)
		c.ready(i, true)
		t.Logf("%s left after %v and was back after %v", n.host, left.Round(time.Millisecond), time.Since(told).Round(time.Millisecond))
		c.each(all, 300, func(j int, k *swarmCall) { k.ends[j%2].ask("INFO") })
		c.failures(t, "a node was restarted")
	}
	r.together()
	rotated.Wait()
	if out, code := actorsip(t, "keys", "list", "--config", r.nodes[2].file); code != 0 || strings.Count(out, "has all keys") != 3 || strings.Count(out, "  key ") != 3 || strings.Contains(out, "when all nodes") {
		t.Errorf("keys list: %d %s", code, out)
	}
	n := stop()
	quiet()
	c.failures(t, "in the end")
	c.report(t, "all in all", begun)
	for part, name := range []string{"stayed", "moved"} {
		lost, said := 0, 0
		for j, k := range loud {
			if 1-5*j/3%2 == part {
				l, s := k.lost()
				lost, said = lost+l, said+s
			}
		}
		t.Logf("of %d packets of sound of calls that %s %d were lost", said, name, lost)
		if name == "moved" && lost > 0 {
			t.Errorf("calls that took their media elsewhere in time have lost %d packets of sound", lost)
		}
	}
	t.Logf("%d new calls in %v", n, time.Since(begun).Round(time.Second))
	c.finish(all)
}
