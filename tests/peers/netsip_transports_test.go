package peers

import (
	"fmt"
	"net/netip"
	"testing"
)

// tour is three calls in a row: one is refused, one is changed and ended by the caller, one by the callee.
var tour = scenario{
	"every pair of transports", "tour",
	[]string{
		"^in 504 INVITE$", "^final 504$",
		"^in 200 INVITE$", "^established$", "^in 200 INVITE$", "^session change: OK$", "^in 200 BYE$", "^bye answered$",
		"^in 200 INVITE$", "^in INVITE hops=69 .* over={near} vias={inside},{callee}$", "^in ACK ", "^in BYE hops=69 ", "^over$",
	},
	[]string{
		"^in INVITE hops=69 branch=(\\S+) ", "^in ACK hops=69 branch=$1 ",
		"^in INVITE hops=69 .* over={far} vias={outside},{caller}$", "^in ACK ", "^established$", "^in INVITE ", "^in ACK ", "^in BYE hops=69 ",
		"^in INVITE ", "^in ACK ", "^established$", "^in 200 INVITE$", "^session change: OK$", "^in 200 BYE$", "^bye answered$",
	},
}

// places are where a phone can be.
var places = []place{
	{"udp", "127.0.0.1"},
	{"udp", "[::1]"},
	{"tcp", "127.0.0.1"},
	{"tcp", "[::1]"},
	{"tls", "127.0.0.1"},
	{"tls", "[::1]"},
}

// Net::SIP phones call each other from each transport and family to each other one: refusals with their ACKs, changes of
// the session and ends by either side.
func TestNetSIPPhonesCallOverEveryPairOfTransports(t *testing.T) {
	secure := issue(t)
	for _, caller := range places {
		for _, callee := range places {
			if testing.Short() && caller.ip != callee.ip {
				continue
			}
			t.Run(fmt.Sprintf("%s %s to %s %s", caller.transport, caller.ip, callee.transport, callee.ip), func(t *testing.T) {
				t.Parallel()
				tour.through(t, caller, callee, func(callerAt, calleeAt string) map[string]netip.AddrPort {
					return serve(t, []leg{
						caller.leg("inside", callerAt, secure), callee.leg("outside", calleeAt, secure),
					}, fmt.Sprintf("next_hops: {\"*\": %q}\n", callee.uri(calleeAt)))
				}, secure.files()...)
			})
		}
	}
}

// leg is a proxy's leg for the phone that is at that address.
func (p place) leg(name, phone string, secure *credentials) leg {
	l := leg{name: name, transport: p.transport, listen: p.ip, reach: []string{phone}}
	if p.transport == "tls" || p.transport == "wss" {
		l.more = secure.leg()
	}
	return l
}

// uri is a SIP URI of what is at that address.
func (p place) uri(at string) string {
	if p.transport == "udp" {
		return "sip:" + at
	}
	return "sip:" + at + ";transport=" + p.transport
}
