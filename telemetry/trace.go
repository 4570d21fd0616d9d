package telemetry

import (
	"encoding/binary"
	"encoding/hex"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// Trace is what is noted of one packet on its way. It lies inside the packet, is opened when the packet was read and
// closed when it is done, and belongs to whoever has the packet. Before Open and after Close it is empty, and noting
// anything in it does nothing but remember the outcome.
type Trace struct {
	head
	step [maxSteps]step
	at   [maxSteps]Instant // when a step was over, where it has looked at the clock
}

// head is all of a Trace that must be empty at its beginning.
type head struct {
	start  Instant // of the packet; 0: not open
	clock  Instant // the last look at it
	id     id      // complete when sampled; without its high half, or empty, else
	span   uint64  // the packet's own; 0: not sampled
	parent uint64  // 0: none
	flags  flags
	kind   kind
	ended  Outcome // Passed, unless it was answered or dropped
	reason uint8   // why
	steps  uint8
}

// maxSteps is how many steps of a packet are kept: more than it takes through all rooms, with a wait in each.
const maxSteps = 12

type flags uint8

const (
	watched flags = 1 << iota // somebody may want a span of it
	timed                     // each step looks at the clock
	forced                    // sampled because it was asked for
	failed                    // a response that tells of a failure
	served                    // it came to another node, which has its span
)

type kind uint8

const (
	request kind = iota
	response
	kinds
)

// Outcome is what became of a packet in a room.
type Outcome uint8

// The outcomes, in the order of package message.
const (
	Passed Outcome = iota
	Answered
	Dropped
	Awaited
	outcomes
)

// String is the outcome as attributes have it.
func (o Outcome) String() string { return [...]string{"pass", "answer", "drop", "await"}[o] }

// step is one room's handling of the packet. All steps of a packet lie together in a line of the cache, apart from their
// times: packets that are not sampled, nearly all, touch nothing else.
type step struct {
	stage   uint8
	outcome Outcome
	reason  uint8
	clocked bool // it has looked at the clock
}

// Note notes that a room is done with the packet: the stage and the reason by their numbers in Config. The clock is
// looked at only for sampled packets, and for those that wait.
func (tr *Trace) Note(stage uint8, o Outcome, reason uint8) {
	if o == Answered || o == Dropped {
		tr.ended, tr.reason = o, reason
	}
	if tr.flags&watched == 0 || tr.steps == maxSteps {
		return
	}
	clocked := tr.flags&timed != 0 || o == Awaited || tr.waited()
	if clocked {
		tr.clock = Now()
		tr.at[tr.steps] = tr.clock
	}
	tr.step[tr.steps] = step{stage, o, reason, clocked}
	tr.steps++
}

// waited tells whether the step before was the beginning of a wait.
func (tr *Trace) waited() bool { return tr.steps > 0 && tr.step[tr.steps-1].outcome == Awaited }

// Span is the packet's span, 0 when it is not sampled: for another node that works on the same packet.
func (tr *Trace) Span() uint64 { return tr.span }

// Sampled tells whether the packet will have a span.
func (tr *Trace) Sampled() bool { return tr.span != 0 }

// Parent is the packet as text, for what outlives it: a relay's life, a session's restart. It is a traceparent of the W3C;
// of a packet that is not sampled it has the trace but no span, and not the flag. Empty when nobody wants traces.
func (t *Tracer) Parent(tr *Trace, s Subject) string {
	if t == nil || tr.flags&watched == 0 {
		return ""
	}
	i, sampled := tr.id, byte('1')
	if tr.span == 0 {
		i, sampled = t.identify(s.Facts().Message), '0'
	}
	var b [55]byte
	out := append(b[:0], "00-"...)
	trace, span := i.traceID(), spanID(tr.span)
	out = append(hex.AppendEncode(out, trace[:]), '-')
	out = append(hex.AppendEncode(out, span[:]), "-0"...)
	return string(append(out, sampled))
}

// readParent is what Parent wrote, read again; ok is false for anything else.
func readParent(s string) (i id, span uint64, sampled, ok bool) {
	if len(s) != 55 || s[:3] != "00-" || s[35] != '-' || s[52:54] != "-0" {
		return i, 0, false, false
	}
	var b [24]byte
	if _, err := hex.Decode(b[:16], []byte(s[3:35])); err != nil {
		return i, 0, false, false
	}
	if _, err := hex.Decode(b[16:], []byte(s[36:52])); err != nil {
		return i, 0, false, false
	}
	i = id{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
	return i, binary.BigEndian.Uint64(b[16:]), s[54] == '1', i != id{}
}

func spanID(n uint64) (s trace.SpanID) {
	binary.BigEndian.PutUint64(s[:], n)
	return s
}

// Attr has a log line say which span it belongs to: trace_id and span_id. Of a packet that is not sampled, it says nothing.
func (tr *Trace) Attr() slog.Attr {
	if tr.span == 0 {
		return slog.Attr{}
	}
	return slog.Any("", ref{tr.id.traceID(), spanID(tr.span)})
}

// ref is the value of such an attribute.
type ref struct {
	trace trace.TraceID
	span  trace.SpanID
}

// LogValue are both ids.
func (r ref) LogValue() slog.Value {
	return slog.GroupValue(slog.String("trace_id", r.trace.String()), slog.String("span_id", r.span.String()))
}
