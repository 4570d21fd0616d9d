package tests

import (
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

func TestACallGoesThrough(t *testing.T) {
	for _, c := range []struct {
		name            string
		inside, outside host
	}{
		{"IPv4", v4, v4},
		{"IPv6", v6, v6},
		{"IPv4 to IPv6", v4, v6},
		{"IPv6 to IPv4", v6, v4},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, c.inside, c.outside, "", nil)
			caller, callee := h.invite(t)

			reinvite := callee.Request("INVITE", ua.Options{})
			m := h.caller.Receive()
			if got, want := m.RequestURI(), h.caller.URI(); got != want {
				t.Errorf("the re-INVITE reached the caller as %s, not by its Contact %s", got, want)
			}
			h.caller.Answer(m, 200, ua.Options{})
			if r := callee.Response(); r.Status() != 200 || r.CSeq() != reinvite.CSeq() {
				t.Fatalf("the re-INVITE was answered\n%s", r.Raw)
			}

			bye(t, caller, h.callee)
		})
	}
}

func TestTheCalleeHangsUp(t *testing.T) {
	h := newHouse(t)
	_, callee := h.invite(t)
	bye(t, callee, h.caller)
}

func TestNeitherSideSeesTheOther(t *testing.T) {
	h := newHouse(t)
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	invite := h.callee.Receive()
	for _, contact := range invite.List("Contact") {
		if strings.Contains(contact, h.caller.Addr().String()) || !strings.Contains(contact, h.Addr("outside").String()) {
			t.Errorf("the callee sees the Contact %s", contact)
		}
	}
	h.callee.Answer(invite, 200, ua.Options{})
	for _, contact := range caller.Response().List("Contact") {
		if strings.Contains(contact, h.callee.Addr().String()) || !strings.Contains(contact, h.Addr("inside").String()) {
			t.Errorf("the caller sees the Contact %s", contact)
		}
	}
}

func TestBothLegsRecordTheirRoute(t *testing.T) {
	h := newHouse(t)
	h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	got := h.callee.Receive().RecordRoutes()
	want := []string{"<sip:" + h.Addr("outside").String() + ";rr;lr>", "<sip:" + h.Addr("inside").String() + ";rr;lr>"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("Record-Route is %q, not %q: RFC 5658", got, want)
	}
}

func TestACallIsCancelled(t *testing.T) {
	h := newHouse(t)
	call := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	invite := h.callee.Receive()
	h.callee.Answer(invite, 180, ua.Options{})
	call.Response()
	call.Cancel()
	cancel := h.callee.Receive()
	if cancel.Branch() != invite.Branch() || cancel.RequestURI() != invite.RequestURI() {
		t.Errorf("the CANCEL does not match its INVITE at the next hop:\n%s\n%s", cancel.Raw, invite.Raw)
	}
	h.callee.Answer(cancel, 200, ua.Options{})
	h.callee.Answer(invite, 487, ua.Options{})
	if r := call.Response(); r.Status() != 200 || r.Method() != "CANCEL" {
		t.Fatalf("the CANCEL was answered\n%s", r.Raw)
	}
	refused := call.Response()
	if refused.Status() != 487 {
		t.Fatalf("the INVITE was answered\n%s", refused.Raw)
	}
	call.Ack(refused)
	if ack := h.callee.Receive(); ack.Method() != "ACK" || ack.Branch() != invite.Branch() {
		t.Errorf("the ACK does not match its INVITE at the next hop:\n%s", ack.Raw)
	}
}

// The proxy asserts nothing for endpoints and hides nothing that is not its own (RFC 3261 §16.6).
func TestNoOtherHeaderIsTouched(t *testing.T) {
	h := newHouse(t)
	odd := []string{"X-Odd :  a ,b;c=\"d\\\"e\"  ", "Subject: one\r\n two\r\n\tthree", "k: timer", "Allow: INVITE"}
	sent := h.caller.Request("MESSAGE", "sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Headers: odd})
	got := h.callee.Receive()
	for _, line := range odd {
		if !strings.Contains(string(got.Raw), line+"\r\n") {
			t.Errorf("%q did not arrive as it was sent:\n%s", line, got.Raw)
		}
	}
	own := map[string]bool{"Via": true, "Record-Route": true, "Max-Forwards": true, "Contact": true}
	had := map[string]int{}
	for _, f := range sent.Fields {
		had[ua.LongName(f.Name)]++
	}
	for _, f := range got.Fields {
		if n := ua.LongName(f.Name); !own[n] && had[n] == 0 {
			t.Errorf("the proxy added %s", f.Name)
		}
	}
}
