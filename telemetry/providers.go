package telemetry

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

func (t *Telemetry) startTraces(ctx context.Context, c Config, of *resource.Resource) error {
	w, err := wayOf(c, "TRACES")
	if err != nil {
		return err
	}
	e, err := w.spans(ctx)
	if err != nil {
		return fmt.Errorf("traces cannot be sent: %w", err)
	}
	if e != nil {
		t.export(e, of)
	}
	return nil
}

// export has spans go to an exporter.
func (t *Telemetry) export(e sdktrace.SpanExporter, of *resource.Resource) {
	t.report()
	var opts []sdktrace.BatchSpanProcessorOption
	if os.Getenv("OTEL_BSP_SCHEDULE_DELAY") == "" {
		opts = append(opts, sdktrace.WithBatchTimeout(time.Second))
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithResource(of), sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithIDGenerator(decided{}), sdktrace.WithBatcher(&counted{e, t.tracing.counters, t.health}, opts...))
	t.ends = append(t.ends, p.Shutdown)
	t.tracing.to = p.Tracer(scope)
}

func (t *Telemetry) startMetrics(ctx context.Context, c Config, of *resource.Resource) error {
	registry := prometheus.NewRegistry()
	pull, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithProducer(&t.durations), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return fmt.Errorf("metrics for Prometheus cannot be made: %w", err)
	}
	opts := []sdkmetric.Option{sdkmetric.WithResource(of), sdkmetric.WithReader(pull)}
	w, err := wayOf(c, "METRICS")
	if err != nil {
		return err
	}
	e, err := w.metrics(ctx)
	if err != nil {
		return fmt.Errorf("metrics cannot be sent: %w", err)
	}
	if e != nil {
		t.report()
		opts = append(opts, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(heardMetrics{e, t.health}, sdkmetric.WithProducer(&t.durations))))
	}
	p := sdkmetric.NewMeterProvider(opts...)
	t.ends = append(t.ends, p.Shutdown)
	t.meter = p.Meter(scope)
	if t.histograms, err = newHistograms(t.meter); err != nil {
		return err
	}
	if err = runtime.Start(runtime.WithMeterProvider(p), runtime.WithMinimumReadMemStatsInterval(time.Second)); err != nil {
		return fmt.Errorf("metrics of the Go runtime cannot be made: %w", err)
	}
	t.scrape = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: 4, ErrorHandling: promhttp.ContinueOnError,
	})
	return t.Observe(t.countItself, SampledCalls, SpansMade)
}

// countItself is what became of calls and spans.
func (t *Telemetry) countItself(put Put) {
	if t.tracing.to == nil {
		return
	}
	put(SampledCalls, int64(t.Gate.begun.taken.Load()), "sampled")
	put(SampledCalls, int64(t.Gate.begun.refused.Load()), "refused")
	n := t.tracing.counters
	put(SpansMade, int64(n.made.Load()), "made")
	put(SpansMade, int64(n.late.Load()), "late")
	put(SpansMade, int64(t.tracing.late.refused.Load()), "withheld")
	put(SpansMade, int64(n.sent.Load()), "sent")
	put(SpansMade, int64(n.failed.Load()), "failed")
}

func (t *Telemetry) startLogs(ctx context.Context, c Config, of *resource.Resource) error {
	w, err := wayOf(c, "LOGS")
	if err != nil {
		return err
	}
	e, err := w.logs(ctx)
	if err != nil {
		return fmt.Errorf("logs cannot be sent: %w", err)
	}
	if e == nil {
		return nil
	}
	t.report()
	t.logs = sdklog.NewLoggerProvider(sdklog.WithResource(of), sdklog.WithProcessor(sdklog.NewBatchProcessor(heardLogs{e, t.health})))
	t.ends = append(t.ends, t.logs.Shutdown)
	return nil
}
