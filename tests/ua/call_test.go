package ua

import (
	"slices"
	"testing"
	"time"
)

// A call between two phones without a proxy, on either family.
func TestACallNeedsNoProxy(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) {
			alice, bob := New(t, listen), New(t, listen)
			call := alice.Invite(bob.URI(), Options{Body: "v=0\r\n"})
			invite := bob.Receive()
			bob.Answer(invite, 180, Options{})
			callee := bob.Answer(invite, 200, Options{})
			for _, code := range []int{180, 200} {
				if m := call.Response(); m.Status() != code {
					t.Fatalf("%d came, not %d", m.Status(), code)
				}
			}
			call.Ack(bobsAnswer(bob, invite))
			if ack := bob.Receive(); ack.Method() != "ACK" || ack.CSeq() != invite.CSeq() || ack.Branch() == invite.Branch() {
				t.Fatalf("the ACK of a 2xx is a transaction of its own:\n%s", ack)
			}
			bye := callee.Bye()
			if got := alice.Receive(); string(got.Raw) != string(bye.Raw) || Param(got.First("To"), "tag") != Param(invite.First("From"), "tag") {
				t.Fatalf("the BYE:\n%s", got)
			}
			bob.Quiet(time.Millisecond)
		})
	}
}

func bobsAnswer(bob *Phone, invite Message) Message { return bob.Response(invite, 200, Options{}) }

func TestTheAckOfARefusalIsTheInvitesTransaction(t *testing.T) {
	alice, bob := New(t, "127.0.0.1:0"), New(t, "127.0.0.1:0")
	call := alice.Invite("sip:bob@example.com", Options{Proxy: bob.Addr(), Headers: []string{"Route: <sip:x;lr>"}})
	invite := bob.Receive()
	if callee := bob.Answer(invite, 486, Options{}); callee != nil {
		t.Fatal("a refusal makes no dialog")
	}
	call.Ack(call.Response())
	ack := bob.Receive()
	if ack.Method() != "ACK" || ack.Branch() != invite.Branch() || ack.RequestURI() != invite.RequestURI() ||
		!slices.Equal(ack.Routes(), invite.Routes()) || Param(ack.First("To"), "tag") == "" {
		t.Fatalf("the ACK:\n%s", ack)
	}
	call.Cancel()
	if cancel := bob.Receive(); cancel.Branch() != invite.Branch() || cancel.First("CSeq") != "1 CANCEL" {
		t.Fatalf("the CANCEL:\n%s", cancel)
	}
}

// RFC 3261 §12.1.2 and §12.2.1.1: the caller reverses the Record-Route, and a strict router finds itself in the
// request-URI.
func TestTheRouteSetIsFollowed(t *testing.T) {
	alice, bob, hop := New(t, "127.0.0.1:0"), New(t, "127.0.0.1:0"), New(t, "127.0.0.1:0")
	near := "<sip:" + hop.Addr().String() + ";lr>"
	strict := "<sip:" + hop.Addr().String() + ">"
	for name, want := range map[string]struct {
		nearest, uri string
		routes       []string
	}{
		"loose":  {near, bob.URI(), []string{near, "<sip:far;lr>"}},
		"strict": {strict, URI(strict), []string{"<sip:far;lr>", "<" + bob.URI() + ">"}},
	} {
		t.Run(name, func(t *testing.T) {
			call := alice.Invite(bob.URI(), Options{Headers: []string{"Record-Route: <sip:far;lr>, " + want.nearest}})
			callee := bob.Answer(bob.Receive(), 200, Options{})
			call.Ack(call.Response())
			ack := hop.Receive()
			if ack.RequestURI() != want.uri || !slices.Equal(ack.Routes(), want.routes) {
				t.Fatalf("the caller's way:\n%s", ack)
			}
			if !slices.Equal(callee.route, []string{"<sip:far;lr>", want.nearest}) {
				t.Fatalf("the callee's route set: %q", callee.route)
			}
		})
	}
}
