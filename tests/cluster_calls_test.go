package tests

import (
	"net/netip"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// Whichever node a request of a call comes to, its media are where they were.
func TestRequestsOfACallMayComeToAnyNode(t *testing.T) {
	r := newRing(t, "", all3, all3, all3)
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	k := r.call(t, a)
	k.heardBothWays(t)
	for _, at := range []netip.AddrPort{k.at, k.away} {
		if at.Addr() != a.host {
			t.Errorf("media of a call by %s are at %s", a.host, at)
		}
	}
	same := func(what string, request, response ua.Message) {
		t.Helper()
		if now := only(t, request); now != k.away {
			t.Errorf("%s took the callee's stream from %s to %s", what, k.away, now)
		}
		if now := only(t, response); now != k.at {
			t.Errorf("%s took the caller's stream from %s to %s", what, k.at, now)
		}
		k.heardBothWays(t, what)
	}
	for _, n := range []*ringNode{b, c} {
		request, response := k.by(t, n, "INVITE", k.alice.Describe(), k.bob.Describe())
		k.talk.caller.Request("ACK", ua.Options{Proxy: c.inside})
		k.expect(t, "ACK")
		same("a re-INVITE", request, response)
		moved := ua.Hear(t, "127.0.0.1:0").To(k.at)
		request, response = k.by(t, n, "UPDATE", moved.Describe(), k.bob.Describe())
		k.alice = moved
		same("an UPDATE", request, response)
		k.by(t, n, "INFO", "", "")
		k.by(t, n, "OPTIONS", "", "")
	}
	// and those of the callee
	k.talk.callee.Request("INVITE", ua.Options{Proxy: b.outside, Body: k.bob.Describe()})
	request := r.caller.Receive()
	r.caller.Answer(request, 200, ua.Options{Body: k.alice.Describe()})
	response := k.talk.callee.Response()
	if only(t, request) != k.at || only(t, response) != k.away {
		t.Errorf("the callee's re-INVITE took the streams to %s and %s", only(t, request), only(t, response))
	}
	k.talk.callee.Request("ACK", ua.Options{Proxy: c.outside})
	r.caller.Receive()
	k.heardBothWays(t, "once more")

	k.bye(t, c)
	eventually(t, 5*time.Second, "the ports came back", func() bool { return a.leased() == 0 })
	for _, n := range r.nodes {
		if m := n.status(t).Media; m.Total != map[bool]uint64{true: 1}[n == a] || m.Sessions != 0 {
			t.Errorf("%s had %d calls, and has %d", n.host, m.Total, m.Sessions)
		}
	}
}

// A response may come to another node than its request has left from: it goes on, and its description is that of the call's node.
func TestAResponseMayComeToAnyNode(t *testing.T) {
	r := newRing(t, "", all3, all3, all3)
	a, c := r.nodes[0], r.nodes[2]
	k := &ringTalk{ring: r}
	k.alice, k.bob = ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	k.talk.caller = r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: k.alice.Describe()})
	invite := r.callee.Receive()
	r.callee.Send(r.callee.Response(invite, 180, ua.Options{}).Raw, c.outside)
	if m := k.talk.caller.Response(); m.Status() != 180 || m.Source != c.inside {
		t.Fatalf("180 was expected from %s, but from %s came\n%s", c.inside, m.Source, m.Raw)
	}
	r.callee.Send(r.callee.Response(invite, 200, ua.Options{Body: k.bob.Describe()}).Raw, c.outside)
	ok := k.talk.caller.Response()
	if ok.Status() != 200 || len(ok.Vias()) != 1 || only(t, ok).Addr() != a.host {
		t.Fatalf("200 with a place at %s was expected, not\n%s", a.host, ok.Raw)
	}
	k.talk.caller.Ack(ok)
	k.expect(t, "ACK")
	k.alice.To(only(t, ok))
	k.bob.To(only(t, invite))
	k.heardBothWays(t)
	k.talk.caller.Request("BYE", ua.Options{Proxy: a.inside})
	r.callee.Send(r.callee.Response(k.expect(t, "BYE"), 200, ua.Options{}).Raw, c.outside)
	k.talk.caller.Response()
	eventually(t, 5*time.Second, "the ports came back", func() bool { return a.leased() == 0 })
	if n := r.nodes[1].status(t).Media.Total + c.status(t).Media.Total; n != 0 {
		t.Errorf("the other nodes had %d calls", n)
	}
}
