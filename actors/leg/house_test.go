package leg

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

// house is a proxy's legs, as values: what they would write lies in their sockets' queues.
type house struct {
	t       testing.TB
	keyFile string
	ring    *keyring.Ring
	all     *message.Legs
	rooms   map[string]*leg
	next    Next
	home    *actor.PID
	pool    *message.Pool
}

// caller is who sends in these tests, unless they say another.
var caller = netip.MustParseAddrPort("10.0.0.5:5062")

func build(t testing.TB) *house {
	t.Helper()
	var all []*message.Leg
	for _, l := range []struct {
		name, addr, host string
		port             uint16
	}{
		{"inside", "10.0.0.1:5060", "", 0},
		{"outside", "203.0.113.1:5060", "", 0},
		{"six", "[2001:db8::1]:5060", "", 0},
		{"nat", "192.168.7.1:5070", "sip.example.com", 5060},
	} {
		all = append(all, message.NewLeg(l.name, sipwire.UDP, netip.MustParseAddrPort(l.addr), l.host, l.port))
	}
	h := &house{
		t: t, keyFile: stage.KeyFile(t, "test"), all: message.NewLegs(all), home: actor.NewPID("", "home"),
		next: Next{Open: actor.NewPID("", "contact"), Route: actor.NewPID("", "router")},
		pool: message.NewPool(4, 65535, &message.Counts{}),
	}
	h.ring = keyring.NewRing(stage.ReadKeys(t, h.keyFile))
	h.restart()
	return h
}

// restart makes all legs anew, as after a panic, or on another node of the cluster.
func (h *house) restart() {
	h.rooms = map[string]*leg{}
	lane := &Lane{}
	for range h.all.All {
		lane.Sockets = append(lane.Sockets, &Socket{out: make([]*message.Packet, 0, batch)})
	}
	for _, l := range h.all.All {
		cfg := Config{Legs: h.all, Keys: h.ring, MaxForwards: 70}
		h.rooms[l.Name] = New(cfg, h.next, l, lane)().(*leg)
	}
}

// rotate adds a dialog key, in use at once.
func (h *house) rotate() {
	h.t.Helper()
	if _, err := keyring.Rotate(h.keyFile, keyring.Register, 0, stage.KeysMade.Add(time.Hour)); err != nil {
		h.t.Fatal(err)
	}
	h.ring.Replace(stage.ReadKeys(h.t, h.keyFile))
}

// packet is a datagram as the lane reads it for a leg. Lines end in CRLF or, for short, in LF.
func (h *house) packet(by string, from netip.AddrPort, text string) *message.Packet {
	h.t.Helper()
	p := h.pool.Take()
	if p == nil {
		h.t.Fatal("a packet was not given back")
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	p.In = append(p.In[:0], text...)
	p.Source, p.Ingress, p.Home = from, h.all.Named(by), h.home
	return p
}

// received is what a leg makes of a datagram.
func (h *house) received(by string, from netip.AddrPort, text string) (*message.Packet, message.Outcome) {
	h.t.Helper()
	p := h.packet(by, from, text)
	return p, h.rooms[by].receive(p)
}

// accepted is a packet that its leg has passed on.
func (h *house) accepted(by string, from netip.AddrPort, text string) *message.Packet {
	h.t.Helper()
	p, o := h.received(by, from, text)
	want := message.Pass(h.next.Open, message.Open{Packet: p})
	if !p.IsRequest() {
		want = message.Pass(h.next.Route, message.Route{Packet: p})
	}
	if o != want {
		h.t.Fatalf("the outcome is %q, want %q for\n%s", o, want, text)
	}
	return p
}

// sent is what a leg writes of a packet; the packet is free then.
func (h *house) sent(by string, p *message.Packet) (text string, to netip.AddrPort) {
	h.t.Helper()
	l := h.rooms[by]
	if o, done := l.send(p); !done {
		h.t.Fatalf("it was not sent: %s", o)
	}
	if len(l.socket.out) != 1 || l.socket.out[0] != p {
		h.t.Fatalf("%d packets are queued", len(l.socket.out))
	}
	l.socket.out = l.socket.out[:0]
	text, to = string(p.Out), p.To
	p.Free()
	return text, to
}

// forwarded is a message that comes by one leg and leaves by another, with nothing between but the choice of the leg.
func (h *house) forwarded(by, out string, from netip.AddrPort, text string) string {
	h.t.Helper()
	p := h.accepted(by, from, text)
	p.Egress, p.To = h.all.Named(out), netip.MustParseAddrPort("198.51.100.9:5060")
	text, _ = h.sent(out, p)
	return text
}

// answered is the answer to a request that its leg does not pass on, and where it is sent.
func (h *house) answered(by string, from netip.AddrPort, text string, want message.Reason) (answer string, to netip.AddrPort) {
	h.t.Helper()
	p, o := h.received(by, from, text)
	if o != message.Answer(want) {
		h.t.Fatalf("the outcome is %q, want an answer for %q to\n%s", o, want, text)
	}
	return h.answer(by, p, want)
}

// answer settles a packet as Settle does.
func (h *house) answer(by string, p *message.Packet, r message.Reason) (answer string, to netip.AddrPort) {
	h.t.Helper()
	p.Status, p.Reason = r.Status(), r
	return h.sent(by, p)
}

// request is a request whose top Via is what is given. Header lines may be added; one that is there is replaced.
func request(method, uri, via string, more ...string) string {
	lines := []string{
		"Via: " + via, "From: <sip:alice@example.org>;tag=from", "To: <sip:bob@example.com>", "Call-ID: call-1@10.0.0.5",
		"CSeq: 1 " + method, "Max-Forwards: 70",
	}
more:
	for _, m := range more {
		name, _, _ := strings.Cut(m, ":")
		for i, l := range lines {
			if strings.HasPrefix(l, name+":") && name != "Via" {
				lines[i] = m
				continue more
			}
		}
		lines = append(lines, m)
	}
	return method + " " + uri + " SIP/2.0\n" + strings.Join(lines, "\n") + "\n\n"
}

const (
	bob = "sip:bob@example.com"
	via = "SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bKabc"
)

// response is the response to a request as a next hop got it.
func response(status int, request string) string {
	_, rest, _ := strings.Cut(request, "\r\n")
	rest = strings.Replace(rest, "To: <sip:bob@example.com>\r\n", "To: <sip:bob@example.com>;tag=to\r\n", 1)
	return fmt.Sprintf("SIP/2.0 %d Whatever\r\n%s", status, rest)
}

// branchOf is the branch of a message's topmost Via.
func branchOf(t testing.TB, text string) string {
	t.Helper()
	vias := stage.Headers(text, "Via")
	if len(vias) == 0 {
		t.Fatalf("no Via in\n%s", text)
	}
	_, b, _ := strings.Cut(vias[0], "branch=")
	b, _, _ = strings.Cut(b, ";")
	b, _, _ = strings.Cut(b, ",")
	return b
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\r\n")
	return line
}
