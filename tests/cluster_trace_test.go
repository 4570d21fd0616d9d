package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	jaeger "github.com/actorsip/actorsip/tests/telemetry"
	"github.com/actorsip/actorsip/tests/ua"
)

// wander is a call whose INVITE comes to the first node, and the rest to the others. It gives its Call-ID.
func (r *ring) wander(t testing.TB) string {
	t.Helper()
	a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
	k := &ringTalk{ring: r}
	k.alice, k.bob = ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	k.talk.caller = r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: a.inside, Body: k.alice.Describe()})
	invite := r.callee.Receive()
	r.callee.Send(r.callee.Response(invite, 180, ua.Options{}).Raw, b.outside)
	k.talk.caller.Response()
	r.callee.Send(r.callee.Response(invite, 200, ua.Options{Body: k.bob.Describe()}).Raw, c.outside)
	ok := k.talk.caller.Response()
	k.talk.caller.Request("ACK", ua.Options{Proxy: b.inside})
	k.expect(t, "ACK")
	k.at, k.away = only(t, ok), only(t, invite)
	k.alice.To(k.at)
	k.bob.To(k.away)
	k.heardBothWays(t)
	at, away := k.at, k.away
	k.offer(t, b, c)
	if k.at != at || k.away != away || at.Addr() != a.host {
		t.Errorf("the media were at %s and %s and are at %s and %s", at, away, k.at, k.away)
	}
	k.heardBothWays(t, "still")
	k.by(t, c, "INFO", "", "")
	k.bye(t, c)
	return k.talk.caller.Invite.First("Call-ID")
}

// Of a call that wanders these are the spans: node and name, and the parent's.
var wandered = []string{
	"a sip INVITE < ",
	"a mediasession relay < a sip INVITE",
	"b sip 180 INVITE < a sip INVITE", "a remote anchor < b sip 180 INVITE",
	"c sip 200 INVITE < a sip INVITE", "a remote anchor < c sip 200 INVITE",
	"b sip ACK < ",
	"b sip INVITE < ", "a remote anchor < b sip INVITE",
	"b sip 200 INVITE < b sip INVITE", "a remote anchor < b sip 200 INVITE",
	"c sip ACK < ",
	"c sip INFO < ", "c sip 200 INFO < c sip INFO",
	"c sip BYE < ", "a remote anchor < c sip BYE",
	"c sip 200 BYE < c sip BYE", "a remote anchor < c sip 200 BYE",
}

// A call is one trace, whichever nodes its packets come to; what its media's node did about them stands below them.
func TestACallOverThreeNodesIsOneTrace(t *testing.T) {
	backend := jaeger.Start(t)
	for _, spans := range []string{"packets", "rooms"} {
		t.Run(spans, func(t *testing.T) {
			r := newRing(t, fmt.Sprintf("telemetry: {endpoint: %q, protocol: grpc, sampling: 1, spans: %s}", backend.EndpointGRPC(), spans), all3, all3, all3)
			id := r.wander(t)
			want := len(wandered)
			if spans == "rooms" {
				want *= 2 // each has one at least
			}
			trace := backend.Trace(t, id, want)
			var got []string
			rooms := map[string]int{}
			for _, s := range trace.Spans {
				parent := ""
				if i := slices.IndexFunc(trace.Spans, func(p jaeger.Span) bool { return p.ID == s.Parent() }); i >= 0 {
					parent = trace.Node(trace.Spans[i]) + " " + trace.Spans[i].Name
				} else if s.Parent() != "" {
					t.Errorf("the parent of %s is missing", s.Name)
				}
				if strings.HasPrefix(s.Name, "sip ") || s.Name == "remote anchor" || s.Name == "mediasession relay" {
					got = append(got, trace.Node(s)+" "+s.Name+" < "+parent)
				} else {
					rooms[s.Name+" < "+parent]++
				}
				if s.Name == "remote anchor" && spans == "packets" && !slices.Equal(slices.Compact(s.Events()), []string{"mediasession anchor"}) {
					t.Errorf("the node of the media tells of %v", s.Events())
				}
			}
			slices.Sort(got)
			if want := slices.Sorted(slices.Values(wandered)); !slices.Equal(got, want) {
				t.Errorf("the spans are\n  %s\nnot\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			if w := trace.Warnings(); len(w) > 0 {
				t.Errorf("Jaeger says %q", w)
			}
			if spans == "rooms" && (rooms["mediasession anchor < a remote anchor"] == 0 || rooms["leg send < c sip BYE"] != 1) {
				t.Errorf("the rooms have spans %v", rooms)
			}
			if t.Failed() {
				t.Log(trace)
			}
		})
	}
}
