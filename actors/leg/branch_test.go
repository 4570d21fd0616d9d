package leg

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
)

var nextHop = netip.MustParseAddrPort("198.51.100.9:5060")

// RFC 3261 §16.11: a retransmission leaves byte for byte as the first one did, whichever actor or node forwards it.
func TestARetransmissionLeavesTheSame(t *testing.T) {
	h := build(t)
	for _, method := range []string{"INVITE", "REGISTER", "MESSAGE", "BYE"} {
		text := request(method, bob, via, "Route: <sip:10.0.0.1;lr>, <sip:p.example.net;lr>")
		first := h.forwarded("inside", "outside", caller, text)
		for range 3 {
			h.restart()
			if again := h.forwarded("inside", "outside", caller, text); again != first {
				t.Errorf("the first left as\n%s\nthe next as\n%s", first, again)
			}
		}
	}
}

// RFC 3261 §9.1 and §17.1.1.3: what cancels or acknowledges an INVITE must match it at the next hop. An INVITE with a Route
// that was configured, not recorded, has that Route in its ACK too.
func TestACancelAndTheAckToAFailureMatchTheirInvite(t *testing.T) {
	for _, route := range []string{"", "Route: <sip:10.0.0.1;lr>", "Route: <sip:10.0.0.1;lr>, <sip:p.example.net;lr>", "Route: <sip:203.0.113.1;lr>"} {
		h := build(t)
		invite := h.forwarded("inside", "outside", caller, request("INVITE", bob, via, "CSeq: 0007 INVITE", route))
		for method, to := range map[string]string{"CANCEL": "To: <sip:bob@example.com>", "ACK": "To: <sip:bob@example.com>;tag=to"} {
			text := request(method, bob, via, to, "CSeq: 7 "+method, route)
			got := h.forwarded("inside", "outside", caller, text)
			if branchOf(t, got) != branchOf(t, invite) || stage.Headers(got, "Via")[0] != stage.Headers(invite, "Via")[0] {
				t.Errorf("%q: the %s leaves with\n%q, its INVITE with\n%q", route, method, stage.Headers(got, "Via"), stage.Headers(invite, "Via"))
			}
		}
	}
}

func TestAnotherTransactionHasAnotherBranch(t *testing.T) {
	h := build(t)
	seen := map[string]string{}
	for _, c := range []struct {
		name, by, out, from, text string
	}{
		{"nothing", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via)},
		{"Call-ID", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via, "Call-ID: call-2@10.0.0.5")},
		{"the case of the Call-ID", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via, "Call-ID: CALL-1@10.0.0.5")},
		{"CSeq", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via, "CSeq: 2 INVITE")},
		{"CSeq, a zero more", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via, "CSeq: 10 INVITE")},
		{"branch", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via+"d")},
		{"request-URI", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob+";a", via)},
		{"From tag", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via, "From: <sip:a@b>;tag=other")},
		{"route set", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via, "Route: <sip:p.example.net;lr>")},
		{"a named leg", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, via, "Route: <sip:203.0.113.1;lr>")},
		{"the way back", "inside", "outside", "10.0.0.5:5062", request("INVITE", bob, strings.Replace(via, "5062", "5063", 1))},
		{"the sender", "inside", "outside", "10.0.0.6:5062", request("INVITE", bob, via)},
		{"the way in", "six", "outside", "10.0.0.5:5062", request("INVITE", bob, via)},
		{"the way out", "inside", "six", "10.0.0.5:5062", request("INVITE", bob, via)},
	} {
		b := branchOf(t, h.forwarded(c.by, c.out, netip.MustParseAddrPort(c.from), c.text))
		if len(b) != branchLen(markLen) || !strings.HasPrefix(b, cookie) || strings.ToLower(b[len(cookie):]) != b[len(cookie):] {
			t.Errorf("%s: the branch is %q", c.name, b)
		}
		if other, twice := seen[b]; twice {
			t.Errorf("another %s gives the branch of another %s", c.name, other)
		}
		seen[b] = c.name
	}
}

