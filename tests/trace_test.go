package tests

import (
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/system"
	jaeger "github.com/actorsip/actorsip/tests/telemetry"
	"github.com/actorsip/actorsip/tests/ua"
)

// chain is two proxies with one key file behind one another, both with a relay:
//
//	caller ── inside ▶ a ▶ between ── between ▶ b ▶ outside ── callee
type chain struct {
	a, b           *system.System
	caller, callee *ua.Phone
}

// link starts a chain; telemetry is the section of both, of which they send to the backend.
func link(t testing.TB, to *jaeger.Backend, telemetry string, chaos room.Chaos) *chain {
	t.Helper()
	leavesNothing(t)
	c := &chain{caller: ua.New(t, "127.0.0.1:0"), callee: ua.New(t, "127.0.0.4:0")}
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	type leg struct{ name, addr, reach string }
	start := func(node string, from, by leg, next, ports string) *system.System {
		s, err := system.Parse(filepath.Join(t.TempDir(), node+".yaml"), []byte(`
node: `+node+`
lanes: 1
legs:
  - {name: `+from.name+`, listen: "udp:`+from.addr+`:0", reach: [`+from.reach+`], media: {ports: `+ports+`}}
  - {name: `+by.name+`, listen: "udp:`+by.addr+`:0", reach: [`+by.reach+`], media: {ports: `+ports+`}}
next_hops: {example.com: "sip:`+next+`"}
keys: {file: `+strconv.Quote(keys)+`}
media: {relay: true, journal: "off", closed: 100ms}
admin: {listen: "off"}
telemetry: {endpoint: "`+to.EndpointGRPC()+`", protocol: grpc, `+telemetry+`}
`))
		if err != nil {
			t.Fatal(err)
		}
		running, err := system.StartWith(s, system.Options{Log: slog.New(slog.DiscardHandler), Chaos: chaos})
		if err != nil {
			t.Fatal(err)
		}
		return running
	}
	c.b = start("b", leg{"between", "127.0.0.5", "127.0.0.3"}, leg{"outside", "127.0.0.6", "127.0.0.4"}, c.callee.Addr().String(), "31000-31999")
	t.Cleanup(c.b.Stop)
	c.a = start("a", leg{"inside", "127.0.0.2", "127.0.0.1"}, leg{"between", "127.0.0.3", "127.0.0.5"}, c.b.Addr("between").String(), "32000-32999")
	t.Cleanup(c.a.Stop)
	return c
}

// play is a whole call: 180 and 200, ACK, re-INVITE, BYE, with media. It gives its Call-ID.
func (c *chain) play(t testing.TB) string {
	t.Helper()
	alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.4:0")
	caller := c.caller.Invite("sip:bob@example.com", ua.Options{Proxy: c.a.Addr("inside"), Body: alice.Describe()})
	invite := c.callee.Receive()
	c.callee.Answer(invite, 100, ua.Options{})
	c.callee.Answer(invite, 180, ua.Options{})
	bob.To(only(t, invite))
	caller.Response()
	caller.Response()
	callee := c.callee.Answer(invite, 200, ua.Options{Body: bob.Describe()})
	ok := caller.Response()
	alice.To(only(t, ok))
	caller.Ack(ok)
	c.callee.Receive()
	alice.Say("hello")
	bob.Hears("hello")
	callee.Request("INVITE", ua.Options{Body: bob.Describe()})
	c.caller.Answer(c.caller.Receive(), 200, ua.Options{Body: alice.Describe()})
	callee.Ack(callee.Response())
	c.caller.Receive()
	caller.Bye()
	c.callee.Answer(c.callee.Receive(), 200, ua.Options{})
	caller.Response()
	return invite.First("Call-ID")
}

// one call through two proxies: each packet has a span at both.
var onTheWay = map[string]int{
	"sip INVITE": 4, "sip 100 INVITE": 2, "sip 180 INVITE": 2, "sip 200 INVITE": 4, "sip ACK": 4, "sip BYE": 2, "sip 200 BYE": 2,
	"mediasession relay": 2,
}

func TestACallThroughTwoProxiesIsOneTrace(t *testing.T) {
	backend := jaeger.Start(t)
	c := link(t, backend, "sampling: 1", nil)
	id := c.play(t)
	total := 0
	for _, n := range onTheWay {
		total += n
	}
	trace := backend.Trace(t, id, total)
	for name, n := range onTheWay {
		if got := len(trace.Named(name)); got != n {
			t.Errorf("%d spans %q, not %d", got, name, n)
		}
	}
	if w := trace.Warnings(); len(w) > 0 {
		t.Errorf("Jaeger says %q", w)
	}
	for _, s := range trace.Spans {
		parent := slices.IndexFunc(trace.Spans, func(p jaeger.Span) bool { return p.ID == s.Parent() })
		method := s.Name[strings.LastIndex(s.Name, " ")+1:]
		switch {
		case s.Tag("sip.message.type") == "response" && (parent < 0 || trace.Spans[parent].Name != "sip "+method):
			t.Errorf("%s is not the child of its request", s.Name)
		case s.Name == "mediasession relay" && (parent < 0 || trace.Spans[parent].Name != "sip INVITE"):
			t.Errorf("%s is not the child of the INVITE that had it made", s.Name)
		case s.Tag("sip.message.type") == "request" && !slices.ContainsFunc(s.Events(), func(e string) bool { return e == "leg send" }):
			t.Errorf("%s tells %v of the rooms", s.Name, s.Events())
		}
	}
	if t.Failed() {
		t.Log(trace)
	}
}

