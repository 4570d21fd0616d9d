package telemetry

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// ends is how many ways there are for a packet to be done: Passed, Answered, Dropped.
const ends = 3

// durations are how long the packets of one tracer took. A histogram of OpenTelemetry costs as much for each packet as
// all the rest of its trace, so this one counts by itself, and readers of metrics collect it (packetDurations).
type durations [kinds][ends]distribution

// distribution is a histogram over durationBounds. Exemplars are sampled packets, the latest of each bucket.
type distribution struct {
	count     [len(durationSteps) + 1]atomic.Uint64
	sum       atomic.Int64 // nanoseconds
	exemplars [len(durationSteps) + 1]atomic.Pointer[exemplar]
}

// exemplar is one packet that shows what a bucket is about.
type exemplar struct {
	id   id
	span uint64
	took Instant
	at   time.Time
}

// durationSteps are durationBounds in nanoseconds.
var durationSteps = [...]Instant{10e3, 25e3, 50e3, 100e3, 250e3, 500e3, 1e6, 2.5e6, 5e6, 10e6, 100e6, 1e9}

func (d *durations) record(tr *Trace, took Instant) {
	h := &d[tr.kind][tr.ended]
	i := 0
	for i < len(durationSteps) && took > durationSteps[i] {
		i++
	}
	h.count[i].Add(1)
	h.sum.Add(int64(took))
	if tr.span != 0 {
		h.exemplars[i].Store(&exemplar{tr.id, tr.span, took, time.Now()})
	}
}

// packetDurations are the durations of all tracers, as readers of metrics want them.
type packetDurations struct {
	since time.Time

	mu  sync.Mutex // guards all
	all []*durations
}

func (p *packetDurations) new() *durations {
	d := &durations{}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, d)
	return d
}

// Produce is for the readers.
func (p *packetDurations) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	all := p.all
	p.mu.Unlock()
	now := time.Now()
	h := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	for k := range kinds {
		for end := range Outcome(ends) {
			point := metricdata.HistogramDataPoint[float64]{
				Attributes: attribute.NewSet(attribute.String(keyMessage, k.String()), attribute.String(keyOutcome, end.String())),
				StartTime:  p.since, Time: now, Bounds: durationBounds, BucketCounts: make([]uint64, len(durationSteps)+1),
			}
			for _, d := range all {
				d[k][end].addTo(&point)
			}
			if point.Count > 0 {
				h.DataPoints = append(h.DataPoints, point)
			}
		}
	}
	if len(h.DataPoints) == 0 {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{{
		Scope: instrumentation.Scope{Name: scope},
		Metrics: []metricdata.Metrics{{
			Name: PacketDuration.Name, Description: PacketDuration.Text, Unit: PacketDuration.Unit, Data: h,
		}},
	}}, nil
}

func (h *distribution) addTo(p *metricdata.HistogramDataPoint[float64]) {
	for i := range h.count {
		n := h.count[i].Load()
		p.BucketCounts[i] += n
		p.Count += n
		if e := h.exemplars[i].Load(); e != nil {
			trace, span := e.id.traceID(), binary.BigEndian.AppendUint64(nil, e.span)
			p.Exemplars = append(p.Exemplars, metricdata.Exemplar[float64]{
				Time: e.at, Value: time.Duration(e.took).Seconds(), SpanID: span, TraceID: trace[:],
			})
		}
	}
	p.Sum += time.Duration(h.sum.Load()).Seconds()
}

// String is the kind as attributes have it.
func (k kind) String() string { return [...]string{"request", "response"}[k] }