// opens tells whether the leg takes a response for one to a request of ours.
func (h *house) opens(by, text string) bool {
	p, o := h.received(by, nextHop, text)
	defer p.Free()
	switch o {
	case message.Pass(h.next.Route, message.Route{Packet: p}):
		return true
	case message.Drop(message.AlienResponse):
		return false
	}
	h.t.Fatalf("the outcome is %q for\n%s", o, text)
	return false
}

// A branch of ours is a bearer's right to send one response one way: no character of it may be anybody's choice.
func TestAChangedBranchIsRefused(t *testing.T) {
	h := build(t)
	good := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via)))
	b := branchOf(t, good)
	check := func(what, changed string) {
		t.Helper()
		if got := h.opens("outside", strings.Replace(good, b, changed, 1)); got != strings.EqualFold(changed, b) {
			t.Fatalf("%s: %s instead of %s is accepted: %v", what, changed, b, got)
		}
	}
	for i := range b {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567ABCDEFGHIJKLMNOPQRSTUVWXYZ0189-" {
			check("another character", b[:i]+string(c)+b[i+1:])
		}
		check("a character less", b[:i]+b[i+1:])
		check("a character more", b[:i]+"a"+b[i:])
	}
	check("the same", b)
	check("upper case", strings.ToUpper(b))
	check("more behind", b+"a")
	check("quotes", `"`+b+`"`)
}

func TestNoForgedResponseIsForwarded(t *testing.T) {
	tries := 100_000
	if testing.Short() {
		tries = 5_000
	}
	h := build(t)
	text := strings.ReplaceAll(response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via))), "\r\n", "\n")
	p := h.packet("outside", nextHop, text)
	at := strings.Index(string(p.In), branchOf(t, string(p.In)))
	branch := p.In[at : at+branchLen(markLen)]
	truth := string(branch)
	random := rand.New(rand.NewPCG(5, 6))
	for n := range tries {
		copy(branch, truth)
		from := len(cookie) + []int{0, 2, 4, branchLen(markLen) - len(cookie) - 4}[n%4] // key, leg and loop hash may be true
		for i := from; i < len(branch); i++ {
			branch[i] = "abcdefghijklmnopqrstuvwxyz234567"[random.IntN(32)]
		}
		if string(branch) == truth {
			continue
		}
		if o := h.rooms["outside"].receive(p); o != message.Drop(message.AlienResponse) {
			t.Fatalf("%s: %q", branch, o)
		}
	}
	copy(branch, truth)
	if o := h.rooms["outside"].receive(p); o != message.Pass(h.next.Route, message.Route{Packet: p}) {
		t.Fatalf("the true one: %q", o)
	}
	p.Free()
}

