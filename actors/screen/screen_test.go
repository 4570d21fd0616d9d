package screen

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/rules"
	"github.com/actorsip/actorsip/sipwire"
)

// house is a screen between two legs and the router, without them.
type house struct {
	*screen
	t    testing.TB
	pool *message.Pool
	legs []*message.Leg
	next Next
}

// build is a screen with these rules.
func build(t testing.TB, bans *limit.Bans, all ...rules.Rule) *house {
	t.Helper()
	h := &house{t: t, pool: message.NewPool(2, 4096, &message.Counts{}), next: Next{Route: actor.NewPID("", "router")}}
	cfg := rules.Config{Rules: all}
	if err := cfg.Validate([]string{"inside", "outside"}); err != nil {
		t.Fatal(err)
	}
	made, err := rules.New(cfg, bans)
	if err != nil {
		t.Fatal(err)
	}
	var c Config
	for _, name := range []string{"inside", "outside"} {
		h.legs = append(h.legs, message.NewLeg(name, sipwire.UDP, netip.MustParseAddrPort("10.0.0.1:5060"), "", 0))
		c.Chains = append(c.Chains, made.On(name))
	}
	message.NewLegs(h.legs)
	h.screen = New(c, h.next)().(*screen)
	return h
}

// packet is a request by the first leg, as that passes it on.
func (h *house) packet(method string, more ...string) *message.Packet {
	h.t.Helper()
	p := h.pool.Take()
	if p == nil {
		h.t.Fatal("a packet was not given back")
	}
	text := method + " sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa\nFrom: <sip:a@b>;tag=1\nTo: <sip:b@b>\nCall-ID: c\nCSeq: 1 " + method + "\n"
	for _, m := range more {
		text += m + "\n"
	}
	p.In = append(p.In[:0], strings.ReplaceAll(text+"\n", "\n", "\r\n")...)
	p.Ingress, p.Source = h.legs[0], netip.MustParseAddrPort("192.0.2.7:5060")
	if f := p.Parse(p.In); f != sipwire.None {
		h.t.Fatal(f)
	}
	return p
}

// A verdict is an outcome, and tells counters why.
func TestEachVerdictIsAnOutcome(t *testing.T) {
	answer := rules.Answer{Code: 405, Phrase: "Not here"}
	rate := rules.Limit{Rate: limit.Rate{Count: 1, Per: time.Hour, Burst: 1}}
	for _, c := range []struct {
		name  string
		rule  rules.Rule
		sent  []string // methods
		want  message.Outcome
		extra string // in the answer
	}{
		{"pass", rules.Rule{Action: rules.Pass}, []string{"INVITE"}, message.Outcome{}, ""},
		{"block", rules.Rule{Action: rules.Block, Answer: answer, Methods: []string{"INVITE"}}, []string{"INVITE"}, message.Refuse(message.Blocked, 405, "Not here"), "Allow: ACK,"},
		{"block another method", rules.Rule{Action: rules.Block, Answer: answer, Methods: []string{"INVITE"}}, []string{"BYE"}, message.Outcome{}, ""},
		{"block an ACK", rules.Rule{Action: rules.Block, Answer: answer}, []string{"ACK"}, message.Drop(message.Screened), ""},
		{"drop", rules.Rule{Action: rules.Drop}, []string{"INVITE"}, message.Drop(message.Screened), ""},
		{"drop a scanner", rules.Rule{Action: rules.Drop, UserAgent: regexp.MustCompile("scanner")}, []string{"OPTIONS"}, message.Drop(message.Screened), ""},
		{"within a limit", rules.Rule{Action: rules.Throttle, Limit: rate}, []string{"INVITE"}, message.Outcome{}, ""},
		{"over a limit", rules.Rule{Action: rules.Throttle, Limit: rate}, []string{"INVITE", "INVITE"}, message.Drop(message.Limited), ""},
		{
			"over a limit that answers",
			rules.Rule{Action: rules.Throttle, Limit: rate, Answer: rules.Answer{Code: 503, Phrase: "Later"}},
			[]string{"INVITE", "INVITE"},
			message.Refuse(message.Limited, 503, "Later"), "Retry-After: 3600\r\n",
		},
		{
			"an ACK over a limit that answers",
			rules.Rule{Action: rules.Throttle, Limit: rate, Answer: rules.Answer{Code: 503, Phrase: "Later"}},
			[]string{"INVITE", "ACK"},
			message.Drop(message.Limited), "",
		},
		{"another leg's rule", rules.Rule{Action: rules.Drop, Legs: []string{"outside"}}, nil, message.Outcome{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rule.Name = "test"
			h := build(t, nil, c.rule)
			for i, method := range c.sent {
				p := h.packet(method, "User-Agent: a scanner")
				if !h.Concerns(p) {
					t.Fatal("it is not concerned")
				}
				want := c.want
				if i < len(c.sent)-1 || want == (message.Outcome{}) {
					want = message.Pass(h.next.Route, message.Route{Packet: p})
				}
				if o := h.screen.screen(p); o != want {
					t.Errorf("%s: %s, want %s", method, o, want)
				}
				if text := string(p.AppendReply(nil, nil)); i == len(c.sent)-1 && !strings.Contains(text, c.extra) {
					t.Errorf("no %q in\n%s", c.extra, text)
				}
				p.Free()
			}
			if c.sent == nil {
				p := h.packet("INVITE")
				if h.Concerns(p) {
					t.Error("it is concerned by a leg without rules")
				}
				if p.Ingress = h.legs[1]; !h.Concerns(p) {
					t.Error("it is not concerned by the leg of the rule")
				}
			}
		})
	}
}

// Who is banned is not asked again: the leg drops what he sends.
func TestWhoIsRefusedTooOftenIsBanned(t *testing.T) {
	bans := limit.Open(0, limit.Options{})
	h := build(t, bans, rules.Rule{Name: "test", Action: rules.Drop, Ban: &limit.Offence{After: 2, Within: time.Hour, For: time.Hour}})
	for i := range 2 {
		p := h.packet("INVITE")
		if bans.HasSource(0, p.Source.Addr()) {
			t.Fatalf("banned after %d", i)
		}
		if o := h.screen.screen(p); o != message.Drop(message.Screened) {
			t.Error(o)
		}
		p.Free()
	}
	if p := h.packet("INVITE"); !bans.HasSource(0, p.Source.Addr()) {
		t.Error("not banned")
	}
}
