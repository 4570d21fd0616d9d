package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// sink is a collector of one's own.
type sink struct {
	addr string

	mu      sync.Mutex // guards all below
	spans   []string   // name, then trace and span id
	service string
	ip      string
	header  string
	metrics []string
	logs    []string // body, then trace and span id
}

type sinkTraces struct {
	traces.UnimplementedTraceServiceServer
	*sink
}

func (s sinkTraces) Export(ctx context.Context, r *traces.ExportTraceServiceRequest) (*traces.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		s.header = strings.Join(md.Get("x-tenant"), "")
	}
	for _, of := range r.ResourceSpans {
		for _, a := range of.Resource.Attributes {
			switch a.Key {
			case "service.name":
				s.service = a.Value.GetStringValue()
			case "ip":
				s.ip = a.Value.GetStringValue()
			}
		}
		for _, in := range of.ScopeSpans {
			for _, span := range in.Spans {
				s.spans = append(s.spans, fmt.Sprintf("%s %x %x", span.Name, span.TraceId, span.SpanId))
			}
		}
	}
	return &traces.ExportTraceServiceResponse{}, nil
}

type sinkMetrics struct {
	metrics.UnimplementedMetricsServiceServer
	*sink
}

func (s sinkMetrics) Export(_ context.Context, r *metrics.ExportMetricsServiceRequest) (*metrics.ExportMetricsServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range r.ResourceMetrics {
		for _, in := range of.ScopeMetrics {
			for _, m := range in.Metrics {
				s.metrics = append(s.metrics, m.Name)
			}
		}
	}
	return &metrics.ExportMetricsServiceResponse{}, nil
}

type sinkLogs struct {
	logs.UnimplementedLogsServiceServer
	*sink
}

func (s sinkLogs) Export(_ context.Context, r *logs.ExportLogsServiceRequest) (*logs.ExportLogsServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range r.ResourceLogs {
		for _, in := range of.ScopeLogs {
			for _, l := range in.LogRecords {
				s.logs = append(s.logs, fmt.Sprintf("%s %x %x", l.Body.GetStringValue(), l.TraceId, l.SpanId))
			}
		}
	}
	return &logs.ExportLogsServiceResponse{}, nil
}

func newSink(t *testing.T) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, server := &sink{addr: l.Addr().String()}, grpc.NewServer()
	traces.RegisterTraceServiceServer(server, sinkTraces{sink: s})
	metrics.RegisterMetricsServiceServer(server, sinkMetrics{sink: s})
	logs.RegisterLogsServiceServer(server, sinkLogs{sink: s})
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return s
}

// cleanEnv takes away what the machine has set.
func cleanEnv(t *testing.T) {
	for _, e := range os.Environ() {
		if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, value) // brings it back afterwards
			os.Unsetenv(name)
		}
	}
}

