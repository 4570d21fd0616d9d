package telemetry

import (
	"fmt"
	"net/netip"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/actorsip/actorsip/sipwire"
)

var secret = []byte("a secret of 16 bytes or more")

// What rooms there are in these tests, by number.
const (
	atReceive = iota
	atOpen
	atRoute
	atSeal
	atAnchor
	atSend
)

const (
	noLeg = iota
	keepAlive
	panicked
)

func testConfig() Config {
	return Config{
		Version: "1.2.3", Node: "edge-1", Secret: secret, Ratio: 1,
		Stages: []Stage{
			{"leg", "receive"}, {"contact", "open"}, {"router", "route"}, {"contact", "seal"}, {"mediasession", "anchor"}, {"leg", "send"},
		},
		Reasons: []Reason{{"no leg reaches the next hop", 480, false}, {"keep-alive", 0, true}, {"a room panicked on it", 0, false}},
	}
}

// house is telemetry whose spans stay in memory.
type house struct {
	*Telemetry
	*Tracer
	spans *tracetest.InMemoryExporter
}

func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	c := testConfig()
	if change != nil {
		change(&c)
	}
	tel, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(t.Context()) })
	h := &house{Telemetry: tel, spans: tracetest.NewInMemoryExporter()}
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(h.spans), sdktrace.WithIDGenerator(decided{}), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	tel.tracing.to = p.Tracer(scope)
	h.Tracer = tel.Tracer()
	return h
}

// packet is a packet as the proxy would have it.
type packet struct {
	Trace
	sipwire.Message
	status int
}

func (p *packet) Facts() Facts {
	return Facts{
		Message: &p.Message, Transport: "udp", Ingress: "inside", Egress: "outside", Status: p.status,
		Peer: netip.MustParseAddrPort("10.0.0.5:5062"), Local: netip.MustParseAddrPort("10.0.0.1:5060"), Next: netip.MustParseAddrPort("203.0.113.9:5060"),
	}
}

func parse(t testing.TB, text string) *packet {
	t.Helper()
	p := &packet{}
	if f := p.Parse([]byte(text)); f != sipwire.None {
		t.Fatalf("the message is faulty: %v\n%s", f, text)
	}
	return p
}

const body = "v=0\r\no=secret-body 1 1 IN IP4 10.0.0.5\r\n"

func rest(via, callID, toTag, cseq string) string {
	if toTag != "" {
		toTag = ";tag=" + toTag
	}
	return fmt.Sprintf("Via: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bKx%s\r\nMax-Forwards: 70\r\nFrom: <sip:caller@from.example>;tag=f\r\n"+
		"To: <sip:callee@to.example>%s\r\nCall-ID: %s\r\nCSeq: %s\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", via, toTag, callID, cseq, len(body), body)
}

// asks is a request; via is what its topmost Via has beside the branch.
func asks(t testing.TB, method, callID, toTag, cseq, via string) *packet {
	t.Helper()
	return parse(t, method+" sip:bob:pass@example.com SIP/2.0\r\n"+rest(via, callID, toTag, cseq+" "+method))
}

// says is a response.
func says(t testing.TB, status, method, callID, cseq, via string) *packet {
	t.Helper()
	return parse(t, "SIP/2.0 "+status+"\r\n"+rest(via, callID, "t", cseq+" "+method))
}

// pass walks a packet through all rooms; what it returns is what it leaves in the Via.
func (h *house) pass(p *packet) string {
	h.Open(&p.Trace, &p.Message, Now(), false)
	for stage := uint8(atReceive); stage <= atSeal; stage++ {
		p.Note(stage, Passed, 0)
	}
	via := string(h.AppendVia(nil, &p.Trace))
	p.Note(atSend, Passed, 0)
	h.Close(&p.Trace, Now(), p)
	return via
}

// silence has the spans go nowhere, for benchmarks.
func (h *house) silence() {
	p := sdktrace.NewTracerProvider(sdktrace.WithIDGenerator(decided{}), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	h.Telemetry.tracing.to = p.Tracer(scope)
}
