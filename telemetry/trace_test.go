package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// attr is an attribute of a span as text, "" when it has none.
func attr(s tracetest.SpanStub, key string) string {
	for _, a := range s.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func eventsOf(s tracetest.SpanStub) (names []string) {
	for _, e := range s.Events {
		names = append(names, e.Name)
	}
	return names
}

func TestAResponseIsTheChildOfItsRequest(t *testing.T) {
	h := newHouse(t, nil)
	via := h.pass(asks(t, "INVITE", "call@x", "", "7", ""))
	if !strings.HasPrefix(via, viaParam) {
		t.Fatalf("the Via has %q", via)
	}
	h.pass(says(t, "200 OK", "INVITE", "call@x", "7", via))
	h.pass(asks(t, "ACK", "call@x", "t", "7", ""))
	s := h.spans.GetSpans()
	if len(s) != 3 {
		t.Fatalf("%d spans", len(s))
	}
	invite, ok, ack := s[0], s[1], s[2]
	if invite.Name != "sip INVITE" || ok.Name != "sip 200 INVITE" || ack.Name != "sip ACK" {
		t.Errorf("they are called %s, %s, %s", invite.Name, ok.Name, ack.Name)
	}
	for _, root := range []tracetest.SpanStub{invite, ack} {
		if root.Parent.IsValid() || root.Parent.SpanID().IsValid() {
			t.Errorf("%s has a parent that nobody has seen: %v", root.Name, root.Parent.SpanID())
		}
		if root.SpanContext.TraceID() != ok.SpanContext.TraceID() {
			t.Error("the call has several traces")
		}
		if root.SpanKind != trace.SpanKindServer || !root.SpanContext.IsSampled() {
			t.Errorf("%s: kind %v, sampled %v", root.Name, root.SpanKind, root.SpanContext.IsSampled())
		}
	}
	if ok.Parent.SpanID() != invite.SpanContext.SpanID() {
		t.Error("the response is not the child of its request")
	}
	if want := []string{"leg receive", "contact open", "router route", "contact seal", "leg send"}; !slices.Equal(eventsOf(invite), want) {
		t.Errorf("it was in %v", eventsOf(invite))
	}
	last := invite.StartTime
	for _, e := range invite.Events {
		if e.Time.Before(last) || e.Time.After(invite.EndTime) {
			t.Errorf("%s is at %v, after %v", e.Name, e.Time, last)
		}
		last = e.Time
	}
	if d := time.Since(invite.EndTime); d < 0 || d > time.Minute {
		t.Errorf("it ended %v ago", d)
	}
}

func TestWhatASpanTells(t *testing.T) {
	h := newHouse(t, nil)
	via := h.pass(asks(t, "INVITE", "call@x", "", "7", ""))
	h.pass(says(t, "486 Busy Here", "INVITE", "call@x", "7", via))
	s := h.spans.GetSpans()
	for key, want := range map[string]string{
		"sip.message.type": "request", "sip.request.method": "INVITE", "sip.call_id": "call@x", "sip.cseq": "7",
		"network.protocol.name": "sip", "network.protocol.version": "2.0", "network.transport": "udp",
		"network.peer.address": "10.0.0.5", "network.peer.port": "5062", "network.local.address": "10.0.0.1", "network.local.port": "5060",
		"server.address": "203.0.113.9", "server.port": "5060", "actorsip.leg.in": "inside", "actorsip.leg.out": "outside",
		"actorsip.outcome": "pass", "sip.response.status_code": "", "sip.request.uri": "", "actorsip.user": "", "error.type": "",
	} {
		if got := attr(s[0], key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if attr(s[1], "sip.message.type") != "response" || attr(s[1], "sip.response.status_code") != "486" || s[1].Status.Code != codes.Unset {
		t.Errorf("a busy callee: %v, %v", s[1].Attributes, s[1].Status)
	}
}

// A span is read by more people than a call is for.
func TestNoSpanHasBodyFromOrTo(t *testing.T) {
	for _, shown := range []bool{false, true} {
		h := newHouse(t, func(c *Config) { c.RequestURI = shown; c.Rooms = shown })
		via := h.pass(asks(t, "INVITE", "call@x", "", "1", ""))
		h.pass(says(t, "500 Oops", "INVITE", "call@x", "1", via))
		all := fmt.Sprintf("%+v", h.spans.GetSpans())
		for _, never := range []string{"secret-body", "from.example", "to.example", "caller", "callee", "pass@"} {
			if strings.Contains(all, never) {
				t.Errorf("a span tells %q", never)
			}
		}
		if strings.Contains(all, "bob") != shown {
			t.Errorf("the request-URI is shown: %v, asked for: %v", !shown, shown)
		}
	}
}

func TestTheRequestURIIsShownWhenAskedFor(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.RequestURI = true })
	h.pass(asks(t, "INVITE", "call@x", "", "1", ""))
	s := h.spans.GetSpans()[0]
	if attr(s, "sip.request.uri") != "sip:bob@example.com" || attr(s, "actorsip.user") != "bob" {
		t.Errorf("it reads %q, its user %q", attr(s, "sip.request.uri"), attr(s, "actorsip.user"))
	}
}

func TestRoomsAreSpansWhenAskedFor(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Rooms = true })
	h.pass(asks(t, "INVITE", "call@x", "", "1", ""))
	s := h.spans.GetSpans()
	packet := s[len(s)-1]
	var rooms []string
	at := packet.StartTime
	for _, r := range s[:len(s)-1] {
		rooms = append(rooms, r.Name)
		if r.Parent.SpanID() != packet.SpanContext.SpanID() || r.SpanKind != trace.SpanKindInternal {
			t.Errorf("%s is no room of the packet", r.Name)
		}
		if !r.StartTime.Equal(at) || r.EndTime.Before(r.StartTime) {
			t.Errorf("%s begins at %v, and the room before ended at %v", r.Name, r.StartTime, at)
		}
		at = r.EndTime
	}
	if want := []string{"leg receive", "contact open", "router route", "contact seal", "leg send"}; !slices.Equal(rooms, want) {
		t.Errorf("it was in %v", rooms)
	}
	if len(packet.Events) != 0 || packet.Name != "sip INVITE" {
		t.Errorf("%s has events beside the spans: %v", packet.Name, packet.Events)
	}
}

