package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/trace"
)

// Handler has what is logged through base go to the collector too, if logs go there, and leaves out what is below Level.
func (t *Telemetry) Handler(base slog.Handler) slog.Handler {
	if t.logs != nil {
		base = slog.NewMultiHandler(base, &linked{Handler: otelslog.NewHandler(scope, otelslog.WithLoggerProvider(t.logs))})
	}
	return levelled{base, &t.Level}
}

// linked gives a log record to the collector together with the span that it names (Trace.Attr).
type linked struct {
	slog.Handler
	ref ref // of the logger; zero: none
}

func (l *linked) Handle(ctx context.Context, r slog.Record) error {
	at := l.ref
	r.Attrs(func(a slog.Attr) bool {
		v, ok := a.Value.Any().(ref)
		if ok {
			at = v
		}
		return !ok
	})
	if at.trace.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: at.trace, SpanID: at.span, TraceFlags: trace.FlagsSampled,
		}))
	}
	return l.Handler.Handle(ctx, r)
}

func (l *linked) WithAttrs(attrs []slog.Attr) slog.Handler {
	at := l.ref
	for _, a := range attrs {
		if v, ok := a.Value.Any().(ref); ok {
			at = v
		}
	}
	return &linked{l.Handler.WithAttrs(attrs), at}
}

func (l *linked) WithGroup(name string) slog.Handler {
	return &linked{l.Handler.WithGroup(name), l.ref}
}

// levelled leaves out what is below a level that may change.
type levelled struct {
	slog.Handler
	level *slog.LevelVar
}

func (l levelled) Enabled(ctx context.Context, at slog.Level) bool {
	return at >= l.level.Level() && l.Handler.Enabled(ctx, at)
}

func (l levelled) WithAttrs(a []slog.Attr) slog.Handler {
	return levelled{l.Handler.WithAttrs(a), l.level}
}

func (l levelled) WithGroup(name string) slog.Handler {
	return levelled{l.Handler.WithGroup(name), l.level}
}
