package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Put tells one value of a metric, with a value for each of its labels.
type Put func(m Metric, value int64, labels ...string)

// Observe has read called whenever somebody wants metrics, on that reader's goroutine: it puts the values of the
// metrics named here. Nothing else is counted meanwhile, and nobody waits for it but who asked.
func (t *Telemetry) Observe(read func(Put), metrics ...Metric) error {
	o := observation{read: read, log: t.log, instruments: map[string]metric.Int64Observable{}}
	var all []metric.Observable
	for _, m := range metrics {
		i, err := t.instrument(m)
		if err != nil {
			return fmt.Errorf("the metric %s cannot be made: %w", m.Name, err)
		}
		o.instruments[m.Name] = i
		all = append(all, i)
	}
	_, err := t.meter.RegisterCallback(o.collect, all...)
	return err
}

func (t *Telemetry) instrument(m Metric) (metric.Int64Observable, error) {
	if m.Kind == Counter {
		return t.meter.Int64ObservableCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text))
	}
	return t.meter.Int64ObservableUpDownCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text))
}

// observation is one call of Observe.
type observation struct {
	read        func(Put)
	log         *slog.Logger
	instruments map[string]metric.Int64Observable
}

// collect runs on a goroutine of the reader, where a panic would end the process: it costs these metrics instead.
func (o observation) collect(_ context.Context, to metric.Observer) error {
	defer func() {
		if r := recover(); r != nil {
			o.log.Error("metrics could not be read", "panic", fmt.Sprint(r))
		}
	}()
	o.read(func(m Metric, value int64, labels ...string) {
		if i, ok := o.instruments[m.Name]; ok && len(labels) == len(m.Labels) {
			to.ObserveInt64(i, value, metric.WithAttributeSet(m.attributes(labels)))
			return
		}
		o.log.Error("a metric was left out: it is not observed here, or has other labels", "metric", m.Name, "labels", len(labels))
	})
	return nil
}

// attributes are the labels of a metric with their values. Empty ones are left out.
func (m Metric) attributes(values []string) attribute.Set {
	a := make([]attribute.KeyValue, 0, len(values))
	for i, v := range values {
		if v != "" {
			a = append(a, attribute.String(m.Labels[i], v))
		}
	}
	return attribute.NewSet(a...)
}

// Record adds a value to a histogram: for what happens a few times in a call, not for each packet.
func (t *Telemetry) Record(m Metric, value float64, labels ...string) {
	if h := t.histograms[m.Name]; h != nil && len(labels) == len(m.Labels) {
		h.Record(context.Background(), value, metric.WithAttributeSet(m.attributes(labels)))
	}
}

// newHistograms are those that Record knows.
func newHistograms(meter metric.Meter) (map[string]metric.Float64Histogram, error) {
	all := map[string]metric.Float64Histogram{}
	for _, m := range Metrics {
		if m.Kind != Histogram || m.Name == PacketDuration.Name {
			continue
		}
		h, err := meter.Float64Histogram(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text), metric.WithExplicitBucketBoundaries(m.Bounds...))
		if err != nil {
			return nil, fmt.Errorf("the metric %s cannot be made: %w", m.Name, err)
		}
		all[m.Name] = h
	}
	return all, nil
}
