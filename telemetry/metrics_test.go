package telemetry

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// scrape is what Prometheus gets.
func (h *house) scrape(t *testing.T, openMetrics bool) string {
	t.Helper()
	r, w := httptest.NewRequest("GET", "/metrics", nil), httptest.NewRecorder()
	if openMetrics {
		r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	}
	h.Metrics().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, l) {
			t.Errorf("no %q in\n%s", l, text)
		}
	}
}

func TestPrometheusIsAnsweredWithNothingConfigured(t *testing.T) {
	h := newHouse(t, nil)
	if err := h.Observe(func(put Put) {
		put(Packets, 7, "router", "route", "answer", "no leg reaches the next hop")
		put(Packets, 8, "router", "route", "pass", "")
		put(MediaPorts, 12, "0", "leased")
	}, Packets, MediaPorts); err != nil {
		t.Fatal(err)
	}
	h.Record(MediaMOS, 4.25, "inside")
	h.pass(asks(t, "INVITE", "call@x", "", "1", ""))
	want(t, h.scrape(t, false),
		`actorsip_packets_total{actorsip_outcome="answer",actorsip_reason="no leg reaches the next hop",actorsip_room="router",actorsip_verb="route"} 7`,
		`actorsip_packets_total{actorsip_outcome="pass",actorsip_room="router",actorsip_verb="route"} 8`,
		`actorsip_media_ports{actorsip_pool="0",actorsip_state="leased"} 12`,
		`actorsip_media_mos_bucket{actorsip_leg="inside",le="4.3"} 1`,
		`actorsip_packet_duration_seconds_count{actorsip_outcome="pass",sip_message_type="request"} 1`,
		`actorsip_spans_total{actorsip_result="made"} 1`,
		`go_goroutine_count`, `target_info{`)
}

func TestDurationsAreCountedForAllPacketsOfAllLanes(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Ratio = 0 })
	other := h.Telemetry.Tracer()
	for i, took := range []Instant{5e3, 10e3, 10001, 60e6, 3e9} {
		p := says(t, "200 OK", "INVITE", "call@x", "1", "")
		tracer := h.Tracer
		if i%2 == 1 {
			tracer = other
		}
		tracer.Open(&p.Trace, &p.Message, 1000, false)
		tracer.Close(&p.Trace, 1000+took, p)
	}
	p := asks(t, "INVITE", "call@x", "", "1", "")
	h.Open(&p.Trace, &p.Message, 1000, false)
	p.Note(atReceive, Dropped, keepAlive)
	h.Close(&p.Trace, 2000, p)
	want(t, h.scrape(t, false),
		`actorsip_packet_duration_seconds_bucket{actorsip_outcome="pass",sip_message_type="response",le="1e-05"} 2`,
		`actorsip_packet_duration_seconds_bucket{actorsip_outcome="pass",sip_message_type="response",le="2.5e-05"} 3`,
		`actorsip_packet_duration_seconds_bucket{actorsip_outcome="pass",sip_message_type="response",le="0.1"} 4`,
		`actorsip_packet_duration_seconds_bucket{actorsip_outcome="pass",sip_message_type="response",le="+Inf"} 5`,
		`actorsip_packet_duration_seconds_sum{actorsip_outcome="pass",sip_message_type="response"} 3.060025001`,
		`actorsip_packet_duration_seconds_count{actorsip_outcome="drop",sip_message_type="request"} 1`)
}

// From a bar of the histogram one gets to a call that stands for it.
func TestSampledPacketsAreExemplars(t *testing.T) {
	h := newHouse(t, nil)
	h.pass(asks(t, "INVITE", "call@x", "", "1", ""))
	s := h.spans.GetSpans()[0].SpanContext
	text := h.scrape(t, true)
	if !regexp.MustCompile(`actorsip_packet_duration_seconds_bucket\{.*# \{.*trace_id="`+s.TraceID().String()+`"`).MatchString(text) ||
		!strings.Contains(text, `span_id="`+s.SpanID().String()+`"`) {
		t.Errorf("no exemplar of %s in\n%s", s.TraceID(), text)
	}
}

