package peers

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
)

// ledger is a log that keeps what the proxy counted of relays that have ended.
type ledger struct {
	mu    sync.Mutex
	flows []flow
}

// flow is what came from one leg in one stream of a call.
type flow struct {
	leg                           string
	stream                        int
	packets, lost, late, rejected int
}

// Enabled is for all.
func (*ledger) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs takes no note of what all records have.
func (l *ledger) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup is not used.
func (l *ledger) WithGroup(string) slog.Handler { return l }

// Handle takes the flows out of a record about the end of a call's media.
func (l *ledger) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "a call's media ended" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Value.Kind() != slog.KindGroup {
			return true
		}
		f := flow{leg: a.Key}
		for _, of := range a.Value.Group() {
			n := 0
			switch v := of.Value; v.Kind() {
			case slog.KindInt64:
				n = int(v.Int64())
			case slog.KindUint64:
				n = int(v.Uint64())
			default:
				continue
			}
			switch of.Key {
			case "stream":
				f.stream = n
			case "packets":
				f.packets = n
			case "lost":
				f.lost = n
			case "late":
				f.late = n
			case "rejected":
				f.rejected = n
			}
		}
		l.flows = append(l.flows, f)
		return true
	})
	return nil
}

// from is the flow of a leg's stream.
func (l *ledger) from(leg string, stream int) (sum flow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum = flow{leg: leg, stream: stream}
	for _, f := range l.flows {
		if f.leg == leg && f.stream == stream {
			sum.packets += f.packets
			sum.lost += f.lost
			sum.late += f.late
			sum.rejected += f.rejected
		}
	}
	return sum
}

// portsComeBack waits until no media port is leased and no session is left.
func portsComeBack(t *testing.T, sys *system.System) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); ; <-tick.C {
		m, leased := sys.Media(), 0
		for _, p := range m.Ports {
			leased += p.Leased
		}
		if leased == 0 && m.Sessions == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("5 s after the last call %d pairs of media ports are leased and %d sessions are left", leased, m.Sessions)
		}
	}
}
