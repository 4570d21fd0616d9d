package telemetry

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Backend is a Jaeger and a Collector that sends to it, on loopback, for one test.
type Backend struct {
	page, endpoint, endpointGRPC, metrics, itself string

	collector func() *process
	running   *process
}

// Start starts both and waits until they take spans; they end with the test. env are further variables for the
// Collector, as NAME=VALUE; otel-collector.yaml lists them. It decides on a call after 300 ms, not after seconds.
//
// Start skips the test when there is no Jaeger to start.
func Start(t testing.TB, env ...string) *Backend {
	t.Helper()
	program, root, port := Program(t), Root(t), freePorts(t, 7)
	run(t, root, program, []string{
		fmt.Sprint("JAEGER_HTTP_PORT=", port[0]), fmt.Sprint("JAEGER_GRPC_PORT=", port[1]), fmt.Sprint("JAEGER_OTLP_PORT=", port[2]),
	}, port[2], "--config", "tools/jaeger/jaeger.yaml")
	env = append([]string{
		fmt.Sprint("OTELCOL_GRPC_PORT=", port[3]), fmt.Sprint("OTELCOL_HTTP_PORT=", port[4]),
		fmt.Sprint("OTELCOL_PROMETHEUS_PORT=", port[5]), fmt.Sprint("OTELCOL_SELF_PORT=", port[6]),
		fmt.Sprint("JAEGER_OTLP_ENDPOINT=127.0.0.1:", port[2]), "OTELCOL_DECISION_WAIT=300ms",
	}, env...)
	b := &Backend{
		page:         fmt.Sprint("http://127.0.0.1:", port[0]),
		endpoint:     fmt.Sprint("http://127.0.0.1:", port[4]),
		endpointGRPC: fmt.Sprint("http://127.0.0.1:", port[3]),
		metrics:      fmt.Sprintf("http://127.0.0.1:%d/metrics", port[5]),
		itself:       fmt.Sprintf("http://127.0.0.1:%d/metrics", port[6]),
		collector: func() *process {
			return run(t, root, program, env, port[4], "--config", "otel-collector.yaml", "--set", "service::telemetry::logs::level=warn")
		},
	}
	b.StartCollector()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return b
}

// Endpoint is where the Collector takes OTLP by HTTP, as OTEL_EXPORTER_OTLP_ENDPOINT names it.
func (b *Backend) Endpoint() string { return b.endpoint }

// EndpointGRPC is where it takes OTLP by gRPC.
func (b *Backend) EndpointGRPC() string { return b.endpointGRPC }

// Page is where Jaeger serves the call page and its API.
func (b *Backend) Page() string { return b.page }

// StopCollector ends the Collector and waits until it has ended: nobody listens at Endpoint then.
func (b *Backend) StopCollector() { b.running.stop() }

// StartCollector starts the Collector again, at the same addresses.
func (b *Backend) StartCollector() { b.running = b.collector() }

// Metrics is what Prometheus would read from the Collector.
func (b *Backend) Metrics(t testing.TB) string {
	t.Helper()
	return string(get(t, b.metrics))
}

// Settled waits until the Collector has decided on that many traces and has sent that many spans to Jaeger, since it was
// started. What is notable it sends twice.
func (b *Backend) Settled(t testing.TB, traces, spans int) {
	t.Helper()
	decided, sent := 0, 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		text := string(get(t, b.itself))
		decided = total(text, "otelcol_processor_tail_sampling_global_count_traces_sampled_total")
		sent = total(text, "otelcol_exporter_sent_spans_total")
		if decided >= traces && sent >= spans {
			return
		}
		time.Sleep(50 * time.Millisecond) // it says so nowhere but in these numbers
	}
	t.Fatalf("the Collector decided on %d traces, not %d, and sent %d spans, not %d", decided, traces, sent, spans)
}

// total adds up a counter of Prometheus' text format.
func total(text, name string) (sum int) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(line, name+"{") {
			n, _ := strconv.ParseFloat(fields[len(fields)-1], 64)
			sum += int(n)
		}
	}
	return sum
}

func get(t testing.TB, url string) []byte {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", url, r.Status, body)
	}
	return body
}

// Program is the Jaeger program's file: ACTORSIP_JAEGER, or what scripts/jaeger has built. Program skips the test when
// there is none.
func Program(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(Root(t), "scripts", "jaeger"), "where").Output()
	if err != nil {
		t.Fatalf("scripts/jaeger where: %v", err)
	}
	file := strings.TrimSpace(string(out))
	if _, err := os.Stat(file); err != nil {
		t.Skipf("there is no Jaeger at %s: scripts/jaeger build makes it, in five minutes and once", file)
	}
	return file
}

// Root is the directory of the module.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "otel-collector.yaml")); err == nil {
			return dir
		}
	}
	t.Fatalf("no otel-collector.yaml in any directory above: %v", err)
	return ""
}

// freePorts are TCP ports of 127.0.0.1 that nobody had a moment ago.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
