package telemetry

import (
	"net/netip"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
)

func TestARelaysLifeIsSeenInItsCall(t *testing.T) {
	h := newHouse(t, nil)
	p := asks(t, "INVITE", "call@x", "", "1", "")
	h.Open(&p.Trace, &p.Message, Now(), false)
	parent := h.Parent(&p.Trace, p)
	h.Close(&p.Trace, Now(), p)
	made := time.Now().Add(-time.Hour)
	later := newHouse(t, nil) // another process: all that is left is the text
	later.Relay(Life{Parent: parent, Made: made, Ended: made.Add(time.Minute), Why: "bye", Sides: [2]LifeSide{
		{Leg: "inside", Port: 20000, Source: netip.MustParseAddrPort("10.0.0.5:4000"), Packets: 3000, Bytes: 516000, Lost: 2, Jitter: 3 * time.Millisecond, MOS: 4.3},
		{Leg: "outside", Port: 20002},
	}})
	s := later.spans.GetSpans()
	if len(s) != 1 {
		t.Fatalf("%d spans", len(s))
	}
	invite := h.spans.GetSpans()[0].SpanContext
	if s[0].Name != "mediasession relay" || s[0].Parent.SpanID() != invite.SpanID() || s[0].SpanContext.TraceID() != invite.TraceID() {
		t.Errorf("%s is not the child of its INVITE", s[0].Name)
	}
	if !s[0].StartTime.Equal(made) || s[0].EndTime.Sub(s[0].StartTime) != time.Minute || s[0].Status.Code != codes.Unset {
		t.Errorf("from %v to %v, %v", s[0].StartTime, s[0].EndTime, s[0].Status)
	}
	for key, want := range map[string]string{
		"actorsip.reason": "bye", "actorsip.media.a.leg": "inside", "actorsip.media.a.source": "10.0.0.5:4000", "actorsip.media.a.packets": "3000",
		"actorsip.media.a.lost": "2", "actorsip.media.a.jitter": "0.003", "actorsip.media.a.mos": "4.3", "actorsip.media.b.packets": "0",
		"actorsip.media.b.lost": "", "actorsip.media.b.port": "20002",
	} {
		if got := attr(s[0], key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestOfACallThatIsNotSampledOnlyFailuresAreSeen(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Ratio = 0 })
	p := asks(t, "INVITE", "call@x", "", "1", "")
	h.Open(&p.Trace, &p.Message, Now(), false)
	parent := h.Parent(&p.Trace, p)
	h.Close(&p.Trace, Now(), p)
	now := time.Now()
	h.Relay(Life{Parent: parent, Made: now, Ended: now, Why: "bye"})
	if n := len(h.spans.GetSpans()); n != 0 {
		t.Fatalf("%d spans of a call that went well", n)
	}
	h.Relay(Life{Parent: parent, Made: now, Ended: now, Why: "failed again and again", Failed: true})
	h.Restart(Restart{Parent: parent, Verb: "anchor", Panic: "index out of range", At: now})
	h.Restart(Restart{CallID: "call@x", At: now})
	h.Restart(Restart{Parent: "no text of ours", Room: "router", At: now})
	s := h.spans.GetSpans()
	if len(s) != 4 {
		t.Fatalf("%d spans", len(s))
	}
	low := h.Gate.low([]byte("call@x"))
	of := id{h.Gate.high(low, nil), low}.traceID()
	for _, s := range s[:3] {
		if s.SpanContext.TraceID() != of || s.Parent.SpanID().IsValid() || attr(s, "actorsip.sampled_late") != "true" || s.Status.Code != codes.Error {
			t.Errorf("%s: %v", s.Name, s.Attributes)
		}
	}
	if s[1].Name != "mediasession restart" || attr(s[1], "error.type") != "panic" || attr(s[1], "actorsip.verb") != "anchor" {
		t.Errorf("%s %v", s[1].Name, s[1].Attributes)
	}
	if s[3].Name != "router restart" || s[3].SpanContext.TraceID() == of || !s[3].SpanContext.TraceID().IsValid() {
		t.Errorf("%s in trace %v", s[3].Name, s[3].SpanContext.TraceID())
	}
}

func FuzzReadParent(f *testing.F) {
	f.Add("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	f.Add("")
	f.Fuzz(func(_ *testing.T, s string) { readParent(s) })
}
