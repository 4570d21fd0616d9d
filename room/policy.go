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
func CarryOn(r *Restarts) Policy { return carryOn{r, false} }

// CarryOnMany is CarryOn for children that come and go without end: their restarts are counted together, under the path of
// their parent and "/*".
func CarryOnMany(r *Restarts) Policy { return carryOn{r, true} }

type carryOn struct {
	restarts *Restarts
	together bool
}

func (c carryOn) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	if c.together {
		c.restarts.noteOneOf(s, child, reason, message)
	} else {
		c.restarts.Note(child, reason, message)
	}
	s.RestartChildren(child)
}

// Restarts counts and reports what was restarted. Reports are written a few times a second at most: somebody who can
// make a room fail must not fill the disk.
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

// ByRoom is how many restarts each room had, by its path in the tree. Rooms of which there are many are counted together, under
// their parent's path and "/*".
func (r *Restarts) ByRoom() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]uint64, len(r.byRoom))
	for k, v := range r.byRoom {
		out[k] = v
	}
	return out
}

// restarted is what most reports say.
const restarted = "a room panicked and was restarted"

// Note counts a restart of child and reports it.
func (r *Restarts) Note(child *actor.PID, reason, message any) {
	r.report(child, r.count(child.Id), restarted, reason, message)
}

// noteOneOf counts a restart of one of many children of s, and reports it.
func (r *Restarts) noteOneOf(s actor.Supervisor, child *actor.PID, reason, message any) {
	parent := s.(interface{ Self() *actor.PID }).Self() // a supervisor is the context of a room
	r.report(child, r.count(parent.Id+"/*"), restarted, reason, message)
}

// count counts a restart of a room, or of one of several that are counted together, and gives their number so far.
func (r *Restarts) count(room string) uint64 {
	r.total.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byRoom[room]++
	return r.byRoom[room]
}

func (r *Restarts) report(child *actor.PID, restarts uint64, what string, reason, message any) {
	if r.isQuiet() {
		return
	}
	attrs := []any{"room", child.Id, "restarts", restarts, "verb", strings.TrimPrefix(fmt.Sprintf("%T", message), "message.")}
	if p, ok := reason.(Panic); ok {
		attrs = append(attrs, "panic", fmt.Sprint(p.Value), "stack", string(p.Stack))
	} else {
		attrs = append(attrs, "reason", fmt.Sprint(reason))
	}
	r.log.Error(what, attrs...)
}

// isQuiet tells whether enough was written in this second.
func (r *Restarts) isQuiet() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.window) > time.Second {
		r.window, r.wrote = now, 0
	}
	r.wrote++
	return r.wrote > reportsPerSecond
}