// goroutines fails when more of them are left than there were.
func goroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		again := time.NewTicker(5 * time.Millisecond)
		defer again.Stop()
		for deadline := time.Now().Add(5 * time.Second); ; <-again.C {
			if runtime.NumGoroutine() <= before {
				return
			}
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Errorf("%d goroutines, there were %d\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
}

func contains(all []string, beginning string) string {
	for _, s := range all {
		if strings.HasPrefix(s, beginning) {
			return s
		}
	}
	return ""
}

// All three signals arrive, together, at the collector that the configuration or the environment names.
func TestTracesMetricsAndLogsArrive(t *testing.T) {
	for _, by := range []string{"configuration", "environment"} {
		t.Run(by, func(t *testing.T) {
			goroutines(t)
			cleanEnv(t)
			s, c := newSink(t), testConfig()
			if by == "configuration" {
				c.Endpoint, c.Protocol, c.Headers = "http://"+s.addr, "grpc", map[string]string{"x-tenant": "blue"}
			} else {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+s.addr)
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
				t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=blue")
				t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
				t.Setenv("OTEL_TRACES_SAMPLER_ARG", "1")
				t.Setenv("OTEL_SERVICE_NAME", "edge")
				c.Ratio = -1
			}
			tel, err := Start(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			h := &house{Telemetry: tel, Tracer: tel.Tracer()}
			var local bytes.Buffer
			log := slog.New(tel.Handler(slog.NewJSONHandler(&local, nil)))
			p := asks(t, "INVITE", "call@x", "", "1", "")
			h.Open(&p.Trace, &p.Message, Now(), false)
			log.Info("something happened", p.Attr())
			log.With(p.Attr()).WithGroup("g").Info("something else happened", "k", "v")
			log.Debug("too quiet")
			trace, span := p.id.traceID(), spanID(p.span)
			h.Close(&p.Trace, Now(), p)
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			ids := fmt.Sprintf(" %s %s", trace, span)
			if contains(s.spans, "sip INVITE") != "sip INVITE"+ids {
				t.Errorf("spans: %v", s.spans)
			}
			if want := map[string]string{"configuration": "actorsip", "environment": "edge"}[by]; s.service != want || s.ip == "" || s.header != "blue" {
				t.Errorf("the resource is service %q at %q, the header %q", s.service, s.ip, s.header)
			}
			for _, want := range []string{PacketDuration.Name, SpansMade.Name, "go.memory.used"} {
				if contains(s.metrics, want) == "" {
					t.Errorf("no metric %s in %v", want, s.metrics)
				}
			}
			if len(s.logs) != 2 || s.logs[0] != "something happened"+ids || s.logs[1] != "something else happened"+ids {
				t.Errorf("logs: %v, want ids%s", s.logs, ids)
			}
			var line struct {
				Trace string `json:"trace_id"`
				Span  string `json:"span_id"`
			}
			if err := json.Unmarshal(local.Bytes()[:bytes.IndexByte(local.Bytes(), '\n')], &line); err != nil || line.Trace != trace.String() || line.Span != span.String() {
				t.Errorf("the local line is %s (%v)", local.String(), err)
			}
		})
	}
}

// By HTTP each signal has a path of its own, behind whatever path the endpoint has.
func TestSignalsArriveByHTTP(t *testing.T) {
	cleanEnv(t)
	var mu sync.Mutex
	paths := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths[r.URL.Path] = r.Header.Get("Content-Type") + " " + r.Header.Get("X-Tenant")
	}))
	defer server.Close()
	c := testConfig()
	c.Endpoint, c.Headers = server.URL+"/otlp", map[string]string{"x-tenant": "blue"}
	t.Setenv("OTEL_LOGS_EXPORTER", "none") // is stronger than the configuration
	tel, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Telemetry: tel, Tracer: tel.Tracer()}
	h.pass(asks(t, "INVITE", "call@x", "", "1", ""))
	slog.New(tel.Handler(slog.DiscardHandler)).Info("nobody wants it")
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	const kind = "application/x-protobuf blue"
	if want := map[string]string{"/otlp/v1/traces": kind, "/otlp/v1/metrics": kind}; !maps.Equal(paths, want) {
		t.Errorf("it was sent to %v, want %v", paths, want)
	}
}

// watchedPort is where somebody would connect to who has not been told where to. With a collector of this machine there,
// the rest of the test must do.
func watchedPort(t *testing.T, addr string) (connected chan string) {
	connected = make(chan string, 10)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Logf("nobody can see who connects: %v", err)
		return connected
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connected <- c.RemoteAddr().String()
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return connected
}

