package router

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/target"
)

// house is a router between legs, without them.
type house struct {
	*router
	t     testing.TB
	pool  *message.Pool
	woken chan struct{}
}

// build is a router with an empty configuration. change may fill it in.
func build(t testing.TB, server string, change ...func(*Config)) *house {
	t.Helper()
	return buildAsking(t, target.Config{Servers: []string{server}, Timeout: 5 * time.Second, Attempts: 1}, change...)
}

func buildAsking(t testing.TB, ask target.Config, change ...func(*Config)) *house {
	t.Helper()
	var all []*message.Leg
	for _, l := range []struct{ name, addr, host string }{
		{"inside", "10.0.0.1:5060", ""}, {"outside", "203.0.113.1:5060", "sip.example.com"}, {"six", "[2001:db8::1]:5060", ""},
	} {
		all = append(all, message.NewLeg(l.name, sipwire.UDP, netip.MustParseAddrPort(l.addr), l.host, 0))
	}
	ask.Transports, ask.IPv4, ask.IPv6 = []sipwire.Transport{sipwire.UDP}, true, true
	if len(ask.Servers[0]) == 0 {
		ask.Servers[0] = "127.0.0.1:9" // nobody asks
	}
	resolver, err := target.New(ask)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(resolver.Close)
	h := &house{t: t, pool: message.NewPool(8, 8192, &message.Counts{}), woken: make(chan struct{}, 8)}
	cfg := Config{Legs: message.NewLegs(all), Rules: make([]Rules, len(all)), Streams: make([]*stream.Endpoint, len(all)), Resolver: resolver, Waiting: 4}
	cfg.Rules[0].Reach = []Reach{{Prefix: netip.MustParsePrefix("10.0.0.0/8")}}
	for _, c := range change {
		c(&cfg)
	}
	next := Next{Seal: actor.NewPID("", "contact"), Later: message.NewInbox(func() { h.woken <- struct{}{} })}
	for _, l := range all {
		next.Send = append(next.Send, actor.NewPID("", l.Name))
	}
	h.router = New(cfg, next)().(*router)
	return h
}

func (h *house) leg(name string) *message.Leg {
	if name == "" {
		return nil
	}
	return h.Legs.Named(name)
}

// packet is a message as a leg or contact passes it on.
func (h *house) packet(by, text string) *message.Packet {
	h.t.Helper()
	p := h.pool.Take()
	if p == nil {
		h.t.Fatal("a packet was not given back")
	}
	p.In = append(p.In[:0], strings.ReplaceAll(text, "\n", "\r\n")...)
	p.Ingress = h.leg(by)
	if f := p.Parse(p.In); f != sipwire.None {
		h.t.Fatalf("%s in\n%s", f, text)
	}
	return p
}

// routed is what becomes of a packet, waiting included.
func (h *house) routed(p *message.Packet) message.Outcome {
	h.t.Helper()
	o := h.route(p)
	if o != message.Await() {
		return o
	}
	p.Settle(nil, message.AtRoute, o)
	return h.route(h.back())
}

// back is the next packet that comes back from waiting.
func (h *house) back() *message.Packet {
	h.t.Helper()
	select {
	case <-h.woken:
	case <-time.After(20 * time.Second):
		h.t.Fatal("no packet came back")
	}
	packets := h.next.Later.Take(nil)
	if len(packets) != 1 {
		h.t.Fatalf("%d packets came back", len(packets))
	}
	return packets[0]
}

func request(method, uri string, more ...string) string {
	text := method + " " + uri + " SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa\nFrom: <sip:a@b>;tag=1\nTo: <sip:b@b>\nCall-ID: c\nCSeq: 1 " + method + "\n"
	for _, m := range more {
		text += m + "\n"
	}
	return text + "\n"
}

func response(more ...string) string {
	_, rest, _ := strings.Cut(request("INVITE", "x", more...), "\n")
	return "SIP/2.0 200 OK\n" + rest
}

// to is the next hop of a URI.
func to(t testing.TB, uri string) Target {
	t.Helper()
	hop, ok := ParseTarget(uri)
	if !ok {
		t.Fatalf("%q is no next hop", uri)
	}
	return hop
}
