package leg

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// users are the user parts of a message's Record-Route values, the topmost first.
func users(text string) (all []string) {
	for _, v := range stage.Headers(text, "Record-Route") {
		user, _, is := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(ua.URI(v), "sips:"), "sip:"), "@")
		if !is {
			user = ""
		}
		all = append(all, user)
	}
	return all
}

// Requests of a dialog reach a phone behind a NAT where it has called from: its Contact leads nowhere. Who says himself where he is, and who
// is behind another proxy, is reached there.
func TestWhoCallsFromBehindANATIsRecorded(t *testing.T) {
	h := build(t)
	for _, c := range []struct {
		name, by, via, contact, from string
		want                         string
	}{
		{"no NAT", "inside", "10.0.0.5:5062;rport", "sip:alice@10.0.0.5:5062", "10.0.0.5:5062", ""},
		{"another port, written into the Contact", "inside", "10.0.0.5;rport", "sip:alice@10.0.0.5:5062", "10.0.0.5:40000", ""},
		{"a NAT", "inside", "192.168.1.4;rport", "sip:alice@192.168.1.4", "10.0.0.5:40000", "10.0.0.5:40000"},
		{"a NAT, without rport", "inside", "192.168.1.4:5070", "sip:alice@192.168.1.4:5070", "10.0.0.5:40000", "10.0.0.5:5070"},
		{"a NAT, IPv6", "six", "[fd00::4];rport", "sip:alice@[fd00::4]", "[2001:db8::5]:40000", "[2001:db8::5]:40000"},
		{"a NAT that it knows", "inside", "192.168.1.4;rport", "sip:alice@10.0.0.5:40000", "10.0.0.5:40000", ""},
		{"several addresses", "inside", "203.0.113.4;rport", "sip:alice@203.0.113.4", "203.0.113.5:5060", ""},
		{"a name", "inside", "sip.example.net;rport", "sip:alice@sip.example.net", "203.0.113.5:5060", ""},
		{"somebody else", "inside", "192.168.1.4;rport", "sip:gw@198.51.100.3", "10.0.0.5:40000", ""},
		{"no Contact", "inside", "192.168.1.4;rport", "", "10.0.0.5:40000", ""},
		{"a sips Contact", "inside", "192.168.1.4;rport", "sips:alice@192.168.1.4", "10.0.0.5:40000", ""},
		{"a number", "inside", "192.168.1.4;rport", "tel:+1", "10.0.0.5:40000", ""},
		{"another proxy", "inside", "192.168.1.9;branch=z9hG4bKq, SIP/2.0/UDP 192.168.1.4;rport", "sip:alice@192.168.1.4", "10.0.0.5:40000", ""},
	} {
		more := []string{}
		if c.contact != "" {
			more = append(more, "Contact: <"+c.contact+">")
		}
		h.node(7)
		text := h.forwarded(c.by, "outside", netip.MustParseAddrPort(c.from), request("INVITE", bob, "SIP/2.0/UDP "+c.via+";branch=z9hG4bKabc", more...))
		tokens := users(text)
		if len(tokens) != 2 || tokens[0] != "" || (tokens[1] != "") != (c.want != "") {
			t.Errorf("%s: the users of the Record-Route are %q", c.name, tokens)
			continue
		}
		if c.want == "" {
			continue
		}
		want := message.Pinhole{Addr: netip.MustParseAddrPort(c.want), Node: 7}
		h.node(8)
		routes := stage.Headers(text, "Record-Route")
		p := h.accepted("outside", nextHop, request("BYE", "sip:alice@192.168.1.4", "SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKb", "Route: "+routes[0]+", "+routes[1]))
		if p.Pinhole != want || p.Egress != h.all.Named(c.by) || !p.Routed {
			t.Errorf("%s: a BYE goes by %+v, leg %v, want %+v", c.name, p.Pinhole, p.Egress, want)
		}
		p.Free()
		raw := make([]byte, 64)
		n, _ := keyring.Decode(raw, []byte(tokens[1][1:]))
		if bytes.Contains(raw[:n], want.Addr.Addr().AsSlice()) {
			t.Errorf("%s: the address is in the clear: %x", c.name, raw[:n])
		}
	}
}