func TestEachRoomHasASpanWhenAsked(t *testing.T) {
	backend := jaeger.Start(t)
	c := link(t, backend, "sampling: 1, spans: rooms", nil)
	id := c.play(t)
	trace := backend.Trace(t, id, 60)
	invite := trace.Named("sip INVITE")[0]
	var rooms []jaeger.Span
	for _, s := range trace.Spans {
		if s.Parent() == invite.ID && !strings.HasPrefix(s.Name, "sip ") && s.Name != "mediasession relay" {
			rooms = append(rooms, s)
		}
	}
	slices.SortStableFunc(rooms, func(a, b jaeger.Span) int { return int(a.Start - b.Start) })
	var names []string
	for _, s := range rooms {
		names = append(names, s.Name)
	}
	want := []string{"leg receive", "contact open", "router route", "contact seal", "mediasession anchor", "leg send"}
	names = slices.Compact(names) // contact hands over, and mediasession gives back
	if strings.Join(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(want, n) }), " ") != strings.Join(want, " ") {
		t.Errorf("the INVITE visited %v, not %v", names, want)
	}
	if w := trace.Warnings(); len(w) > 0 {
		t.Errorf("Jaeger says %q", w)
	}
}

// What fails is seen although its call is not sampled; a session that was restarted is seen in its call's trace.
func TestWhatFailsIsSeenUnsampled(t *testing.T) {
	backend := jaeger.Start(t)
	var failed atomic.Bool
	c := link(t, backend, "sampling: 0", func(path string, msg any) bool {
		if strings.Contains(path, "/media/") && failed.CompareAndSwap(false, true) {
			panic("poison")
		}
		return false
	})
	caller := c.caller.Invite("sip:bob@nowhere.invalid", ua.Options{Proxy: c.a.Addr("inside")})
	if r := caller.Response(); r.Status() < 400 {
		t.Fatalf("nowhere is answered\n%s", r.Raw)
	}
	refused := backend.Await(t, map[string]string{"sip.call_id": caller.Invite.First("Call-ID")}, func(found []jaeger.Trace) bool { return len(found) > 0 })
	if len(refused) != 1 || refused[0].Spans[0].Tag("actorsip.sampled_late") != "true" || refused[0].Spans[0].Tag("error.type") == "" {
		t.Errorf("the refusal is seen as %v", refused)
	}

	alice := ua.Hear(t, "127.0.0.1:0")
	caller = c.caller.Invite("sip:bob@example.com", ua.Options{Proxy: c.a.Addr("inside"), Body: alice.Describe()})
	c.caller.Send(caller.Invite.Raw, c.a.Addr("inside")) // the first one was lost with the session
	c.callee.Receive()
	id := caller.Invite.First("Call-ID")
	found := backend.Await(t, map[string]string{"sip.call_id": id}, func(found []jaeger.Trace) bool {
		return len(found) == 1 && len(found[0].Named("mediasession restart")) == 1
	})
	if len(found) != 1 || len(found[0].Named("mediasession restart")) != 1 {
		t.Errorf("the call of the session that panicked is seen as %v", found)
	}
}

// Nobody sees half a call: what one node has chosen, the other one has.
func TestCallsAreSampledAsAWhole(t *testing.T) {
	backend := jaeger.Start(t)
	c := link(t, backend, "sampling: 0.1, calls_per_second: off", nil)
	calls := 20_000
	if raced || testing.Short() {
		calls = 2000
	}
	const spans = 10 // INVITE, 200, ACK, BYE, 200 at two nodes
	for range calls {
		caller := c.caller.Invite("sip:bob@example.com", ua.Options{Proxy: c.a.Addr("inside")})
		c.callee.Answer(c.callee.Receive(), 200, ua.Options{})
		caller.Ack(caller.Response())
		c.callee.Receive()
		caller.Bye()
		c.callee.Answer(c.callee.Receive(), 200, ua.Options{})
		caller.Response()
	}
	few := calls/10 - int(5*math.Sqrt(float64(calls)*0.09)) // a tenth, give or take what chance may
	whole := func(found []jaeger.Trace) (n int) {
		for _, f := range found {
			if len(f.Spans) == spans {
				n++
			}
		}
		return n
	}
	found := backend.Await(t, map[string]string{"sip.request.method": "INVITE"}, func(found []jaeger.Trace) bool {
		return len(found) >= few && whole(found) == len(found)
	})
	if n := len(found); n < few || n > calls/5 {
		t.Errorf("%d of %d calls were sampled", n, calls)
	}
	for _, f := range found {
		if len(f.Spans) != spans {
			t.Errorf("of a call %d spans are there, not %d:\n%s", len(f.Spans), spans, f)
			break
		}
	}
	t.Logf("%d of %d calls have a trace, each of %d spans", len(found), calls, spans)
}
