package contact

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

// house is contact between three legs, and the packets that come to it.
type house struct {
	*contact
	keyFile              string
	ring                 *keyring.Ring
	inside, outside, dmz *message.Leg
	router               *actor.PID
	legs                 []*actor.PID
	pool                 *message.Pool
}

func legsOf(names ...string) *message.Legs {
	var all []*message.Leg
	for _, name := range names {
		addr := map[string]string{
			"inside": "10.0.0.1:5060", "outside": "203.0.113.1:5060", "dmz": "[2001:db8::1]:5060", "more": "192.168.7.1:5070",
		}[name]
		all = append(all, message.NewLeg(name, sipwire.UDP, netip.MustParseAddrPort(addr), "", 0))
	}
	return message.NewLegs(all)
}

func build(t testing.TB) *house {
	t.Helper()
	h := &house{keyFile: stage.KeyFile(t, "test"), router: actor.NewPID("", "router"), pool: message.NewPool(3, 8192, &message.Counts{})}
	h.ring = keyring.NewRing(stage.ReadKeys(t, h.keyFile))
	h.contact = h.with(legsOf("inside", "outside", "dmz"), h.ring)
	return h
}

// with is another contact of the same proxy, as after a restart or on another node.
func (h *house) with(legs *message.Legs, ring *keyring.Ring) *contact {
	h.inside, h.outside, h.dmz = legs.Named("inside"), legs.Named("outside"), legs.Named("dmz")
	h.legs = nil
	for _, l := range legs.All {
		h.legs = append(h.legs, actor.NewPID("", "legs/"+l.Name))
	}
	cfg := Config{Legs: legs, Keys: ring}
	h.contact = New(cfg, Next{Route: h.router, Send: h.legs})().(*contact)
	return h.contact
}

// packet is a message as it comes to contact. It goes back to its pool with the test.
func (h *house) packet(t testing.TB, from *message.Leg, text string) *message.Packet {
	t.Helper()
	p := h.pool.Take()
	if p == nil {
		t.Fatal("a packet was not given back")
	}
	p.In = append(p.In[:0], strings.ReplaceAll(text, "\n", "\r\n")...)
	p.Ingress = from
	if f := p.Parse(p.In); f != sipwire.None {
		t.Fatalf("%s in\n%s", f, text)
	}
	return p
}

// via seals a message that came by one leg and leaves by another, and gives its Contact values as they leave, a line
// each.
func (h *house) via(t testing.TB, from, to *message.Leg, method string, contacts ...string) []string {
	t.Helper()
	p := h.packet(t, from, request("INVITE", "sip:bob@example.com", method, contacts...))
	defer p.Free()
	p.Egress = to
	if got, want := h.seal(p), message.Pass(h.legs[to.Index], message.Send{Packet: p}); got != want {
		t.Fatalf("%v: the outcome is %q, want %q", contacts, got, want)
	}
	return stage.Headers(string(p.AppendTo(nil)), "Contact")
}

// one is via for one Contact of an INVITE, given and returned as the URI in its brackets.
func (h *house) one(t testing.TB, from, to *message.Leg, uri string) string {
	t.Helper()
	got := h.via(t, from, to, "INVITE", "<"+uri+">")
	return strings.Trim(got[0], "<>")
}

// opened is what the request-URI of a request becomes that comes by a leg; home is empty when it was no token.
func (h *house) opened(t testing.TB, by *message.Leg, uri string) (opened, home string) {
	t.Helper()
	p := h.packet(t, by, request("BYE", uri, "BYE"))
	defer p.Free()
	if got, want := h.open(p), message.Pass(h.router, message.Route{Packet: p}); got != want {
		t.Fatalf("%s: the outcome is %q, want %q", uri, got, want)
	}
	if p.Opened != (p.Egress != nil) {
		t.Fatalf("%s: opened is %v, the leg is %v", uri, p.Opened, p.Egress)
	}
	if p.Egress != nil {
		home = p.Egress.Name
	}
	return string(p.CurrentURI()), home
}

// request is a request, or, when method is not its CSeq's, a response to that.
func request(method, uri, cseq string, contacts ...string) string {
	line := method + " " + uri + " SIP/2.0\n"
	if method != cseq {
		line = "SIP/2.0 200 OK\n"
	}
	for _, c := range contacts {
		line += "Contact: " + c + "\n"
	}
	return line + "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa\nFrom: <sip:a@b>;tag=1\nTo: <sip:b@b>;tag=2\nCall-ID: c\n" +
		"CSeq: 1 " + cseq + "\nMax-Forwards: 70\n\n"
}

// user is the user part of a URI.
func user(t testing.TB, uri string) string {
	t.Helper()
	u, ok := sipwire.ParseURI([]byte(uri))
	if !ok {
		t.Fatalf("%q is no URI", uri)
	}
	return string(u.User)
}
