package telemetry

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var edge = proxy{"edge-1", "127.0.0.1:5060", "127.0.0.2:5060"}

const (
	alice = "127.0.0.1:5071"
	bob   = "127.0.0.2:5070"
)

// single is a call of one packet.
func single(t *testing.T, callID string, change func(*packet)) *script {
	s := newScript(t, callID, 0)
	p := edge.onward("OPTIONS", alice, bob, "", 1)
	if change != nil {
		change(&p)
	}
	s.add(0, p)
	return s
}

func drop(p *packet) {
	p.outcome, p.reason, p.isError, p.to = "drop", "no leg reaches the next hop", true, ""
}

// calls are the Call-IDs of what Jaeger has, by how many spans.
func calls(found []Trace) map[string]int {
	ids := map[string]int{}
	for _, trace := range found {
		for _, s := range trace.Spans {
			ids[s.Tag("sip.call_id")]++
		}
	}
	return ids
}

// fence is a failed call, which comes to Jaeger behind all that was sent before.
func fence(t *testing.T, b *Backend) {
	t.Helper()
	single(t, "fence", drop).send(b)
}

func TestTheCollectorKeepsWhatFailedOrWasSlowAndDropsTheRest(t *testing.T) {
	b := Start(t, "OTELCOL_KEEP_PERCENT=0")
	for i := range 20 {
		single(t, fmt.Sprint("well ", i), nil).send(b)
	}
	single(t, "dropped", drop).send(b)
	single(t, "slow", func(p *packet) { p.took = 30 * time.Millisecond }).send(b)
	refused := single(t, "refused", nil)
	refused.add(time.Second, edge.back("603 OPTIONS", bob, alice, "", 1))
	refused.send(b)
	long := single(t, "long", nil)
	long.span(0, time.Minute, edge.name, "mediasession relay", "", 1, map[string]any{"sip.call_id": "long"}, false)
	long.send(b)
	b.Settled(t, 24, 4+3) // whole calls, and what is notable of them
	fence(t, b)
	b.Settled(t, 25, 4+3+2)
	got := calls(b.Find(t, map[string]string{"network.transport": "udp"}))
	for id, spans := range map[string]int{"dropped": 1, "slow": 1, "refused": 2} {
		if got[id] != spans {
			t.Errorf("of the call %q Jaeger has %d spans, not %d", id, got[id], spans)
		}
	}
	if got["long"] != 0 {
		t.Error("a call was kept as slow because its relay lived for a minute")
	}
	if len(got) != 4 {
		t.Errorf("Jaeger has %v: more than what failed or was slow, and the fence", got)
	}
}

func TestAFailureThatComesAfterItsCallWasDroppedIsKept(t *testing.T) {
	b := Start(t, "OTELCOL_KEEP_PERCENT=0")
	s := single(t, "late", nil)
	s.send(b)
	b.Settled(t, 1, 0)
	fence(t, b)
	b.Settled(t, 2, 2)
	if got := calls(b.Find(t, map[string]string{"sip.call_id": "late"})); len(got) != 0 {
		t.Fatalf("Jaeger has %v: the call should have been dropped by now", got)
	}
	bye := edge.onward("BYE", alice, bob, "", 2)
	drop(&bye)
	s.add(0, bye)
	s.send(b)
	found := b.Trace(t, "late", 1)
	if found.ID != s.trace || found.Spans[0].Name != "sip BYE" {
		t.Errorf("Jaeger has %s, not the BYE of trace %s", found, s.trace)
	}
}

// A failed call reaches Jaeger by two ways. That must not show.
func TestAFailedCallIsInJaegerOnce(t *testing.T) {
	b := Start(t)
	s := newScript(t, "twice", time.Second)
	invite := s.add(0, edge.onward("INVITE", alice, bob, "", 1))
	failed := edge.back("503 INVITE", bob, alice, invite, 1)
	failed.isError, failed.reason = true, "503"
	s.add(time.Millisecond, failed)
	s.send(b)
	b.Settled(t, 1, 2+1)
	found := b.Trace(t, "twice", 2)
	if len(found.Spans) != 2 || len(found.Warnings()) > 0 {
		t.Errorf("%d spans, not 2, and Jaeger warns %q:\n%s", len(found.Spans), found.Warnings(), found)
	}
	if got := found.Named("sip 503 INVITE"); len(got) != 1 || got[0].Parent() != invite {
		t.Errorf("the 503 is not the child of its INVITE, once:\n%s", found)
	}
}

func TestMetricsOfPacketsNameNoCallAndNoAddressOfAPeer(t *testing.T) {
	b := Start(t)
	s := newScript(t, "metered", time.Second)
	invite := s.add(0, edge.onward("INVITE", alice, "192.0.2.77:5060", "", 1))
	s.add(0, edge.back("200 INVITE", "192.0.2.77:5060", alice, invite, 1))
	s.span(0, time.Second, edge.name, "mediasession relay", invite, 1, nil, false)
	s.send(b)
	text := ""
	for deadline := time.Now().Add(patience); !strings.Contains(text, "sip INVITE") && time.Now().Before(deadline); {
		text = b.Metrics(t)
		time.Sleep(100 * time.Millisecond) // they are given out every five seconds, unannounced
	}
	for _, want := range []string{`span_name="sip 200 INVITE"`, `sip_response_status_code="200"`, `actorsip_outcome="pass"`} {
		if !strings.Contains(text, want) {
			t.Errorf("Prometheus finds no %s", want)
		}
	}
	for _, unwanted := range []string{"metered", "192.0.2.77", "mediasession relay"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("Prometheus finds %q", unwanted)
		}
	}
}

func TestTheConfigurationsAreValid(t *testing.T) {
	program, root := Program(t), Root(t)
	validate := func(file string) ([]byte, error) {
		cmd := exec.Command(program, "validate", "--config", file)
		cmd.Dir = root
		return cmd.CombinedOutput()
	}
	for _, file := range []string{"otel-collector.yaml", "tools/jaeger/jaeger.yaml"} {
		if out, err := validate(file); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "otel-collector.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(text), "decision_wait:", "decision_weight:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := validate(wrong); err == nil {
		t.Error("a misspelt key is not refused: this test would find nothing")
	}
}
