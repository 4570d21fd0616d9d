package peers

import (
	"testing"
	"time"
)

// On a leg that redirects, callers are told where the callee is, and go there: Net::SIP by itself, sipp by its scenario.
func TestCallersFollowARedirection(t *testing.T) {
	for _, p := range []struct {
		caller  program
		from    string
		callee  program
		towards string
	}{
		{netSIP, "udp", sipp, "udp"}, {netSIP, "tcp", sipp, "tcp"}, // it goes to no transport but its own
		{sipp, "udp", netSIP, "udp"}, {sipp, "udp", netSIP, "tcp"}, {sipp, "tcp", netSIP, "udp"},
	} {
		t.Run(p.caller.name+" from "+p.from+" to "+p.towards, func(t *testing.T) {
			t.Parallel()
			home := opened(t, ", redirect: true", "")
			bob := p.callee.join(t, account{user: "bob", transport: p.towards, home: home})
			alice := p.caller.join(t, account{user: "alice", transport: p.from, home: home})
			if s, is := alice.(*sippMember); is {
				s.scenario = "caller_redirected.xml"
			}
			bob.register(60)
			home.bound("bob", time.Time{})
			converse(alice, bob)
			if n := answers(home, "the caller is told where the callee is registered"); n != 1 {
				t.Errorf("%d callers were redirected", n)
			}
			bob.leave()
			home.unbound("bob")
			alice.fails("sip:bob@example.com", "404")
		})
	}
}

// answers is how many requests were answered for that reason.
func answers(r *registry, reason string) (n uint64) {
	for _, c := range r.sys.Counts() {
		if c.Reason == reason {
			n += c.Packets
		}
	}
	return n
}
