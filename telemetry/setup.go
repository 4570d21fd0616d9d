package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// Config is what telemetry is made with.
type Config struct {
	Version string // of the program
	Node    string // name of this node
	Secret  []byte // at least 16 bytes, the same on all nodes, that lasts longer than a call

	Stages  []Stage  // by the numbers that Trace.Note is told
	Reasons []Reason // by the numbers that Trace.Note is told

	Endpoint string            // URL of a collector; empty: as OTEL_EXPORTER_OTLP_ENDPOINT and its like say
	Protocol string            // grpc or http/protobuf; empty: grpc to port 4317, http/protobuf elsewhere
	Headers  map[string]string // sent along; nil: OTEL_EXPORTER_OTLP_HEADERS

	Ratio          float64       // of calls that are sampled, 0 to 1; negative: OTEL_TRACES_SAMPLER_ARG, or 0.01
	CallsPerSecond int           // that begin to be sampled; 0: 100, negative: any number
	LatePerSecond  int           // spans of calls that are not sampled; 0: 100, negative: none
	Slow           time.Duration // a packet that took so long has a span in any case; 0: 100ms, negative: none has
	Rooms          bool          // a span for each room, in place of an event
	RequestURI     bool          // request-URIs and their users are shown
	Forcing        bool          // calls may be sampled because somebody asks for it: Tracer.Open, here or at another node

	Level slog.Level   // below which nothing is logged, at the beginning
	Log   *slog.Logger // where telemetry reports its own failures: it does not lead to a collector
}

// Telemetry is what Start has made.
type Telemetry struct {
	Gate  *Gate         // its ratio may be changed while it runs
	Level slog.LevelVar // so may the level of logs

	tracing    tracing
	health     *health
	durations  packetDurations
	meter      metric.Meter
	histograms map[string]metric.Float64Histogram
	logs       *sdklog.LoggerProvider // nil: logs are not sent
	scrape     http.Handler
	log        *slog.Logger
	ends       []func(context.Context) error
}

// Start makes telemetry. Nothing is sent, and nothing connected to, unless the configuration or the standard environment
// variables of OpenTelemetry say where to.
func Start(ctx context.Context, c Config) (_ *Telemetry, err error) {
	t := &Telemetry{log: c.Log, health: newHealth(), durations: packetDurations{since: time.Now()}}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.Level.Set(c.Level)
	defer func() {
		if err != nil {
			_ = t.Shutdown(ctx)
		}
	}()
	if err = t.watch(c); err != nil {
		return nil, err
	}
	of := resourceOf(ctx, c)
	if err = t.startTraces(ctx, c, of); err != nil {
		return nil, err
	}
	if err = t.startMetrics(ctx, c, of); err != nil {
		return nil, err
	}
	if err = t.startLogs(ctx, c, of); err != nil {
		return nil, err
	}
	return t, nil
}

// watch sets what decides about spans.
func (t *Telemetry) watch(c Config) (err error) {
	ratio, err := ratioOf(c)
	if err != nil {
		return err
	}
	calls := c.CallsPerSecond
	switch {
	case calls == 0:
		calls = 100
	case calls < 0:
		calls = unbounded
	}
	if t.Gate, err = NewGate(c.Secret, ratio, calls); err != nil {
		return err
	}
	t.tracing = tracing{
		gate: t.Gate, words: newWords(c.Stages, c.Reasons), rooms: c.Rooms, uri: c.RequestURI, forcing: c.Forcing,
		slow: Instant(c.Slow), counters: &spanCounters{},
	}
	switch {
	case c.Slow == 0:
		t.tracing.slow = Instant(100 * time.Millisecond)
	case c.Slow < 0:
		t.tracing.slow = math.MaxInt64
	}
	switch {
	case c.LatePerSecond == 0:
		t.tracing.late.perSecond = 100
	case c.LatePerSecond > 0:
		t.tracing.late.perSecond = uint64(min(c.LatePerSecond, unbounded))
	}
	return nil
}

// defaultRatio is the part of calls that is sampled when nobody says how many.
const defaultRatio = 0.01

// ratioOf is the ratio of the configuration or of the environment. What the environment says of parents does not matter:
// here the parent has the same Call-ID, and so the same verdict.
func ratioOf(c Config) (float64, error) {
	if c.Ratio >= 0 {
		return c.Ratio, nil
	}
	switch s := os.Getenv("OTEL_TRACES_SAMPLER"); s {
	case "":
		return defaultRatio, nil
	case "always_on", "parentbased_always_on":
		return 1, nil
	case "always_off", "parentbased_always_off":
		return 0, nil
	case "traceidratio", "parentbased_traceidratio":
		arg := os.Getenv("OTEL_TRACES_SAMPLER_ARG")
		if arg == "" {
			return 1, nil // as the specification has it
		}
		r, err := strconv.ParseFloat(arg, 64)
		if err != nil || !(r >= 0 && r <= 1) {
			return 0, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG is %q: it is a ratio from 0 to 1", arg)
		}
		return r, nil
	default:
		return 0, fmt.Errorf("OTEL_TRACES_SAMPLER is %q: there are always_on, always_off and traceidratio", s)
	}
}

// Tracer makes a tracer: one for each lane.
func (t *Telemetry) Tracer() *Tracer { return &Tracer{&t.tracing, t.durations.new()} }

// Metrics answers Prometheus, in its own format or as OpenMetrics with exemplars.
func (t *Telemetry) Metrics() http.Handler { return t.scrape }