// A pinhole token is a bearer's right to have a request sent to an address: no character of it may be anybody's choice.
func TestAChangedPinholeIsNone(t *testing.T) {
	h := build(t)
	l := h.rooms["inside"]
	for _, addr := range []string{"10.0.0.5:40000", "[2001:db8::5]:40000"} {
		hole := message.Pinhole{Addr: netip.MustParseAddrPort(addr), Node: 7}
		token := string(l.appendPinholeToken(nil, l.facts, hole))
		if got := l.openPinholeToken([]byte(strings.ToUpper(token)), l.facts); got != hole {
			t.Fatalf("%s is %+v, not %+v", token, got, hole)
		}
		if again := string(h.rooms["outside"].appendPinholeToken(nil, l.facts, hole)); again != token {
			t.Errorf("the same is %s and %s", token, again)
		}
		check := func(what, changed string, of *message.Leg) {
			t.Helper()
			if got := l.openPinholeToken([]byte(changed), of); got.Addr.IsValid() && (of != l.facts || !strings.EqualFold(changed, token)) {
				t.Fatalf("%s: %s instead of %s is %+v", what, changed, token, got)
			}
		}
		check("another leg", token, h.all.Named("outside"))
		for i := range token {
			for _, c := range "abcdefghijklmnopqrstuvwxyz2345670189-" {
				check("another character", token[:i]+string(c)+token[i+1:], l.facts)
			}
			check("a character less", token[:i]+token[i+1:], l.facts)
			check("a character more", token[:i]+"a"+token[i:], l.facts)
		}
		h.rotate()
		if got := l.openPinholeToken([]byte(token), l.facts); got != hole {
			t.Errorf("after a change of keys it is %+v", got)
		}
	}
	flow := l.appendFlowToken(nil, l.facts, 5)
	flow[0] = pinholeLetter
	if l.openPinholeToken(flow, l.facts).Addr.IsValid() {
		t.Error("a flow token is a pinhole's")
	}
}

// A response that comes to another node than its request goes back by the socket that the NAT lets in.
func TestAResponseGoesByTheNodeOfItsRequest(t *testing.T) {
	h := build(t)
	for _, c := range []struct {
		name, via string
		node      uint16
		want      message.Pinhole
	}{
		{"behind a NAT", "192.168.1.4;rport", 8, message.Pinhole{Addr: caller, Node: 7}},
		{"behind a NAT, a name", "pc.example;rport", 8, message.Pinhole{Addr: caller, Node: 7}},
		{"behind a NAT, by the node that had it", "192.168.1.4;rport", 7, message.Pinhole{}},
		{"no NAT", "10.0.0.5:5062;rport", 8, message.Pinhole{}},
	} {
		h.node(7)
		sent := h.forwarded("inside", "outside", caller, request("INVITE", bob, "SIP/2.0/UDP "+c.via+";branch=z9hG4bKabc"))
		h.node(c.node)
		p := h.accepted("outside", nextHop, response(200, sent))
		if p.Pinhole != c.want || p.Reply.Addr != caller {
			t.Errorf("%s: the response goes by %+v to %v", c.name, p.Pinhole, p.Reply.Addr)
		}
		p.Free()
	}
}

// What another node must send is handed over as it leaves. When that does not take it, this one sends the same.
func TestAPinholeOfAnotherNode(t *testing.T) {
	h := build(t)
	h.node(8)
	write := actor.NewPID("", "remote")
	l := h.rooms["outside"]
	l.next.Write = write
	for _, in := range []string{request("INVITE", bob, via, "Contact: <sip:alice@10.0.0.5:5062>"), ""} {
		if in == "" {
			in = response(200, h.forwarded("outside", "inside", nextHop, request("INVITE", bob, "SIP/2.0/UDP 192.168.1.4;rport;branch=z9hG4bKabc")))
		}
		p := h.accepted("inside", caller, in)
		p.Egress, p.To, p.Pinhole = l.facts, nextHop, message.Pinhole{Addr: nextHop, Node: 7}
		if o, done := l.send(p); done || o != message.Hand(write, message.Write{Packet: p}) {
			t.Fatalf("done: %v, the outcome is %q", done, o)
		}
		text := string(p.Out)
		if p.IsRequest() {
			if v := stage.Headers(text, "Via")[0]; !strings.Contains(v, ";rport;branch=") || strings.Count(text, "Via:") != 2 {
				t.Errorf("it leaves as\n%s", text)
			}
			if u := users(text); len(u) != 2 || u[0] == "" || u[1] != "" {
				t.Errorf("recorded are %q", u)
			}
		}
		p.Pinhole = message.Pinhole{}
		if again, to := h.sent("outside", p); again != text || to != nextHop {
			t.Errorf("to %s it was\n%s\nand then\n%s", to, text, again)
		}
	}
}
