package cluster

import (
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// Why something was refused: the reasons are a bounded set, for metrics.
const (
	refusedStranger  = "stranger"  // no certificate of this cluster
	refusedCall      = "call"      // a call that asks for something
	refusedMalformed = "malformed" // a batch that cannot be read
	refusedType      = "type"      // a message that is not on the list
	refusedPath      = "path"      // a room that is not on the list for that message
	refusedLife      = "life"      // a message of a node that was given up, or to one
	refusedPanic     = "panic"     // something here panicked on it
	refusedBeats     = "beats"     // more beats than this node can read
)

// refusals counts what was refused and reports it a few times a second at most: who can knock must not be able to fill the disk.
type refusals struct {
	log *slog.Logger

	mu       sync.Mutex
	byReason map[string]uint64
	window   time.Time // in which reports are counted
	wrote    int
}

const reportsPerSecond = 5

func newRefusals(log *slog.Logger) *refusals {
	return &refusals{log: log, byReason: map[string]uint64{}}
}

func (r *refusals) note(reason string, attrs ...any) {
	r.mu.Lock()
	r.byReason[reason]++
	n := r.byReason[reason]
	if now := time.Now(); now.Sub(r.window) > time.Second {
		r.window, r.wrote = now, 0
	}
	r.wrote++
	quiet := r.wrote > reportsPerSecond
	r.mu.Unlock()
	if !quiet {
		r.log.Warn("something from another node was refused", append([]any{"reason", reason, "so_far", n}, attrs...)...)
	}
}

// counts is how much was refused, by reason.
func (r *refusals) counts() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.byReason)
}

// watch notes the handshakes that fail.
func (r *refusals) watch(creds credentials.TransportCredentials) credentials.TransportCredentials {
	return &watched{creds, r}
}

type watched struct {
	credentials.TransportCredentials
	refused *refusals
}

func (w *watched) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := w.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		w.refused.note(refusedStranger, "from", conn.RemoteAddr().String(), "error", err)
	}
	return c, info, err
}

func (w *watched) Clone() credentials.TransportCredentials {
	return &watched{w.TransportCredentials.Clone(), w.refused}
}