func TestWithNothingSetNothingIsTried(t *testing.T) {
	for _, c := range []struct{ name, value string }{{"", ""}, {"OTEL_SDK_DISABLED", "true"}, {"OTEL_TRACES_SAMPLER", "always_on"}} {
		t.Run(c.name, func(t *testing.T) {
			cleanEnv(t)
			if c.name != "" {
				t.Setenv(c.name, c.value)
			}
			byGRPC, byHTTP := watchedPort(t, "127.0.0.1:4317"), watchedPort(t, "127.0.0.1:4318")
			before := runtime.NumGoroutine()
			config := testConfig()
			if c.name == "OTEL_SDK_DISABLED" {
				config.Endpoint = "http://127.0.0.1:4317"
			}
			tel, err := Start(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			if n := runtime.NumGoroutine(); n > before || tel.tracing.to != nil || tel.logs != nil || len(tel.ends) != 1 {
				t.Errorf("%d goroutines were started, %d things to end", n-before, len(tel.ends))
			}
			h := &house{Telemetry: tel, Tracer: tel.Tracer()}
			if via := h.pass(asks(t, "INVITE", "call@x", "", "1", "")); via != "" {
				t.Errorf("a Via has %q", via)
			}
			log := slog.New(tel.Handler(slog.DiscardHandler))
			log.Error("nobody hears it")
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			select {
			case from := <-byGRPC:
				t.Errorf("a connection came to 4317 from %s", from)
			case from := <-byHTTP:
				t.Errorf("a connection came to 4318 from %s", from)
			default:
			}
		})
	}
}

// A dead collector costs nobody anything but spans: not those who forward, nor whoever waits for the end.
func TestADeadCollectorDelaysNobody(t *testing.T) {
	goroutines(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	mute := l.Addr().String()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := gone.Addr().String()
	gone.Close()
	t.Cleanup(func() { l.Close() })
	for _, c := range []struct{ name, addr, protocol string }{
		{"it is not there", refused, "grpc"}, {"it says nothing", mute, "grpc"}, {"it says nothing, HTTP", mute, "http/protobuf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := testConfig()
			config.Endpoint, config.Protocol = "http://"+c.addr, c.protocol
			config.CallsPerSecond = -1
			tel, err := Start(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			h := &house{Telemetry: tel, Tracer: tel.Tracer()}
			var worst time.Duration
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for i := range 20000 {
				p := asks(t, "INVITE", "call@x", "", "1", "")
				begun := time.Now()
				h.pass(p)
				if d := time.Since(begun); i > 100 && d > worst {
					worst = d
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if worst > 500*time.Millisecond {
				t.Errorf("a packet took %v", worst)
			}
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 100<<20 {
				t.Errorf("%d bytes are held", grown)
			}
			begun := time.Now()
			_ = tel.Shutdown(t.Context())
			if d := time.Since(begun); d > flushTime+2*time.Second {
				t.Errorf("Shutdown took %v", d)
			}
			if n := h.counters.made.Load(); n != 20000 {
				t.Errorf("%d spans were made", n)
			}
		})
	}
}

// A collector that comes back is found, and what is new arrives.
func TestACollectorThatComesLateIsFound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	c := testConfig()
	c.Endpoint, c.Protocol = "http://"+addr, "grpc"
	tel, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Telemetry: tel, Tracer: tel.Tracer()}
	h.pass(asks(t, "INVITE", "call@x", "", "1", ""))
	for tel.health.since.Load() == 0 { // it has begun to try
		runtime.Gosched()
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("somebody else has taken the port meanwhile: %v", err)
	}
	s, server := &sink{}, grpc.NewServer()
	traces.RegisterTraceServiceServer(server, sinkTraces{sink: s})
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	if err := tel.Shutdown(t.Context()); err == nil {
		t.Log("metrics and logs were taken too")
	}
	server.Stop()
	<-done
	if contains(s.spans, "sip INVITE") == "" {
		t.Errorf("what arrived: %v", s.spans)
	}
}

func TestBadSettingsAreRefusedAtStart(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		{"OTEL_TRACES_SAMPLER", "jaeger_remote", "OTEL_TRACES_SAMPLER"},
	} {
		cleanEnv(t)
		t.Setenv(c.name, c.value)
		config := testConfig()
		config.Ratio = -1
		if _, err := Start(t.Context(), config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
		}
		os.Unsetenv(c.name)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.Endpoint = "collector" },
		func(c *Config) { c.Endpoint, c.Protocol = "http://127.0.0.1:1", "udp" },
		func(c *Config) { c.Secret = nil },
	} {
		config := testConfig()
		change(&config)
		if _, err := Start(t.Context(), config); err == nil {
			t.Errorf("%+v was taken", config)
		}
	}
}

func TestTheRatioComesFromTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		sampler, arg string
		want         float64
	}{
		{"", "", 0.01}, {"always_on", "", 1}, {"always_off", "", 0}, {"parentbased_always_on", "", 1}, {"traceidratio", "0.25", 0.25}, {"traceidratio", "", 1},
	} {
		cleanEnv(t)
		t.Setenv("OTEL_TRACES_SAMPLER", c.sampler)
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", c.arg)
		if r, err := ratioOf(Config{Ratio: -1}); err != nil || r != c.want {
			t.Errorf("%q %q: %v, %v", c.sampler, c.arg, r, err)
		}
		if r, _ := ratioOf(Config{Ratio: 0.5}); r != 0.5 {
			t.Errorf("the configuration comes first, and the ratio is %v", r)
		}
	}
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	for _, arg := range []string{"x", "2", "-1", "NaN"} {
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", arg)
		if _, err := ratioOf(Config{Ratio: -1}); err == nil {
			t.Errorf("a ratio of %s was taken", arg)
		}
	}
}

func TestTheLevelOfLogsMayChange(t *testing.T) {
	h := newHouse(t, nil)
	var out bytes.Buffer
	log := slog.New(h.Handler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))).With("a", 1).WithGroup("g")
	log.Debug("one")
	h.Level.Set(slog.LevelDebug)
	log.Debug("two")
	h.Level.Set(slog.LevelError)
	log.Warn("three")
	if got := out.String(); strings.Contains(got, "one") || !strings.Contains(got, "two") || strings.Contains(got, "three") {
		t.Errorf("it logged %s", got)
	}
}
