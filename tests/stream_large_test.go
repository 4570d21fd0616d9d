package tests

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// large is a house whose outside leg is UDP, with a TCP leg at the same address and port; the callee listens likewise.
type large struct {
	*house
	overTCP *ua.Phone
}

func newLarge(t *testing.T, mode string, listensTCP bool) large {
	t.Helper()
	leavesNothing(t)
	port := steadyPort(t, v4)
	callee := "127.0.0.1:" + steadyPort(t, v4)
	l := large{house: &house{caller: ua.New(t, "127.0.0.1:0"), callee: ua.New(t, callee)}}
	if listensTCP {
		l.overTCP = ua.NewOver(t, "tcp", callee)
	}
	l.System = launch(t, fmt.Sprintf(`
  - {name: inside, listen: "udp:127.0.0.1:0", reach: [%q]}
  - {name: outside, listen: "udp:127.0.0.1:%s", reach: [%q]}
  - {name: outside-tcp, listen: "tcp:127.0.0.1:%s", reach: [%q]}
`, l.caller.Addr(), port, callee, port, callee), fmt.Sprintf("next_hops: {\"*\": \"sip:%s\"}\nforwarding: {large_requests: %s}\n", callee, mode), options{})
	return l
}

// long is a body that no datagram should carry.
var long = strings.Repeat("a=tool:x\r\n", 200)

// RFC 3261 §18.1.1: what is over 1300 bytes goes by TCP, with a Via that says so; all that belongs to it and is small goes by UDP,
// and is known by its branch.
func TestALargeRequestGoesByTCP(t *testing.T) {
	l := newLarge(t, "auto", true)
	call := l.caller.Invite("sip:bob@example.com", ua.Options{Proxy: l.Addr("inside"), Body: long})
	invite := l.overTCP.Receive()
	if invite.Method() != "INVITE" || !bytes.Equal(invite.Body, []byte(long)) {
		t.Fatalf("the INVITE came as\n%s", invite.Raw)
	}
	checkVia(t, invite, place{"tcp", v4}, l.Addr("outside").String())
	l.overTCP.Answer(invite, 180, ua.Options{})
	if r := call.Response(); r.Status() != 180 {
		t.Fatalf("the caller was told\n%s", r.Raw)
	}
	call.Cancel()
	cancel := l.callee.Receive()
	if cancel.Method() != "CANCEL" || cancel.Branch() != invite.Branch() || cancel.RequestURI() != invite.RequestURI() {
		t.Fatalf("the CANCEL does not match its INVITE at the next hop:\n%s\n%s", cancel.Raw, invite.Raw)
	}
	l.callee.Answer(cancel, 200, ua.Options{})
	if r := call.Response(); r.Status() != 200 || r.Method() != "CANCEL" {
		t.Fatalf("the CANCEL was answered\n%s", r.Raw)
	}
	l.overTCP.Answer(invite, 487, ua.Options{})
	refused := call.Response()
	if refused.Status() != 487 {
		t.Fatalf("the INVITE was answered\n%s", refused.Raw)
	}
	call.Ack(refused)
	if ack := l.callee.Receive(); ack.Method() != "ACK" || ack.Branch() != invite.Branch() {
		t.Errorf("the ACK does not match its INVITE at the next hop:\n%s\n%s", ack.Raw, invite.Raw)
	}
	l.caller.Request("MESSAGE", "sip:bob@example.com", ua.Options{Proxy: l.Addr("inside")})
	if m := l.callee.Receive(); m.Method() != "MESSAGE" {
		t.Errorf("a small request should go by UDP, not\n%s", m.Raw)
	}
	l.overTCP.Quiet(1)
}

