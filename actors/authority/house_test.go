package authority

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// people are Users that are at hand.
type people map[string]string

func (p people) Lookup(user []byte, realm string, a digest.Algorithm) (digest.HA1, digest.Found) {
	password, ok := p[string(user)]
	if !ok {
		return digest.HA1{}, digest.Absent
	}
	return a.HA1Of(string(user), realm, password), digest.Present
}

func (p people) Resolve(string, string, digest.Algorithm, func()) error { return digest.ErrClosed }

// house is an authority between a leg and the router, without them.
type house struct {
	*authority
	t     testing.TB
	pool  *message.Pool
	inbox *message.Inbox
	woken chan struct{}
	legs  []*message.Leg
	next  Next
	clock time.Time
}

// build is an authority of example.com that answers REGISTERs itself. change may fill in more.
func build(t testing.TB, users digest.Users, change ...func(*Config)) *house {
	t.Helper()
	h := &house{
		t: t, pool: message.NewPool(4, 8192, &message.Counts{}), woken: make(chan struct{}, 4),
		next: Next{Self: actor.NewPID("", "authority"), Route: actor.NewPID("", "router")}, clock: stage.KeysMade.Add(100 * 24 * time.Hour),
	}
	h.inbox = message.NewInbox(func() { h.woken <- struct{}{} })
	for _, name := range []string{"inside", "outside"} {
		h.legs = append(h.legs, message.NewLeg(name, sipwire.UDP, netip.MustParseAddrPort("10.0.0.1:5060"), "", 0))
	}
	message.NewLegs(h.legs)
	h.authority = h.asks(users, "example.com", change...)
	return h
}

// asks is an authority of the house for a realm.
func (h *house) asks(users digest.Users, realm string, change ...func(*Config)) *authority {
	h.t.Helper()
	cfg := Config{Legs: []bool{true, false}, Answers: func(p *message.Packet) bool { return p.Is("REGISTER") }}
	d := digest.Config{
		Keys: keyring.NewRing(stage.ReadKeys(h.t, stage.KeyFile(h.t, "lab"))), Users: users, Realm: realm,
		Algorithms: []digest.Algorithm{digest.SHA256, digest.MD5},
	}
	var err error
	if cfg.Server, err = digest.New(d, h.clock.Add(-time.Second)); err != nil {
		h.t.Fatal(err)
	}
	d.Role = digest.Proxy
	if cfg.Proxy, err = digest.New(d, h.clock.Add(-time.Second)); err != nil {
		h.t.Fatal(err)
	}
	for _, c := range change {
		c(&cfg)
	}
	a := New(cfg, h.next)().(*authority)
	a.now = func() time.Time { return h.clock }
	return a
}

// packet is a request as its leg passes it on. Lines end in LF, for short.
func (h *house) packet(text string) *message.Packet {
	h.t.Helper()
	p := h.pool.Take()
	if p == nil {
		h.t.Fatal("a packet was not given back")
	}
	p.In = append(p.In[:0], strings.ReplaceAll(text, "\n", "\r\n")...)
	p.Ingress, p.Inbox, p.Source = h.legs[0], h.inbox, netip.MustParseAddrPort("192.0.2.7:5060")
	if f := p.Parse(p.In); f != sipwire.None {
		h.t.Fatalf("%s in\n%s", f, text)
	}
	return p
}

// outcome wants what becomes of a request that does not wait.
func (h *house) outcome(a *authority, text string, want func(*message.Packet) message.Outcome) {
	h.t.Helper()
	p := h.packet(text)
	defer p.Free()
	if got, want := a.authorize(p), want(p); got != want {
		h.t.Errorf("%s, want %s for\n%s", got, want, text)
	}
}

// passes is the outcome of a request that is let by.
func (h *house) passes(p *message.Packet) message.Outcome {
	return message.Pass(h.next.Route, message.Route{Packet: p})
}

func answers(r message.Reason) func(*message.Packet) message.Outcome {
	return func(*message.Packet) message.Outcome { return message.Answer(r) }
}

// challenge is what an authority asks of a request without credentials.
func (h *house) challenge(a *authority, text string, want message.Reason) ua.Challenge {
	h.t.Helper()
	p := h.packet(text)
	defer p.Free()
	if o := a.authorize(p); o != message.Answer(want) {
		h.t.Fatalf("%s, want %s for\n%s", o, want, text)
	}
	p.Status, p.Reason = want.Status(), want
	m, err := ua.Parse(p.AppendReply(nil, []byte("t")))
	if err != nil {
		h.t.Fatal(err)
	}
	c, ok := m.Challenge("SHA-256")
	if !ok || len(m.Challenges()) != 2 {
		h.t.Fatalf("%d challenges in the answer to\n%s", len(m.Challenges()), text)
	}
	return c
}

const bob = "sip:bob@example.com"

var alice = ua.Login{User: "alice", Password: "secret"}

// request is a request of alice to a URI; header lines may be added, and replace From and To.
func request(method, uri string, more ...string) string {
	lines := []string{"Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa", "From: <sip:alice@example.com>;tag=1", "To: <" + uri + ">", "Call-ID: c", "CSeq: 1 " + method}
more:
	for _, m := range more {
		for i, l := range lines[:3] {
			if name, _, _ := strings.Cut(l, ":"); strings.HasPrefix(m, name+":") {
				lines[i] = m
				continue more
			}
		}
		lines = append(lines, m)
	}
	return fmt.Sprintf("%s %s SIP/2.0\n%s\n\n", method, uri, strings.Join(lines, "\n"))
}
