package telemetry

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/actorsip/actorsip/sipwire"
)

// Gate decides which calls are sampled, before anything of OpenTelemetry is touched.
//
// The trace id is a keyed hash of the Call-ID, and its low half decides, as the ratio sampler of OpenTelemetry has it:
// nodes with one secret and one ratio agree on every packet of a call. The secret should live longer than a call, or
// calls in progress change their trace.
//
// REGISTER, OPTIONS and the like repeat their Call-ID for days. Each of their transactions is a trace of its own: the
// high half covers the CSeq number too.
//
// The cap is a node's own: of the calls that the ratio has chosen, those that begin when the second is full are not
// sampled, as a whole. They are remembered (verdicts) because nothing in a BYE tells how busy the node was when the
// call began; other nodes do not hear of it. Below the cap no packet depends on what is remembered.
type Gate struct {
	secret [2]uint64     // set once
	bound  atomic.Uint64 // the low half of a trace id, shifted right by one, is below it: sampled
	begun  budget
	forced budget // packets, not calls
	calls  *verdicts
}

// packetsOfCall is how many packets a call is taken to have, where a cap on calls must hold packets.
const packetsOfCall = 16

var errShortSecret = errors.New("the secret that trace ids are made with has fewer than 16 bytes")

// NewGate makes a gate that samples a ratio (0 to 1) of all calls, of which perSecond may begin in a second.
func NewGate(secret []byte, ratio float64, perSecond int) (*Gate, error) {
	if len(secret) < 16 {
		return nil, errShortSecret
	}
	sum := sha256.Sum256(append([]byte("actorsip trace "), secret...))
	g := &Gate{calls: newVerdicts()}
	g.secret[0], g.secret[1] = binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:])
	g.begun.perSecond = uint64(min(max(perSecond, 0), unbounded))
	g.forced.perSecond = min(packetsOfCall*g.begun.perSecond, unbounded)
	g.SetRatio(ratio)
	return g, nil
}

// SetRatio changes the ratio. Of the calls in progress, those between the old ratio and the new one are sampled in part.
func (g *Gate) SetRatio(ratio float64) {
	switch {
	case ratio >= 1:
		g.bound.Store(1 << 63)
	case ratio > 0:
		g.bound.Store(uint64(ratio * (1 << 63)))
	default: // not a number, too
		g.bound.Store(0)
	}
}

// Ratio is which part of all calls is sampled.
func (g *Gate) Ratio() float64 { return math.Ldexp(float64(g.bound.Load()), -63) }

// id is a trace id: the high half are its first eight bytes, most significant first.
type id struct{ high, low uint64 }

func (i id) traceID() (t trace.TraceID) {
	binary.BigEndian.PutUint64(t[:8], i.high)
	binary.BigEndian.PutUint64(t[8:], i.low)
	return t
}

// low is the half that depends on the Call-ID alone.
func (g *Gate) low(callID []byte) uint64 { return siphash(g.secret[0], g.secret[1], callID) }

// high is the other half: of a transaction that is a trace of its own, its number makes the difference. Its lowest bit is
// set: a trace id is never 0.
func (g *Gate) high(low uint64, transaction []byte) uint64 {
	var b [8 + 10]byte
	binary.LittleEndian.PutUint64(b[:], low)
	n := 8 + copy(b[8:], transaction)
	return siphash(^g.secret[0], g.secret[1], b[:n]) | 1
}

// transaction is the CSeq number of a message whose transaction is a trace of its own, nil when its call is.
func transaction(m *sipwire.Message) []byte {
	number, method := m.CSeq()
	if !isAlone(method) {
		return nil
	}
	for len(number) > 1 && number[0] == '0' {
		number = number[1:]
	}
	return number
}

// isAlone tells whether transactions of this method are traces of their own.
func isAlone(method []byte) bool {
	switch string(method) {
	case "REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE":
		return true
	}
	return false
}

// admits tells whether a call that the ratio has chosen keeps below the cap.
func (g *Gate) admits(i id, m *sipwire.Message, now Instant) bool {
	in, known := g.calls.find(i.high)
	if known {
		return in
	}
	if !begins(m) {
		return true
	}
	in = g.begun.take(now)
	g.calls.put(i.high, in)
	return in
}

// begins tells whether a message may be the first of its trace.
func begins(m *sipwire.Message) bool {
	if !m.IsRequest() || m.Is("ACK") || m.Is("CANCEL") {
		return false
	}
	return len(m.ToTag()) == 0 || isAlone(m.Method())
}