// A call that begins with a large INVITE goes on: its dialog is on both transports.
func TestACallThatBeginsLargeGoesOn(t *testing.T) {
	l := newLarge(t, "auto", true)
	call := l.caller.Invite("sip:bob@example.com", ua.Options{Proxy: l.Addr("inside"), Body: long})
	invite := l.overTCP.Receive()
	callee := l.overTCP.Answer(invite, 200, ua.Options{})
	call.Ack(call.Response())
	if m := l.overTCP.Receive(); m.Method() != "ACK" {
		t.Fatalf("the ACK was expected, not\n%s", m.Raw)
	}
	bye(t, callee, l.caller)
}

// A retransmission leaves as the first one did, by the same way.
func TestALargeRequestSentAgainIsTheSame(t *testing.T) {
	l := newLarge(t, "auto", true)
	raw := l.caller.Compose("INVITE", "sip:bob@example.com", ua.Options{Body: long}).Raw
	l.caller.Send(raw, l.Addr("inside"))
	first := l.overTCP.Receive()
	l.caller.Send(raw, l.Addr("inside"))
	if again := l.overTCP.Receive(); !bytes.Equal(first.Raw, again.Raw) || first.On != again.On {
		t.Errorf("it left first as\n%s\nthen as\n%s", first.Raw, again.Raw)
	}
}

// Who does not take TCP gets a datagram all the same; so does everybody, when that is said.
func TestALargeRequestGoesByUDPWhereTCPIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		listens    bool
	}{{"refused", "auto", false}, {"never", "never", true}} {
		t.Run(c.name, func(t *testing.T) {
			l := newLarge(t, c.mode, c.listens)
			call := l.caller.Invite("sip:bob@example.com", ua.Options{Proxy: l.Addr("inside"), Body: long})
			invite := l.callee.Receive()
			if !bytes.Equal(invite.Body, []byte(long)) {
				t.Fatalf("the INVITE came as\n%s", invite.Raw)
			}
			checkVia(t, invite, place{"udp", v4}, l.Addr("outside").String())
			callee := l.callee.Answer(invite, 200, ua.Options{})
			call.Ack(call.Response())
			if m := l.callee.Receive(); m.Method() != "ACK" {
				t.Fatalf("the ACK was expected, not\n%s", m.Raw)
			}
			bye(t, callee, l.caller)
		})
	}
}

// A next hop that takes no connection and refuses none costs a large request a moment, and not itself.
func TestALargeRequestDoesNotWaitForTCP(t *testing.T) {
	l := newLarge(t, "auto", false)
	blackHoleAt(t, l.callee.Addr().String())
	l.caller.Request("INVITE", "sip:bob@example.com", ua.Options{Proxy: l.Addr("inside"), Body: long})
	if m := l.callee.Receive(); m.Method() != "INVITE" {
		t.Fatalf("the INVITE came as\n%s", m.Raw)
	}
}

// In a datagram the length may be missing, and in a WebSocket message too; over TCP it is put on (RFC 3261 §18.3, RFC 7118 §5.4).
func TestALengthIsPutOnWhereItMustBe(t *testing.T) {
	for _, inside := range []string{"udp", "ws"} {
		t.Run(inside, func(t *testing.T) {
			h := between(t, place{inside, v4}, place{"tcp", v4}, options{})
			const body = "v=0\r\n"
			raw := h.caller.Compose("MESSAGE", "sip:bob@example.com", ua.Options{Body: body}).Raw
			h.caller.Send(bytes.Replace(raw, []byte("Content-Length: 5\r\n"), nil, 1), h.Addr("inside"))
			m := h.callee.Receive()
			if m.First("Content-Length") != "5" || string(m.Body) != body {
				t.Fatalf("it came as\n%s", m.Raw)
			}
			ok := h.callee.Response(m, 200, ua.Options{})
			if err := m.On.Send(ok.Raw); err != nil {
				t.Fatal(err)
			}
			if r := h.caller.Receive(); r.Status() != 200 {
				t.Fatalf("the MESSAGE was answered\n%s", r.Raw)
			}
			h.works(t)
		})
	}
}