func TestWhatFailsIsSeenAlthoughItsCallIsNotSampled(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet func() *packet
		notes  func(*packet)
		took   time.Duration
		want   string // error.type, "-" for no span
	}{
		{"all is well", nil, func(p *packet) { p.Note(atSend, Passed, 0) }, 0, "-"},
		{"it was refused", nil, func(p *packet) { p.status = 480; p.Note(atRoute, Answered, noLeg); p.Note(atSend, Passed, 0) }, 0, "no leg reaches the next hop"},
		{"a room panicked", nil, func(p *packet) { p.Note(atReceive, Dropped, panicked) }, 0, "a room panicked on it"},
		{"a drop as usual", nil, func(p *packet) { p.Note(atReceive, Dropped, keepAlive) }, 0, "-"},
		{"it was slow", nil, func(p *packet) { p.Note(atRoute, Awaited, 0); p.Note(atRoute, Passed, 0) }, time.Second, ""},
		{"a 503 came by", func() *packet { return says(t, "503 Service Unavailable", "INVITE", "call@x", "1", "") }, func(*packet) {}, 0, "503"},
		{"a 486 came by", func() *packet { return says(t, "486 Busy Here", "INVITE", "call@x", "1", "") }, func(*packet) {}, 0, "-"},
	} {
		h := newHouse(t, func(c *Config) { c.Ratio = 0 })
		p := asks(t, "INVITE", "call@x", "", "1", "")
		if c.packet != nil {
			p = c.packet()
		}
		at := Now()
		h.Open(&p.Trace, &p.Message, at, false)
		c.notes(p)
		if via := h.AppendVia(nil, &p.Trace); len(via) != 0 {
			t.Errorf("%s: it left %q in its Via", c.name, via)
		}
		h.Close(&p.Trace, at+Instant(c.took), p)
		s := h.spans.GetSpans()
		if c.want == "-" {
			if len(s) != 0 {
				t.Errorf("%s: it has a span", c.name)
			}
			continue
		}
		if len(s) != 1 {
			t.Errorf("%s: it has %d spans", c.name, len(s))
			continue
		}
		if attr(s[0], "actorsip.sampled_late") != "true" || attr(s[0], "error.type") != c.want || (s[0].Status.Code == codes.Error) != (c.want != "") {
			t.Errorf("%s: %v, %v", c.name, s[0].Attributes, s[0].Status)
		}
		if low := h.Gate.low([]byte("call@x")); s[0].SpanContext.TraceID() != (id{h.Gate.high(low, transaction(&p.Message)), low}).traceID() {
			t.Errorf("%s: it is not in the trace of its call", c.name)
		}
		if s[0].Parent.SpanID().IsValid() {
			t.Errorf("%s: its parent dangles", c.name)
		}
		if took := s[0].EndTime.Sub(s[0].StartTime); took != c.took {
			t.Errorf("%s: it took %v, not %v", c.name, took, c.took)
		}
	}
}

