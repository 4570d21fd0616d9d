package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// script is a call written by hand: spans as proxies would send them.
type script struct {
	t      *testing.T
	callID string
	trace  string
	begun  time.Time
	spans  map[string][]any // by node, in OTLP's JSON
}

func newScript(t *testing.T, callID string, ago time.Duration) *script {
	return &script{t, callID, fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()), time.Now().Add(-ago), map[string][]any{}}
}

// packet is one proxy's part in a message's way. What is "" was not known.
type packet struct {
	node, what         string // what: "INVITE", or "180 INVITE" for a response
	legIn, legOut      string
	from, at, to       string // ADDRESS:PORT
	parent             string
	cseq               int
	outcome            string // pass
	answer             int
	reason             string
	took               time.Duration // 42 µs
	isError, roomSpans bool
}

// proxy is a node with two legs, whose sockets are these.
type proxy struct{ name, inside, outside string }

// onward is a message from the inside to the outside; back one the other way.
func (p proxy) onward(what, from, to, parent string, cseq int) packet {
	return packet{node: p.name, what: what, legIn: "inside", legOut: "outside", from: from, at: p.inside, to: to, parent: parent, cseq: cseq}
}

func (p proxy) back(what, from, to, parent string, cseq int) packet {
	return packet{node: p.name, what: what, legIn: "outside", legOut: "inside", from: from, at: p.outside, to: to, parent: parent, cseq: cseq}
}

// add writes a packet that was read so long after the call began, and gives its span's id.
func (s *script) add(after time.Duration, p packet) string {
	if p.took == 0 {
		p.took = 42 * time.Microsecond
	}
	if p.outcome == "" {
		p.outcome = "pass"
	}
	status, method, isResponse := strings.Cut(p.what, " ")
	kind := "response"
	if !isResponse {
		status, method, kind = strconv.Itoa(p.answer), p.what, "request"
	}
	a := map[string]any{
		"network.protocol.name": "sip", "network.transport": "udp", "sip.message.type": kind, "sip.request.method": method,
		"sip.call_id": s.callID, "sip.cseq": p.cseq, "actorsip.outcome": p.outcome, "actorsip.leg.in": p.legIn, "actorsip.leg.out": p.legOut,
	}
	if n, err := strconv.Atoi(status); err == nil && n > 0 {
		a["sip.response.status_code"] = n
	}
	for key, address := range map[string]string{"network.peer": p.from, "network.local": p.at, "server": p.to} {
		if host, port, err := net.SplitHostPort(address); err == nil {
			n, _ := strconv.Atoi(port)
			a[key+".address"], a[key+".port"] = host, n
		}
	}
	if p.reason != "" {
		a["error.type"] = p.reason
	}
	id := s.span(after, p.took, p.node, "sip "+p.what, p.parent, 2, a, p.isError)
	rooms := []string{"leg receive", "contact open", "router route", "contact seal", "leg send"}
	for i, room := range rooms {
		share := p.took / time.Duration(len(rooms))
		done := map[string]any{"actorsip.outcome": "pass"}
		if p.roomSpans {
			s.span(after+time.Duration(i)*share, share, p.node, room, id, 1, done, false)
		} else {
			s.event(p.node, room, after+time.Duration(i+1)*share, done)
		}
	}
	return id
}

// span writes any span, and gives its id.
func (s *script) span(after, took time.Duration, node, name, parent string, kind int, attributes map[string]any, isError bool) string {
	id := fmt.Sprintf("%016x", rand.Uint64()|1)
	begun := s.begun.Add(after)
	span := map[string]any{
		"traceId": s.trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": kind, "attributes": otlp(attributes),
		"startTimeUnixNano": fmt.Sprint(begun.UnixNano()), "endTimeUnixNano": fmt.Sprint(begun.Add(took).UnixNano()),
	}
	if isError {
		span["status"] = map[string]any{"code": 2}
	}
	s.spans[node] = append(s.spans[node], span)
	return id
}

// event adds an event to the node's last span.
func (s *script) event(node, name string, after time.Duration, attributes map[string]any) {
	span := s.spans[node][len(s.spans[node])-1].(map[string]any)
	events, _ := span["events"].([]any)
	span["events"] = append(events, map[string]any{
		"name": name, "timeUnixNano": fmt.Sprint(s.begun.Add(after).UnixNano()), "attributes": otlp(attributes),
	})
}

func otlp(attributes map[string]any) (list []any) {
	for key, v := range attributes {
		wrapped := map[string]any{"stringValue": v}
		switch v := v.(type) {
		case int:
			wrapped = map[string]any{"intValue": fmt.Sprint(v)}
		case float64:
			wrapped = map[string]any{"doubleValue": v}
		case bool:
			wrapped = map[string]any{"boolValue": v}
		}
		list = append(list, map[string]any{"key": key, "value": wrapped})
	}
	return list
}

// send sends what was written since the last time to a Collector.
func (s *script) send(b *Backend) {
	s.t.Helper()
	var all []any
	for node, spans := range s.spans {
		all = append(all, map[string]any{
			"resource": map[string]any{"attributes": otlp(map[string]any{
				"service.name": Service, "service.instance.id": node, "actorsip.node": node, "host.name": "test", "host.id": "test", "ip": "127.0.0.1",
			})},
			"scopeSpans": []any{map[string]any{"scope": map[string]any{"name": "by hand"}, "spans": spans}},
		})
	}
	s.spans = map[string][]any{}
	body, err := json.Marshal(map[string]any{"resourceSpans": all})
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.Post(b.Endpoint()+"/v1/traces", "application/json", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	if said, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusOK {
		s.t.Fatalf("the Collector says %s: %s", r.Status, said)
	}
}
