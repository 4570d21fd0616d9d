package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Stage is a room and what it was told.
type Stage struct{ Room, Verb string }

// Reason is why a packet was answered or dropped.
type Reason struct {
	Text   string
	Status int  // of the answer; 0: dropped
	Quiet  bool // nothing is wrong: it is no error, and no reason for a span
}

// words are what the numbers stand for that Trace.Note is told, and what spans say of them: made once, for a call has a
// hundred of them.
type words struct {
	stages  []stageWords
	reasons []reasonWords
	plain   [outcomes]trace.SpanStartEventOption // of outcomes without a reason
}

type stageWords struct {
	name string // of an event or span
	said trace.SpanStartEventOption
}

type reasonWords struct {
	Reason
	said [outcomes]trace.SpanStartEventOption
}

// newWords adds a word for numbers that stand for nothing, at the end.
func newWords(stages []Stage, reasons []Reason) (w words) {
	for _, s := range append(stages[:len(stages):len(stages)], Stage{"unknown", "unknown"}) {
		said := trace.WithAttributes(attribute.String(keyRoom, s.Room), attribute.String(keyVerb, s.Verb))
		w.stages = append(w.stages, stageWords{s.Room + " " + s.Verb, said})
	}
	for _, r := range append(reasons[:len(reasons):len(reasons)], Reason{Text: "unknown"}) {
		word := reasonWords{Reason: r}
		for o := range outcomes {
			word.said[o] = trace.WithAttributes(attribute.String(keyOutcome, o.String()), attribute.String(keyReason, r.Text))
		}
		w.reasons = append(w.reasons, word)
	}
	for o := range outcomes {
		w.plain[o] = trace.WithAttributes(attribute.String(keyOutcome, o.String()))
	}
	return w
}

func (w *words) stage(n uint8) *stageWords { return &w.stages[min(int(n), len(w.stages)-1)] }

func (w *words) reason(n uint8) *reasonWords { return &w.reasons[min(int(n), len(w.reasons)-1)] }
