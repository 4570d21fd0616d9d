package room

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Policy says what happens to the children of a room that fail. It is named for that, and set by their parent.
type Policy = actor.SupervisorStrategy

// CarryOn restarts a failed room at once, however often it fails: one bad packet is one bad packet, and a room that
// holds nothing has nothing to lose.
func CarryOn(r *Restarts) Policy { return carryOn{r} }

type carryOn struct{ restarts *Restarts }

func (c carryOn) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	c.restarts.Note(child, reason, message)
	s.RestartChildren(child)
}

// Restarts counts and reports what was restarted. The same report is written at most a few times a second: somebody who can make a
// room fail must not fill the disk.
type Restarts struct {
	log   *slog.Logger
	total atomic.Uint64

	mu     sync.Mutex
	byRoom map[string]uint64
	window time.Time // in which reports are counted
	wrote  int
}

const reportsPerSecond = 5

// NewRestarts reports to log.
func NewRestarts(log *slog.Logger) *Restarts {
	return &Restarts{log: log, byRoom: map[string]uint64{}}
}

// Total is how many restarts there were.
func (r *Restarts) Total() uint64 { return r.total.Load() }

// ByRoom is how many restarts each room had, by its path in the tree.
func (r *Restarts) ByRoom() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]uint64, len(r.byRoom))
	for k, v := range r.byRoom {
		out[k] = v
	}
	return out
}

// Note counts a restart of child and reports it.
func (r *Restarts) Note(child *actor.PID, reason, message any) {
	r.total.Add(1)
	r.mu.Lock()
	r.byRoom[child.Id]++
	n := r.byRoom[child.Id]
	now := time.Now()
	if now.Sub(r.window) > time.Second {
		r.window, r.wrote = now, 0
	}
	r.wrote++
	quiet := r.wrote > reportsPerSecond
	r.mu.Unlock()
	if quiet {
		return
	}
	attrs := []any{"room", child.Id, "restarts", n, "verb", strings.TrimPrefix(fmt.Sprintf("%T", message), "message.")}
	if p, ok := reason.(Panic); ok {
		attrs = append(attrs, "panic", fmt.Sprint(p.Value), "stack", string(p.Stack))
	} else {
		attrs = append(attrs, "reason", fmt.Sprint(reason))
	}
	r.log.Error("a room panicked and was restarted", attrs...)
}
