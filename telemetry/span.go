package telemetry

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/actorsip/actorsip/sipwire"
)

// Of texts that others wrote, so many bytes are shown.
const (
	longestMethod = 32
	longestText   = 256
)

// identity is the context of a span whose ids are decided before it is made. A span with a parent of ours is its
// child; one without is a root: a parent that nobody has seen would leave the trace incomplete for good.
type identity struct {
	context.Context
	id   id
	span uint64
}

type identityKey struct{}

func (i *identity) Value(key any) any {
	if key == (identityKey{}) {
		return i
	}
	return i.Context.Value(key)
}

func identify(of id, span, parent uint64) context.Context {
	ctx := context.Background()
	if parent != 0 {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: of.traceID(), SpanID: spanID(parent), TraceFlags: trace.FlagsSampled, Remote: true,
		}))
	}
	return &identity{ctx, of, span}
}

// decided gives a span the ids that its identity has.
type decided struct{}

func (decided) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if i, ok := ctx.Value(identityKey{}).(*identity); ok {
		return i.id.traceID(), spanID(i.span)
	}
	return id{newSpan(), newSpan()}.traceID(), spanID(newSpan())
}

func (decided) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if i, ok := ctx.Value(identityKey{}).(*identity); ok {
		return spanID(i.span)
	}
	return spanID(newSpan())
}

// write makes the span of a packet, all at once.
func (t *Tracer) write(tr *Trace, at Instant, f Facts, late bool) {
	clock := readWall()
	method, original := methodOf(f.Message)
	name, kind := spanPacket+method, trace.SpanKindServer
	switch {
	case tr.flags&served != 0:
		name, kind = spanServed, trace.SpanKindInternal
	case tr.kind == response:
		name = spanPacket + strconv.Itoa(f.Message.Status()) + " " + method
	}
	a := t.attributes(tr, f, method, original)
	if late {
		a = append(a, attribute.Bool(keyLate, true))
		t.counters.late.Add(1)
	}
	_, span := t.to.Start(identify(tr.id, tr.span, tr.parent), name, trace.WithTimestamp(clock.time(tr.start)), trace.WithSpanKind(kind))
	span.SetAttributes(a...) // handed to Start they are copied once more
	if failure := t.failure(tr, f); failure != "" {
		span.SetAttributes(attribute.String(keyError, failure))
		span.SetStatus(codes.Error, failure)
	}
	begun := tr.start
	for i, s := range tr.step[:tr.steps] {
		over := begun
		if s.clocked {
			over = tr.at[i]
		}
		if t.rooms {
			t.writeRoom(tr, s, clock.time(begun), clock.time(over))
		} else {
			span.AddEvent(t.stage(s.stage).name, trace.WithTimestamp(clock.time(over)), t.said(s))
		}
		begun = over
	}
	span.End(trace.WithTimestamp(clock.time(at)))
	t.counters.made.Add(1)
}

// writeRoom makes the span of one room's work.
func (t *Tracer) writeRoom(tr *Trace, s step, begun, over time.Time) {
	stage := t.stage(s.stage)
	_, span := t.to.Start(identify(tr.id, newSpan(), tr.span), stage.name, trace.WithTimestamp(begun), stage.said, t.said(s))
	span.End(trace.WithTimestamp(over))
	t.counters.made.Add(1)
}

// said is what events and spans of rooms say of a step.
func (t *tracing) said(s step) trace.SpanStartEventOption {
	if s.outcome == Passed || s.outcome == Awaited {
		return t.plain[s.outcome]
	}
	return t.reason(s.reason).said[s.outcome]
}

// failure is why a packet's span is an error, "" when it is none.
func (t *Tracer) failure(tr *Trace, f Facts) string {
	switch r := t.reason(tr.reason); {
	case tr.ended == Answered && (f.Status >= 400 || r.Status >= 400), tr.ended == Dropped && !r.Quiet:
		return r.Text
	case tr.flags&failed != 0:
		return strconv.Itoa(f.Message.Status())
	}
	return ""
}

func (t *Tracer) attributes(tr *Trace, f Facts, method, original string) []attribute.KeyValue {
	m := f.Message
	number, _ := m.CSeq()
	a := append(make([]attribute.KeyValue, 0, 20), attribute.String(keyMethod, method),
		attribute.String(keyCallID, clip(m.CallID(), longestText)), attribute.String(keyOutcome, tr.ended.String()))
	if tr.flags&served != 0 {
		return a // the packet's own span has the rest
	}
	a = append(a, attribute.String(keyProtocol, "sip"), attribute.String(keyProtocolVersion, "2.0"))
	if n, err := strconv.Atoi(string(number)); err == nil {
		a = append(a, attribute.Int(keyCSeq, n))
	}
	if original != "" {
		a = append(a, attribute.String(keyMethodOriginal, original))
	}
	status := f.Status
	if tr.kind == response {
		status = m.Status()
		a = append(a, attribute.String(keyMessage, "response"))
	} else {
		a = append(a, attribute.String(keyMessage, "request"))
		if t.uri {
			a = appendURI(a, m.RequestURI())
		}
	}
	if status != 0 {
		a = append(a, attribute.Int(keyStatus, status))
	}
	if tr.flags&forced != 0 {
		a = append(a, attribute.Bool(keyForced, true))
	}
	return appendPlaces(a, f)
}

// appendPlaces says from where to where, as far as that is known.
func appendPlaces(a []attribute.KeyValue, f Facts) []attribute.KeyValue {
	if f.Transport != "" {
		a = append(a, attribute.String(keyTransport, f.Transport))
	}
	if f.Ingress != "" {
		a = append(a, attribute.String(keyLegIn, f.Ingress))
	}
	if f.Egress != "" {
		a = append(a, attribute.String(keyLegOut, f.Egress))
	}
	if f.Peer.IsValid() {
		a = append(a, attribute.String(keyPeerAddress, f.Peer.Addr().String()), attribute.Int(keyPeerPort, int(f.Peer.Port())))
	}
	if f.Local.IsValid() {
		a = append(a, attribute.String(keyLocalAddress, f.Local.Addr().String()), attribute.Int(keyLocalPort, int(f.Local.Port())))
	}
	if f.Next.IsValid() {
		a = append(a, attribute.String(keyServerAddress, f.Next.Addr().String()), attribute.Int(keyServerPort, int(f.Next.Port())))
	}
	return a
}

func appendURI(a []attribute.KeyValue, uri []byte) []attribute.KeyValue {
	u, ok := sipwire.ParseURI(uri)
	user, password, secret := bytes.Cut(u.User, []byte(":"))
	if secret {
		uri = bytes.Replace(uri, append([]byte(":"), password...), nil, 1)
	}
	a = append(a, attribute.String(keyRequestURI, clip(uri, longestText)))
	if ok && len(user) > 0 {
		a = append(a, attribute.String(keyUser, clip(user, longestText)))
	}
	return a
}

// methodOf is the method of a message, and of one that no RFC has, how it was written.
func methodOf(m *sipwire.Message) (method, original string) {
	b := m.Method()
	if !m.IsRequest() {
		_, b = m.CSeq()
	}
	switch string(b) {
	case "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH":
		return string(b), ""
	}
	return otherMethod, clip(b, longestMethod)
}

// clip is the beginning of a text. What is no UTF-8 would spoil all that is sent with it.
func clip(b []byte, longest int) string {
	if len(b) > longest {
		b = b[:longest]
	}
	return strings.ToValidUTF8(string(b), "?")
}