// Who got a request from us could have its response sent elsewhere, or hand the branch to others.
func TestABranchIsGoodForItsOwnRequestOnly(t *testing.T) {
	h := build(t)
	good := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, "SIP/2.0/UDP pc.example.org:5062;rport;branch=z9hG4bKabc")))
	below := stage.Headers(good, "Via")[1]
	for name, changed := range map[string]string{
		"another address":          strings.Replace(good, "received=10.0.0.5", "received=10.0.0.6", 1),
		"another port":             strings.Replace(good, "rport=5062", "rport=5063", 1),
		"no received":              strings.Replace(good, ";received=10.0.0.5", "", 1),
		"another Via below":        strings.Replace(good, below, "SIP/2.0/UDP 10.0.0.6:5062;branch=z9hG4bKabc", 1),
		"another branch below":     strings.Replace(good, "z9hG4bKabc", "z9hG4bKabd", 1),
		"the branch below, longer": strings.Replace(good, "z9hG4bKabc", "z9hG4bKabcd", 1),
		"no branch below":          strings.Replace(good, ";branch=z9hG4bKabc", "", 1),
		"another Call-ID":          strings.Replace(good, "call-1", "call-2", 1),
		"another CSeq":             strings.Replace(good, "CSeq: 1 ", "CSeq: 2 ", 1),
	} {
		if changed == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if h.opens("outside", changed) {
			t.Errorf("%s: accepted\n%s", name, changed)
		}
	}
	for name, changed := range map[string]string{
		"nothing":                         good,
		"a maddr, which leads nowhere":    strings.Replace(good, ";received=10.0.0.5", ";received=10.0.0.5;maddr=10.0.0.6", 1),
		"another status":                  strings.Replace(good, "200", "486", 1),
		"another method":                  strings.Replace(good, "CSeq: 1 INVITE", "CSeq: 1 CANCEL", 1), // a CANCEL has the branch of its INVITE
		"leading zeros in the CSeq":       strings.Replace(good, "CSeq: 1 ", "CSeq: 0001 ", 1),
		"parameters of the Via reordered": strings.Replace(good, below, "SIP/2.0/UDP pc.example.org:5062;received=10.0.0.5;branch=z9hG4bKabc;rport=5062", 1),
		"Vias in one header":              strings.Replace(good, "\r\nVia: "+below, ", "+below, 1),
		"compact names":                   strings.ReplaceAll(good, "Via:", "v:"),
		"a Via of others below":           strings.Replace(good, below, below+", SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKq", 1),
	} {
		if !h.opens("outside", changed) {
			t.Errorf("%s: refused\n%s", name, changed)
		}
	}
	for _, by := range []string{"inside", "six", "nat"} {
		if h.opens(by, good) {
			t.Errorf("accepted on leg %s, by which the request did not leave", by)
		}
	}
}

// A leg's id is one byte: two legs may share it, and only the MAC tells them apart.
func TestTwoLegsOfOneIDAreToldApart(t *testing.T) {
	h := build(t)
	for _, l := range h.all.All {
		l.ID = 7
	}
	for _, by := range h.all.All {
		p := h.accepted("outside", nextHop, response(200, h.forwarded(by.Name, "outside", caller, request("INVITE", bob, via))))
		if p.Egress != by {
			t.Errorf("a request came by %s, its response goes to %s", by.Name, p.Egress.Name)
		}
		p.Free()
	}
}

func TestABranchOutlivesTheRotationOfItsKey(t *testing.T) {
	h := build(t)
	old := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via)))
	h.rotate()
	young := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via)))
	if branchOf(t, old) == branchOf(t, young) {
		t.Fatal("the new key is not in use")
	}
	if !h.opens("outside", old) || !h.opens("outside", young) {
		t.Fatal("a response is refused after the rotation")
	}
	if _, err := keyring.Retire(h.keyFile, time.Hour, stage.KeysMade.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.ring.Replace(stage.ReadKeys(t, h.keyFile))
	if h.opens("outside", old) || !h.opens("outside", young) {
		t.Fatal("the key is gone: its branches must be refused, and no others")
	}
}

func TestAnotherClustersBranchIsRefused(t *testing.T) {
	h := build(t)
	good := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via)))
	h.ring.Replace(stage.ReadKeys(t, stage.KeyFile(t, "another"))) // the same secrets
	if h.opens("outside", good) {
		t.Fatal("it is accepted")
	}
}

// Fields of a MAC must not run into one another: "ab" and "c" are not "a" and "bc".
func TestFieldsAreKeptApart(t *testing.T) {
	if string(field(field(nil, "ab"), "c")) == string(field(field(nil, "a"), "bc")) {
		t.Fatal("two lists read the same")
	}
	h := build(t)
	a := branchOf(t, h.forwarded("inside", "outside", caller, request("INVITE", bob, via, "Call-ID: call1", "CSeq: 2 INVITE")))
	b := branchOf(t, h.forwarded("inside", "outside", caller, request("INVITE", bob, via, "Call-ID: call", "CSeq: 12 INVITE")))
	if a == b {
		t.Fatal("Call-ID and CSeq run into one another")
	}
}