func TestAnAnswerIsToldByItsRequest(t *testing.T) {
	h := newHouse(t, nil)
	p := asks(t, "INVITE", "call@x", "", "1", "")
	h.Open(&p.Trace, &p.Message, Now(), false)
	p.status = 480
	p.Note(atRoute, Answered, noLeg)
	p.Note(atSend, Passed, 0)
	h.Close(&p.Trace, Now(), p)
	s := h.spans.GetSpans()[0]
	if attr(s, "sip.response.status_code") != "480" || attr(s, "actorsip.outcome") != "answer" || s.Status.Code != codes.Error {
		t.Errorf("%v %v", s.Attributes, s.Status)
	}
	if r := s.Events[0].Attributes; len(r) != 2 || r[1].Value.AsString() != "no leg reaches the next hop" {
		t.Errorf("the room says %v", r)
	}
}

func TestLateSpansAreCapped(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Ratio, c.LatePerSecond = 0, 10 })
	at := Now()
	for i := range 100 {
		p := asks(t, "INVITE", fmt.Sprint(i), "", "1", "")
		h.Open(&p.Trace, &p.Message, at, false)
		p.Note(atRoute, Answered, noLeg)
		h.Close(&p.Trace, at, p)
	}
	if n := len(h.spans.GetSpans()); n != 10 {
		t.Errorf("%d spans, the cap is 10", n)
	}
}

// A wait is where the time of a slow packet goes, so that both its ends are timed in a late span too.
func TestAWaitIsTimedInALateSpan(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Ratio, c.Slow = 0, time.Nanosecond })
	p := asks(t, "INVITE", "call@x", "", "1", "")
	at := Now()
	h.Open(&p.Trace, &p.Message, at, false)
	p.Note(atReceive, Passed, 0)
	p.Note(atRoute, Awaited, 0)
	wait := time.NewTimer(5 * time.Millisecond)
	<-wait.C
	p.Note(atRoute, Passed, 0)
	h.Close(&p.Trace, Now(), p)
	e := h.spans.GetSpans()[0].Events
	if d := e[2].Time.Sub(e[1].Time); d < 5*time.Millisecond {
		t.Errorf("it waited 5 ms, the span says %v", d)
	}
}

func TestForcedCallsAreFollowedToTheNextProxy(t *testing.T) {
	one := newHouse(t, func(c *Config) { c.Ratio, c.Forcing = 0, true })
	two := newHouse(t, func(c *Config) { c.Ratio, c.Forcing = 0, true })
	deaf := newHouse(t, func(c *Config) { c.Ratio = 0 })
	p := asks(t, "INVITE", "call@x", "", "1", "")
	one.Open(&p.Trace, &p.Message, Now(), true)
	via := string(one.AppendVia(nil, &p.Trace))
	if !p.Sampled() || !strings.HasPrefix(via, viaParam) {
		t.Fatalf("it is not forced: %q", via)
	}
	one.Close(&p.Trace, Now(), p)
	two.pass(asks(t, "INVITE", "call@x", "", "1", via))
	two.pass(asks(t, "INVITE", "other@x", "", "1", via)) // the mark is another call's
	deaf.pass(asks(t, "INVITE", "call@x", "", "1", via))
	one.pass(says(t, "200 OK", "INVITE", "call@x", "1", via))
	a, b := one.spans.GetSpans(), two.spans.GetSpans()
	if len(a) != 2 || len(b) != 1 || len(deaf.spans.GetSpans()) != 0 {
		t.Fatalf("%d, %d and %d spans", len(a), len(b), len(deaf.spans.GetSpans()))
	}
	if a[1].Parent.SpanID() != a[0].SpanContext.SpanID() || b[0].Parent.SpanID() != a[0].SpanContext.SpanID() {
		t.Error("the parent is lost")
	}
	if attr(b[0], "actorsip.forced") != "true" {
		t.Error("it does not say that it was forced")
	}
	ignored := asks(t, "INVITE", "call@x", "", "1", "")
	deaf.Open(&ignored.Trace, &ignored.Message, Now(), true)
	if ignored.Sampled() {
		t.Error("a call is forced where nobody has allowed it")
	}
}

