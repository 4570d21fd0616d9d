package telemetry

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/actorsip/actorsip/sipwire"
)

// Tracer follows packets. Each lane has one of its own, so that lanes do not wait for one another's counters; any
// goroutine may use it. A nil Tracer follows nothing.
type Tracer struct {
	*tracing
	durations *durations
}

// tracing is what all tracers share.
type tracing struct {
	to   trace.Tracer // nil: nobody wants traces
	gate *Gate
	words
	slow     Instant
	rooms    bool // a span for each room, in place of an event
	uri      bool // request-URIs are shown
	forcing  bool // calls may be forced
	late     budget
	counters *spanCounters
}

// spanCounters is what became of spans.
type spanCounters struct {
	made, late, sent, failed atomic.Uint64
}

// Subject is who can tell the facts of a packet. It is asked only when there will be a span.
type Subject interface{ Facts() Facts }

// Facts are what a packet's span tells beside what its message does. What is not known is left out.
type Facts struct {
	Message   *sipwire.Message // as it was received
	Transport string           // udp, tcp, tls, ws, wss
	Peer      netip.AddrPort   // who sent it
	Local     netip.AddrPort   // our socket that it came to
	Ingress   string           // the leg by which it came
	Egress    string           // the leg by which it left
	Next      netip.AddrPort   // where it was sent to
	Status    int              // of the answer that we gave; 0: none
}

// Open begins the trace of a packet whose message was parsed, be it faulty; at is when it was read. force has it sampled, whatever its
// call is, if forcing is configured.
func (t *Tracer) Open(tr *Trace, m *sipwire.Message, at Instant, force bool) {
	tr.head = head{}
	if t == nil {
		return
	}
	tr.start, tr.clock = at, at
	status := m.Status()
	if status != 0 {
		tr.kind = response
	}
	if t.to == nil {
		return
	}
	tr.flags = watched
	if status >= 500 && status < 600 {
		tr.flags |= failed
	}
	bound, callID := t.gate.bound.Load(), m.CallID()
	if bound == 0 && !t.forcing || len(callID) == 0 {
		return
	}
	tr.id.low = t.gate.low(callID)
	chosen := tr.id.low>>1 < bound
	if chosen || t.forcing {
		t.choose(tr, m, chosen, force && t.forcing)
	}
}

// Serve begins the trace of what is done here about a packet that came to another node, below its span there. That node has decided
// whether it is sampled: above is 0 when it is not.
func (t *Tracer) Serve(tr *Trace, m *sipwire.Message, at Instant, above uint64) {
	tr.head = head{}
	if t == nil || t.to == nil {
		return
	}
	tr.start, tr.clock, tr.flags = at, at, watched|served
	if above != 0 {
		tr.flags |= timed
		tr.id, tr.span, tr.parent = t.identify(m), newSpan(), above
	}
}

// choose has a packet sampled that its Call-ID, somebody before us or the caller of Open has chosen.
func (t *Tracer) choose(tr *Trace, m *sipwire.Message, chosen, force bool) {
	var above mark
	if via, ok := m.TopVia(); ok {
		above, _ = t.gate.readVia(m.Bytes(via.At), tr.id.low)
	}
	if t.forcing && above.forced {
		force = true
	}
	if !chosen && !force {
		return
	}
	tr.id.high = t.gate.high(tr.id.low, transaction(m))
	switch {
	case force && t.gate.forced.take(tr.start):
		tr.flags |= forced
	case !chosen || !t.gate.admits(tr.id, m, tr.start):
		return
	}
	tr.flags |= timed
	tr.span, tr.parent = newSpan(), above.span
}

// Close ends the trace: how long the packet took is counted, and its span is made if it is sampled, or if it failed or
// was slow. at is when it was written, answered or dropped. What was not opened has nothing to close.
func (t *Tracer) Close(tr *Trace, at Instant, s Subject) {
	if t == nil || tr.start == 0 {
		return
	}
	at = max(at, tr.clock) // a clock that is read once for a batch may be behind
	took := at - tr.start
	if tr.flags&served == 0 {
		t.durations.record(tr, took)
	}
	if tr.flags&watched != 0 {
		if tr.span != 0 {
			t.write(tr, at, s.Facts(), false)
		} else if t.isNotable(tr, took) && t.late.take(at) {
			f := s.Facts()
			tr.id, tr.span = t.identify(f.Message), newSpan()
			t.write(tr, at, f, true)
		}
	}
	tr.head = head{}
}

// isNotable tells whether a packet has a span although its call is not sampled.
func (t *Tracer) isNotable(tr *Trace, took Instant) bool {
	return tr.flags&served == 0 && (took >= t.slow || tr.flags&failed != 0 || tr.ended != Passed && !t.reason(tr.reason).Quiet)
}

// identify is the trace of a message. One without a Call-ID has a trace of its own.
func (t *Tracer) identify(m *sipwire.Message) (i id) {
	if m == nil || len(m.CallID()) == 0 {
		return id{rand.Uint64() | 1, rand.Uint64()}
	}
	i.low = t.gate.low(m.CallID())
	i.high = t.gate.high(i.low, transaction(m))
	return i
}

func newSpan() uint64 { return rand.Uint64() | 1 }
