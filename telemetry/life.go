package telemetry

import (
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Life is the life of one media relay. It lasts as long as a call, and may begin in one process and end in another: what
// its span needs is a line of text, Parent.
type Life struct {
	Parent string // Tracer.Parent of the packet that had it made
	Made   time.Time
	Ended  time.Time
	Why    string // why it ended, from a fixed set
	Failed bool   // it should not have ended so: its span is an error, and is made whether the call is sampled or not
	Sides  [2]LifeSide
}

// LifeSide is one side of a relay at its end. What is 0 is left out.
type LifeSide struct {
	Leg      string
	Port     uint16
	Source   netip.AddrPort
	Packets  uint64
	Bytes    uint64
	RTCP     uint64
	Lost     uint64
	Late     uint64
	Rejected uint64
	Rebound  uint64
	Jitter   time.Duration
	RTT      time.Duration
	MOS      float64
}

// Relay makes the span of a relay that has ended.
func (t *Tracer) Relay(l Life) {
	a := make([]attribute.KeyValue, 0, 28)
	if l.Why != "" {
		a = append(a, attribute.String(keyReason, l.Why))
	}
	for i, name := range [...]string{"a.", "b."} {
		a = l.Sides[i].append(a, keySide+name)
	}
	failure := ""
	if l.Failed {
		failure = l.Why
	}
	t.writeLater(l.Parent, "", spanRelay, l.Made, l.Ended, failure, a)
}

func (s LifeSide) append(a []attribute.KeyValue, side string) []attribute.KeyValue {
	text := func(key, v string) {
		if v != "" {
			a = append(a, attribute.String(side+key, v))
		}
	}
	count := func(key string, v uint64) {
		if v != 0 {
			a = append(a, attribute.Int64(side+key, int64(v)))
		}
	}
	measure := func(key string, v float64) {
		if v != 0 {
			a = append(a, attribute.Float64(side+key, v))
		}
	}
	text(sideLeg, clip([]byte(s.Leg), longestText))
	count(sidePort, uint64(s.Port))
	if s.Source.IsValid() {
		text(sideSource, s.Source.String())
	}
	a = append(a, attribute.Int64(side+sidePackets, int64(s.Packets)))
	count(sideBytes, s.Bytes)
	count(sideRTCP, s.RTCP)
	count(sideLost, s.Lost)
	count(sideLate, s.Late)
	count(sideRejected, s.Rejected)
	count(sideRebound, s.Rebound)
	measure(sideJitter, s.Jitter.Seconds())
	measure(sideRTT, s.RTT.Seconds())
	measure(sideMOS, s.MOS)
	return a
}

// Restart is a room that failed and was restarted.
type Restart struct {
	Parent string // Tracer.Parent of the packet at hand, or of the one that began the call; may be empty
	CallID string // of the call, for when Parent is not known; may be empty
	Room   string // default: mediasession
	Verb   string // what it was told
	Panic  string // what it panicked with
	At     time.Time
}

// longestPanic is how much of a panic's text is shown: the log has all of it.
const longestPanic = 200

// Restart makes the span of a restart: always, within the cap for spans of calls that are not sampled.
func (t *Tracer) Restart(r Restart) {
	name := spanRestart
	if r.Room == "" {
		r.Room = spanRestart[:len(spanRestart)-len(restart)]
	} else {
		name = r.Room + restart
	}
	a := []attribute.KeyValue{attribute.String(keyRoom, r.Room), attribute.String(keyPanic, clip([]byte(r.Panic), longestPanic))}
	if r.Verb != "" {
		a = append(a, attribute.String(keyVerb, r.Verb))
	}
	t.writeLater(r.Parent, r.CallID, name, r.At, r.At, failurePanic, a)
}

const failurePanic = "panic"

// writeLater makes a span of something that outlives a packet. Of a call that is not sampled, only failures have one.
func (t *Tracer) writeLater(parent, callID, name string, begun, ended time.Time, failure string, a []attribute.KeyValue) {
	if t == nil || t.to == nil {
		return
	}
	of, above, sampled, known := readParent(parent)
	if !known && callID != "" {
		of.low = t.gate.low([]byte(callID))
		of.high = t.gate.high(of.low, nil)
		sampled, known = of.low>>1 < t.gate.bound.Load(), true
	}
	if !sampled {
		if failure == "" || !t.late.take(Now()) {
			return
		}
		if a = append(a, attribute.Bool(keyLate, true)); !known {
			of = t.identify(nil)
		}
		t.counters.late.Add(1)
		above = 0 // has no span
	}
	if failure != "" {
		a = append(a, attribute.String(keyError, failure))
	}
	_, span := t.to.Start(identify(of, newSpan(), above), name, trace.WithTimestamp(begun), trace.WithAttributes(a...))
	if failure != "" {
		span.SetStatus(codes.Error, failure)
	}
	span.End(trace.WithTimestamp(ended))
	t.counters.made.Add(1)
}
