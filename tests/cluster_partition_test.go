package tests

import (
	"testing"
	"time"
)

// One node is cut off from the others, and from etcd, with calls up and more coming; phones reach all. Both sides serve whatever comes
// to them, and when the cut is healed there is one cluster, and each call is in one place.
func TestACutClusterServesOnBothSides(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			calls, perSecond := load()
			calls, perSecond = calls/5, perSecond/5
			at := newMachines(t)
			r := startRingAt(t, at, forgetting, "", found(t, way, at.addr(0, here).String()), all3, all3, all3)
			c, alone := r.gather(t), r.nodes[0]
			all, loud := c.standing(calls)
			quiet := c.talk(all)
			stop := c.keepCalling(perSecond, 2*time.Second)
			<-time.After(time.Second)
			c.failures(t, "before")

			life := alone.status(t).Cluster.Life
			cut := time.Now()
			at.Cut("remoting", "0")
			c.each(all, 100, func(i int, k *swarmCall) { k.ends[i%2].ask("INFO") })
			c.each(all, 100, func(i int, k *swarmCall) { k.ends[i%2].ask("INVITE") }) // by either side
			c.failures(t, "it is cut")
			c.report(t, "it is cut", cut)
			eventually(t, 10*time.Second, "the sides know", func() bool { return alone.sees() == 1 && r.nodes[1].sees() == 2 && r.nodes[2].sees() == 2 })
			t.Logf("the sides know %v after the cut", time.Since(cut).Round(time.Millisecond))
			known := time.Now()
			for time.Since(cut) < 5*time.Second { // longer than a lease
				c.each(all, 100, func(i int, k *swarmCall) { k.ends[i%2].ask("INVITE") })
			}
			for _, k := range loud {
				c.heardBoth(k)
			}
			c.failures(t, "both sides know")
			c.report(t, "both sides know", known)

			healed := time.Now()
			at.Heal("remoting", "0")
			eventually(t, 20*time.Second, "it has joined again", func() bool {
				s := alone.status(t).Cluster
				return s != nil && s.Life != life && s.Fenced == ""
			})
			r.together()
			t.Logf("there is one cluster %v after the cut was healed", time.Since(healed).Round(time.Millisecond))
			c.each(all, 100, func(i int, k *swarmCall) { k.ends[i%2].ask("INVITE") })
			for _, k := range loud {
				c.heardBoth(k)
			}
			n := stop()
			c.failures(t, "it is healed")
			c.report(t, "it is healed", healed)
			t.Logf("%d new calls", n)
			sessions := func() (sum int64) {
				for _, n := range r.nodes {
					sum += n.status(t).Media.Sessions
				}
				return sum
			}
			t.Logf("%d calls have %d sessions", calls, sessions())
			eventuallyOr(20*time.Second, func() bool { return sessions() == int64(calls) })
			if n := sessions(); n != int64(calls) {
				t.Errorf("%d calls have %d sessions", calls, n)
				for _, k := range all {
					t.Log(k.id, k.ends[0].voice.at, k.ends[1].voice.at)
				}
			}
			for _, k := range loud {
				c.heardBoth(k)
			}
			c.failures(t, "all is as it was")
			quiet()
			twice := 0
			for _, k := range loud {
				twice += k.ends[0].voice.twice() + k.ends[1].voice.twice()
			}
			if twice > 0 {
				t.Errorf("%d packets of sound came twice", twice)
			}
			c.finish(all)
		})
	}
}
