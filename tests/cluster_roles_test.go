package tests

import (
	"net/netip"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// Two nodes take SIP, two others relay. A call's media are on one of these, whichever of those its requests come to.
func TestMediaMayBeOnOtherNodes(t *testing.T) {
	r := newRing(t, "", "signalling", "signalling", "media", "media")
	a, b, media := r.nodes[0], r.nodes[1], r.nodes[2:]
	var all []*ringTalk
	used := map[netip.Addr]int{}
	for i := range 12 {
		k := r.call(t, r.nodes[i%2])
		k.heardBothWays(t)
		if k.at.Addr() != k.away.Addr() || k.at.Addr() != media[0].host && k.at.Addr() != media[1].host {
			t.Fatalf("the media are at %s and %s", k.at, k.away)
		}
		used[k.at.Addr()]++
		at := k.at
		k.offer(t, r.nodes[1-i%2], a)
		if k.at != at {
			t.Errorf("a re-INVITE by another node took the media from %s to %s", at, k.at)
		}
		k.heardBothWays(t, "still")
		all = append(all, k)
	}
	if len(used) != 2 {
		t.Errorf("12 calls are on %v", used)
	}
	media[0].kill(t)
	for i, k := range all {
		was := k.at
		k.by(t, r.nodes[i%2], "INFO", "", "")
		k.offer(t, r.nodes[i%2], b)
		if was.Addr() == media[1].host && k.at != was || k.at.Addr() != media[1].host {
			t.Errorf("the media were at %s and are at %s", was, k.at)
		}
		k.heardBothWays(t, "again")
		k.bye(t, r.nodes[1-i%2])
	}
	eventually(t, 5*time.Second, "the ports came back", func() bool { return media[1].leased() == 0 })
	media[1].kill(t)
	k := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: ua.Hear(t, "127.0.0.1:0").Describe()})
	if m := k.Response(); m.Status() != 503 || m.First("Retry-After") == "" {
		t.Errorf("without a node that relays a call is answered\n%s", m.Raw)
	}
	quiet := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: b.inside})
	r.callee.Answer(r.callee.Receive(), 200, ua.Options{})
	if m := quiet.Response(); m.Status() != 200 {
		t.Errorf("a call without media is answered\n%s", m.Raw)
	}
}

// An offer may be in the answer: the node that will have the media is known before there are any.
func TestADelayedOfferByNodesThatDoNotRelay(t *testing.T) {
	r := newRing(t, "", "signalling", "signalling", "media", "media")
	for range 4 {
		alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
		caller := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: r.nodes[0].inside})
		invite := r.callee.Receive()
		r.callee.Send(r.callee.Response(invite, 200, ua.Options{Body: bob.Describe()}).Raw, r.nodes[1].outside)
		ok := caller.Response()
		alice.To(only(t, ok))
		caller.Request("ACK", ua.Options{Proxy: r.nodes[1].inside, Body: alice.Describe()})
		bob.To(only(t, r.callee.Receive()))
		k := &talk{alice: alice, bob: bob}
		k.heardBothWays(t)
		caller.Request("BYE", ua.Options{Proxy: r.nodes[0].inside})
		r.callee.Answer(r.callee.Receive(), 200, ua.Options{})
		caller.Response()
	}
	eventually(t, 5*time.Second, "the ports came back", func() bool { return r.nodes[2].leased()+r.nodes[3].leased() == 0 })
}

// Each node has ports for one call. Calls that come to one of them are relayed by all, and the one that finds no place by none.
func TestACallIsRelayedWhereThereIsRoom(t *testing.T) {
	r := startRing(t, "", ", media: {ports: 31000-31003}", "", all3, all3, all3)
	a := r.nodes[0]
	used := map[netip.Addr]bool{}
	var all []*ringTalk
	for range r.nodes {
		k := r.call(t, a)
		k.heardBothWays(t)
		used[k.at.Addr()] = true
		all = append(all, k)
	}
	if len(used) != len(r.nodes) {
		t.Errorf("calls are on %v", used)
	}
	k := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: ua.Hear(t, "127.0.0.1:0").Describe()})
	if m := k.Response(); m.Status() != 503 || m.First("Retry-After") == "" {
		t.Errorf("where there is no room a call is answered\n%s", m.Raw)
	}
	for i, k := range all {
		at := k.at
		k.offer(t, r.nodes[(i+1)%3], a)
		if k.at != at {
			t.Errorf("a re-INVITE took the media from %s to %s", at, k.at)
		}
		k.heardBothWays(t, "still")
		k.bye(t, r.nodes[(i+2)%3])
	}
	eventually(t, 5*time.Second, "the ports came back", func() bool { return a.leased()+r.nodes[1].leased()+r.nodes[2].leased() == 0 })
}
