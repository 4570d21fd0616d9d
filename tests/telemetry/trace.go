package telemetry

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Service is the name by which proxies are known in Jaeger.
const Service = "actorsip"

// Trace is a trace as Jaeger's API has it.
type Trace struct {
	ID        string             `json:"traceID"`
	Spans     []Span             `json:"spans"`
	Processes map[string]Process `json:"processes"`
	Said      []string           `json:"warnings"`
}

// Process is who made a span.
type Process struct {
	Service string `json:"serviceName"`
	Tags    []Tag  `json:"tags"`
}

// Span is a span as Jaeger's API has it.
type Span struct {
	TraceID    string      `json:"traceID"`
	ID         string      `json:"spanID"`
	Name       string      `json:"operationName"`
	References []Reference `json:"references"`
	Start      int64       `json:"startTime"` // µs since 1970
	Duration   int64       `json:"duration"`  // µs
	Tags       []Tag       `json:"tags"`
	Logs       []Log       `json:"logs"`
	ProcessID  string      `json:"processID"`
	Said       []string    `json:"warnings"`
}

// Reference is a parent, or a span that this one follows.
type Reference struct {
	Type    string `json:"refType"` // CHILD_OF, FOLLOWS_FROM
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`
}

// Log is an event of a span; its name is the field "event".
type Log struct {
	At     int64 `json:"timestamp"` // µs since 1970
	Fields []Tag `json:"fields"`
}

// Tag is an attribute: text, float64 or bool.
type Tag struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

func value(tags []Tag, key string) string {
	i := slices.IndexFunc(tags, func(t Tag) bool { return t.Key == key })
	if i < 0 {
		return ""
	}
	return fmt.Sprint(tags[i].Value)
}

// Tag is an attribute of the span as text, "" when it has none of that name.
func (s Span) Tag(key string) string { return value(s.Tags, key) }

// Parent is the id of the span's parent, "" for a root.
func (s Span) Parent() string {
	i := slices.IndexFunc(s.References, func(r Reference) bool { return r.Type == "CHILD_OF" })
	if i < 0 {
		return ""
	}
	return s.References[i].SpanID
}

// Events are the names of the span's events, in the order of time.
func (s Span) Events() (names []string) {
	logs := slices.SortedStableFunc(slices.Values(s.Logs), func(a, b Log) int { return int(a.At - b.At) })
	for _, l := range logs {
		names = append(names, value(l.Fields, "event"))
	}
	return names
}

// Warnings are what Jaeger finds wrong with the trace: missing parents, spans that came twice, clocks that differ.
func (t Trace) Warnings() []string {
	all := slices.Clone(t.Said)
	for _, s := range t.Spans {
		for _, w := range s.Said {
			all = append(all, s.Name+": "+w)
		}
	}
	return all
}

// Node is the node that made a span.
func (t Trace) Node(s Span) string { return value(t.Processes[s.ProcessID].Tags, "actorsip.node") }

// Named are the spans of that name, in the order of time.
func (t Trace) Named(name string) (spans []Span) {
	for _, s := range t.Spans {
		if s.Name == name {
			spans = append(spans, s)
		}
	}
	slices.SortStableFunc(spans, func(a, b Span) int { return int(a.Start - b.Start) })
	return spans
}

// String is the trace as a tree of names, for the output of tests.
func (t Trace) String() string {
	var b strings.Builder
	var below func(parent, indent string)
	below = func(parent, indent string) {
		for _, s := range t.Spans {
			if s.Parent() == parent {
				fmt.Fprintf(&b, "%s%s %dµs %s\n", indent, s.Name, s.Duration, s.Tag("error.type"))
				below(s.ID, indent+"  ")
			}
		}
	}
	below("", "")
	return b.String()
}

// Find asks Jaeger, as its page does, for the traces of the last hour that have a span with all of these attributes.
func (b *Backend) Find(t testing.TB, tags map[string]string) []Trace {
	t.Helper()
	wanted, err := json.Marshal(tags)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	query := url.Values{
		"service": {Service}, "tags": {string(wanted)}, "limit": {"50000"},
		"start": {fmt.Sprint(now.Add(-time.Hour).UnixMicro())}, "end": {fmt.Sprint(now.Add(time.Minute).UnixMicro())},
	}
	return b.ask(t, "/api/traces?"+query.Encode())
}

func (b *Backend) ask(t testing.TB, path string) []Trace {
	t.Helper()
	var answer struct {
		Data []Trace `json:"data"`
	}
	if err := json.Unmarshal(get(t, b.page+path), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Data
}

// Await asks until what Jaeger finds is enough, and gives what it found last; that was not enough if time ran out.
func (b *Backend) Await(t testing.TB, tags map[string]string, enough func([]Trace) bool) []Trace {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		found := b.Find(t, tags)
		if enough(found) || time.Now().After(deadline) {
			return found
		}
		time.Sleep(50 * time.Millisecond) // Jaeger does not say when a span comes
	}
}

// Trace is the one trace of a call, by its Call-ID, as soon as it has that many spans. No trace, two of them or too few
// spans end the test.
func (b *Backend) Trace(t testing.TB, callID string, spans int) Trace {
	t.Helper()
	found := b.Await(t, map[string]string{"sip.call_id": callID}, func(found []Trace) bool {
		return len(found) > 0 && len(found[0].Spans) >= spans
	})
	if len(found) != 1 {
		t.Fatalf("Jaeger has %d traces of call %s, not one", len(found), callID)
	}
	if got := len(found[0].Spans); got < spans {
		t.Fatalf("Jaeger has %d spans of call %s, not %d:\n%s", got, callID, spans, found[0])
	}
	return found[0]
}