func TestStrangeMethodsAreOneName(t *testing.T) {
	h := newHouse(t, nil)
	h.pass(asks(t, "FROBNICATE-"+strings.Repeat("X", 100), "call@x", "", "1", ""))
	s := h.spans.GetSpans()[0]
	if s.Name != "sip _OTHER" || attr(s, "sip.request.method") != "_OTHER" || len(attr(s, "sip.request.method_original")) != longestMethod {
		t.Errorf("%s %v", s.Name, s.Attributes)
	}
}

// One text that is no UTF-8 would have the collector refuse all that was sent with it.
func TestTextsOfOthersAreUTF8AndShort(t *testing.T) {
	h := newHouse(t, nil)
	h.pass(asks(t, "INVITE", "\xff\xfe"+strings.Repeat("c", 1000), "", "1", ""))
	id := attr(h.spans.GetSpans()[0], "sip.call_id")
	if !strings.HasPrefix(id, "?c") || len(id) > longestText {
		t.Errorf("%d bytes: %.10q", len(id), id)
	}
}

// What is no SIP belongs to no call: it has a span of its own, within the cap, whatever the ratio is.
func TestGarbageBelongsToNoCall(t *testing.T) {
	h := newHouse(t, nil)
	traces := map[trace.TraceID]bool{}
	for _, text := range []string{"not SIP at all, but long enough\r\n\r\n", "SIP/2.0 999 x\r\n\r\n", "INVITE sip:a SIP/2.0\r\nVia: x\r\n\r\n", "\x00\x00"} {
		p := &packet{}
		p.Parse([]byte(text))
		h.Open(&p.Trace, &p.Message, Now(), false)
		if p.Sampled() {
			t.Errorf("%q is part of a call", text)
		}
		p.Note(atReceive, Dropped, panicked)
		h.Close(&p.Trace, Now(), p)
	}
	for _, s := range h.spans.GetSpans() {
		traces[s.SpanContext.TraceID()] = true
	}
	if len(traces) != 4 {
		t.Errorf("%d traces of 4 pieces of garbage", len(traces))
	}
}

// A clock that is read once for a batch must not have a span end before its rooms.
func TestASpanEndsAfterItsRooms(t *testing.T) {
	h := newHouse(t, nil)
	p := asks(t, "INVITE", "call@x", "", "1", "")
	read := Now()
	h.Open(&p.Trace, &p.Message, read, false)
	p.Note(atReceive, Dropped, panicked)
	h.Close(&p.Trace, read, p)
	if s := h.spans.GetSpans()[0]; s.EndTime.Before(s.Events[0].Time) {
		t.Errorf("it ends at %v, its last room at %v", s.EndTime, s.Events[0].Time)
	}
}

func TestMoreStepsThanAPacketHasAreLeftOut(t *testing.T) {
	h := newHouse(t, nil)
	p := asks(t, "INVITE", "call@x", "", "1", "")
	h.Open(&p.Trace, &p.Message, Now(), false)
	for range 100 {
		p.Note(200, Dropped, 200)
	}
	h.Close(&p.Trace, Now(), p)
	if s := h.spans.GetSpans(); len(s) != 1 || len(s[0].Events) != maxSteps {
		t.Errorf("%+v", s)
	}
}

func TestATraceIsClosedOnce(t *testing.T) {
	h := newHouse(t, nil)
	p := asks(t, "INVITE", "call@x", "", "1", "")
	h.Close(&p.Trace, Now(), p) // was never open
	h.pass(p)
	h.Close(&p.Trace, Now(), p)
	if n := len(h.spans.GetSpans()); n != 1 {
		t.Errorf("%d spans of one packet", n)
	}
	var none *Tracer
	none.Open(&p.Trace, &p.Message, Now(), true)
	p.Note(atReceive, Passed, 0)
	none.Close(&p.Trace, Now(), p)
	none.Relay(Life{})
	none.Restart(Restart{})
	if via := none.AppendVia(nil, &p.Trace); len(via) != 0 || none.Parent(&p.Trace, p) != "" {
		t.Error("a tracer that is none says something")
	}
}