// Each metric can be observed or recorded, and none has a label that is not in the table of labels. Values come from sets
// that the proxy has made; what a message says is none.
func TestNoMetricTellsWhoCallsWhom(t *testing.T) {
	allowed := map[string]bool{"le": true}
	for _, l := range Labels {
		for _, never := range []string{"call_id", "user", "address", "uri", "peer", "source", "from", "to"} {
			if slices.Contains(strings.FieldsFunc(l.Key, func(r rune) bool { return r == '.' }), never) {
				t.Errorf("%s is a label", l.Key)
			}
		}
		allowed[strings.ReplaceAll(l.Key, ".", "_")] = true
	}
	h := newHouse(t, func(c *Config) { c.RequestURI = true })
	h.pass(asks(t, "INVITE", "call-id-in-a-metric", "", "1", ""))
	h.pass(says(t, "503 Gone", "INVITE", "call-id-in-a-metric", "1", ""))
	names := map[string]bool{}
	for _, m := range Metrics {
		names[strings.ReplaceAll(m.Name, ".", "_")] = true
		var values []string
		for _, l := range m.Labels {
			values = append(values, "value")
			if !allowed[strings.ReplaceAll(l, ".", "_")] {
				t.Errorf("%s has the label %s, which is not in the table", m.Name, l)
			}
		}
		switch {
		case m.Name == PacketDuration.Name:
		case m.Kind == Histogram:
			h.Record(m, 1, values...)
		default:
			if err := h.Observe(func(put Put) { put(m, 1, values...) }, m); err != nil {
				t.Error(err)
			}
		}
	}
	text, seen := h.scrape(t, true), map[string]bool{}
	if strings.Contains(text, "call-id-in-a-metric") || strings.Contains(text, "10.0.0.5") || strings.Contains(text, "bob") {
		t.Errorf("a metric tells of a call:\n%s", text)
	}
	labels := regexp.MustCompile(`([a-z_]+)="`)
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "actorsip_") {
			continue
		}
		line, _, _ = strings.Cut(line, "#") // what follows is an exemplar
		for _, l := range labels.FindAllStringSubmatch(line, -1) {
			if !allowed[l[1]] {
				t.Errorf("%s: the label %s is not in the table", line, l[1])
			}
		}
		for n := range names {
			if strings.HasPrefix(line, n) {
				seen[n] = true
			}
		}
	}
	for n := range names {
		if !seen[n] {
			t.Errorf("Prometheus does not see %s", n)
		}
	}
}

func TestAPanicWhileReadingMetricsCostsOnlyThem(t *testing.T) {
	h := newHouse(t, nil)
	if err := h.Observe(func(Put) { panic("half a map") }, Packets); err != nil {
		t.Fatal(err)
	}
	if err := h.Observe(func(put Put) { put(Written, 1); put(DNSCache, 5, "a label too many") }, Written, DNSCache); err != nil {
		t.Fatal(err)
	}
	want(t, h.scrape(t, false), "actorsip_messages_written_total 1")
}

// The tables have all names, and the buckets are the same twice.
func TestTheTablesAreComplete(t *testing.T) {
	for i, b := range durationBounds {
		if math.Abs(float64(durationSteps[i])-b*1e9) > 0.5 {
			t.Errorf("bucket %d ends at %v s and at %d ns", i, b, durationSteps[i])
		}
	}
	if len(durationBounds) != len(durationSteps) {
		t.Error("the buckets are not the same")
	}
	known := map[string]bool{}
	for _, table := range [][]Attribute{Attributes, Labels} {
		for _, a := range table {
			known[a.Key] = true
		}
	}
	f, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	metrics := 0
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		name := v.Names[0].Name
		if lit, ok := v.Values[0].(*ast.BasicLit); ok && strings.HasPrefix(name, "key") && name != "keySide" {
			if key, _ := strconv.Unquote(lit.Value); !known[key] {
				t.Errorf("%s is in no table", key)
			}
		}
		if lit, ok := v.Values[0].(*ast.BasicLit); ok && strings.HasPrefix(name, "side") {
			if key, _ := strconv.Unquote(lit.Value); !known[keySide+"*."+key] {
				t.Errorf("%s is in no table", keySide+key)
			}
		}
		if lit, ok := v.Values[0].(*ast.CompositeLit); ok {
			if id, ok := lit.Type.(*ast.Ident); ok && id.Name == "Metric" {
				metrics++
			}
		}
		return true
	})
	if metrics != len(Metrics) {
		t.Errorf("%d metrics are declared, %d are in the table", metrics, len(Metrics))
	}
}
