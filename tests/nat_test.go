package tests

import (
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// RFC 5626 §5.2 for datagrams: within a dialog a phone behind a NAT is reached where it was when the dialog began, though its Contact leads
// nowhere; be the other end on another leg, on the same one, or behind the same NAT.
func TestADialogReachesAPhoneBehindANAT(t *testing.T) {
	s := begin(t, `  - {name: inside, listen: "udp:127.0.0.1:0", reach: ["127.0.0.1/32"], registrar: {domains: [example.org]}}`+"\n"+
		`  - {name: outside, listen: "udp:127.0.0.2:0", reach: ["127.0.0.2/32"], registrar: {domains: [example.org]}}`+"\n"+
		`registrar: {file: "off"}`+"\n")
	alice := ua.NewBehindNAT(t, "127.0.0.1:0", "192.168.7.2:5060")
	r := alice.Request("REGISTER", "sip:example.org", ua.Options{Proxy: s.Addr("inside"), To: "<sip:alice@example.org>", Contact: "<" + alice.URI() + ">"})
	if m := alice.Receive(); m.Status() != 200 || m.CSeq() != r.CSeq() {
		t.Fatalf("the REGISTER was answered\n%s", m.Raw)
	}
	for name, c := range map[string]struct {
		phone *ua.Phone
		leg   string
	}{
		"on another leg":    {ua.New(t, "127.0.0.2:0"), "outside"},
		"on the same leg":   {ua.New(t, "127.0.0.1:0"), "inside"},
		"behind a NAT, too": {ua.NewBehindNAT(t, "127.0.0.1:0", "192.168.7.3:5060"), "inside"},
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := alice.In(t), c.phone.In(t)
			talk := func(caller, callee *ua.Call, from, to *ua.Phone) {
				t.Helper()
				caller.Ack(caller.Response())
				if m := to.Receive(); m.Method() != "ACK" {
					t.Fatalf("an ACK was expected, not\n%s", m.Raw)
				}
				callee.Request("INVITE", ua.Options{})
				again := from.Receive()
				if again.Method() != "INVITE" {
					t.Fatalf("a re-INVITE was expected, not\n%s", again.Raw)
				}
				from.Answer(again, 200, ua.Options{})
				callee.Ack(callee.Response())
				from.Receive()
				bye(t, callee, from)
				bye(t, caller, to)
			}
			call := bob.Invite("sip:alice@example.org", ua.Options{Proxy: s.Addr(c.leg)})
			talk(call, alice.Answer(alice.Receive(), 200, ua.Options{}), bob, alice)
			if c.leg == "inside" { // bob has a name as well
				bob.Request("REGISTER", "sip:example.org", ua.Options{Proxy: s.Addr("inside"), To: "<sip:bob@example.org>", Contact: "<" + bob.URI() + ">"})
				bob.Receive()
				call = alice.Invite("sip:bob@example.org", ua.Options{Proxy: s.Addr("inside")})
			} else {
				call = alice.Invite("sip:bob@"+bob.Addr().String(), ua.Options{Proxy: s.Addr("inside")})
			}
			talk(call, bob.Answer(bob.Receive(), 200, ua.Options{}), alice, bob)
		})
	}
}
