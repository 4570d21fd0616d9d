package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// health is what exporters have met last, and the end of what they do.
type health struct {
	down  atomic.Bool
	since atomic.Int64 // an Instant: when the export began that is under way, 0: none is

	end func()                                                      // of all exports, those under way too
	cut func(context.Context) (context.Context, context.CancelFunc) // ends a context with them
}

// hopeless is how long an export may take before the collector counts as gone.
const hopeless = 3 * time.Second

func newHealth() *health {
	over, end := context.WithCancel(context.Background())
	return &health{end: end, cut: func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		forget := context.AfterFunc(over, cancel)
		return ctx, func() { forget(); cancel() }
	}}
}

func (h *health) isDown() bool {
	since := Instant(h.since.Load())
	return h.down.Load() || since != 0 && Now()-since > Instant(hopeless)
}

// watch does an export.
func (h *health) watch(ctx context.Context, export func(context.Context) error) error {
	ctx, cancel := h.cut(ctx)
	defer cancel()
	h.since.Store(int64(Now()))
	err := export(ctx)
	h.since.Store(0)
	h.down.Store(err != nil)
	return err
}

// counted is an exporter of spans whose successes are counted.
type counted struct {
	sdktrace.SpanExporter
	counters *spanCounters
	health   *health
}

func (c *counted) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := c.health.watch(ctx, func(ctx context.Context) error { return c.SpanExporter.ExportSpans(ctx, spans) })
	if err != nil {
		c.counters.failed.Add(uint64(len(spans)))
	} else {
		c.counters.sent.Add(uint64(len(spans)))
	}
	return err
}

type heardMetrics struct {
	sdkmetric.Exporter
	health *health
}

func (h heardMetrics) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	return h.health.watch(ctx, func(ctx context.Context) error { return h.Exporter.Export(ctx, m) })
}

type heardLogs struct {
	sdklog.Exporter
	health *health
}

func (h heardLogs) Export(ctx context.Context, r []sdklog.Record) error {
	return h.health.watch(ctx, func(ctx context.Context) error { return h.Exporter.Export(ctx, r) })
}

// report has what goes wrong while sending logged, at most a line in ten seconds. The handler belongs to the whole process:
// the last telemetry that began to send has it.
func (t *Telemetry) report() {
	lines := &budget{perSecond: 1}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		if lines.take(Now() / 10) {
			t.log.Warn("telemetry could not be sent", "error", err, "spans_lost", t.tracing.counters.failed.Load())
		}
	}))
}
