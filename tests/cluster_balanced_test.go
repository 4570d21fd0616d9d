package tests

import (
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// balanced starts nodes that all call themselves the same: a load balancer is before them, and may send any packet to any of them.
func balanced(t *testing.T) *ring {
	return startRing(t, "", ", advertise: 127.0.0.10", "", all3, all3, all3)
}

// transaction is what a request is matched to a transaction by (RFC 3261 §17.2.3).
func transaction(m ua.Message) [2]string {
	sentBy, _, _ := strings.Cut(m.Vias()[0], ";")
	return [2]string{m.Branch(), sentBy}
}

// matched expects a request of the transaction of an INVITE.
func (r *ring) matched(t *testing.T, invite ua.Message, method string) ua.Message {
	t.Helper()
	m := r.callee.Receive()
	if m.Method() != method || transaction(m) != transaction(invite) || m.RequestURI() != invite.RequestURI() {
		t.Fatalf("%s of the transaction %q was expected, not\n%s", method, transaction(invite), m.Raw)
	}
	return m
}

// RFC 3261 §16.11: whatever node they come to, a retransmission of an INVITE, its CANCEL and the ACK to its failure leave as of one
// transaction. Each node would have the call's media itself: the response goes to the one that the callee has heard first.
func TestATransactionMayComeByAnyNode(t *testing.T) {
	r := balanced(t)
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	for _, cancelled := range []bool{false, true} {
		offer := ua.Hear(t, "127.0.0.1:0").Describe()
		call := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: offer})
		invite := r.callee.Receive()
		if host := only(t, invite).Addr(); host != a.host {
			t.Fatalf("the offer leads to %s\n%s", host, invite.Raw)
		}
		r.caller.Send(call.Invite.Raw, b.inside)
		r.matched(t, invite, "INVITE")
		call.Over(c.inside)
		status := 486
		if cancelled {
			status = 487
			call.Cancel()
			r.callee.Send(r.callee.Response(r.matched(t, invite, "CANCEL"), 200, ua.Options{}).Raw, b.outside)
			if m := call.Response(); m.Status() != 200 || m.Method() != "CANCEL" {
				t.Fatalf("the CANCEL was answered\n%s", m.Raw)
			}
		}
		r.callee.Send(r.callee.Response(invite, status, ua.Options{}).Raw, c.outside)
		final := call.Response()
		if final.Status() != status || final.Method() != "INVITE" || len(final.Vias()) != 1 {
			t.Fatalf("the INVITE was answered\n%s", final.Raw)
		}
		call.Ack(final)
		r.matched(t, invite, "ACK")
		eventually(t, 5*time.Second, "the ports came back", func() bool { return a.leased() == 0 })
	}
}

// The INVITE that the callee answers was sent by one node, its response comes to another: the media are where the callee was told.
func TestAResponseOfABalancedCallFindsItsMedia(t *testing.T) {
	r := balanced(t)
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	k := &talk{alice: ua.Hear(t, "127.0.0.1:0"), bob: ua.Hear(t, "127.0.0.1:0")}
	call := r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: k.alice.Describe()})
	invite := r.callee.Receive()
	r.callee.Send(r.callee.Response(invite, 200, ua.Options{Body: k.bob.Describe()}).Raw, c.outside)
	ok := call.Response()
	if ok.Status() != 200 || only(t, ok).Addr() != a.host || only(t, invite).Addr() != a.host {
		t.Fatalf("the media are elsewhere\n%s\n%s", invite.Raw, ok.Raw)
	}
	call.Request("ACK", ua.Options{Proxy: b.inside})
	r.callee.Receive()
	k.alice.To(only(t, ok))
	k.bob.To(only(t, invite))
	k.heardBothWays(t)
	call.Request("BYE", ua.Options{Proxy: b.inside})
	r.callee.Send(r.callee.Response(r.callee.Receive(), 200, ua.Options{}).Raw, c.outside)
	call.Response()
	eventually(t, 5*time.Second, "the ports came back", func() bool { return a.leased()+b.leased()+c.leased() == 0 })
}
