package tests

import (
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// A node that starts while another is dead has never seen it. Its calls go on all the same: their Routes, Vias and Contacts name a place that
// is the proxy's own.
func TestANodeThatStartsKnowsTheLegsOfADeadOne(t *testing.T) {
	for name, build := range map[string]func(*testing.T) *ring{
		"peers": func(t *testing.T) *ring { return newRing(t, "", all3, all3, all3) },
		"etcd":  func(t *testing.T) *ring { return share(t, "refuse").ring },
	} {
		t.Run(name, func(t *testing.T) {
			r := build(t)
			a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
			k := r.call(t, c)
			k.talk.caller.Request("INFO", ua.Options{Proxy: c.inside})
			info := k.expect(t, "INFO")
			c.kill(t)
			b.kill(t)
			eventually(t, 15*time.Second, "both are given up", func() bool { return len(a.status(t).Cluster.Members) == 1 })
			b.start(r)
			r.together()
			r.callee.Send(r.callee.Response(info, 200, ua.Options{}).Raw, b.outside)
			if m := k.talk.caller.Response(); m.Status() != 200 || m.Method() != "INFO" || m.Source != b.inside {
				t.Errorf("the INFO that was sent by the dead node is answered\n%s", m.Raw)
			}
			k.offer(t, b, b)
			if k.at.Addr() == c.host {
				t.Errorf("the media are at %s still", k.at)
			}
			k.heardBothWays(t, "again")
			k.talk.callee.Request("INFO", ua.Options{Proxy: b.outside})
			r.caller.Answer(r.caller.Receive(), 200, ua.Options{})
			if m := k.talk.callee.Response(); m.Status() != 200 {
				t.Errorf("the callee's INFO is answered\n%s", m.Raw)
			}
			k.bye(t, b)
		})
	}
}
