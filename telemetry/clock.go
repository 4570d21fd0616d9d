package telemetry

import "time"

// Instant is a reading of the monotonic clock, in nanoseconds since the process began. 0 is none.
type Instant int64

// epoch is when the process began.
var epoch = time.Now()

// Now reads the clock. That costs as much as hashing a Call-ID: read once for a batch.
func Now() Instant { return Instant(time.Since(epoch)) }

// wall is for times that leave the process: the wall clock and the monotonic one, read together. A wall clock that was
// set meanwhile does not tear a span apart.
type wall struct {
	now time.Time
	at  Instant
}

func readWall() wall {
	now := time.Now()
	return wall{now, Instant(now.Sub(epoch))}
}

func (w wall) time(i Instant) time.Time { return w.now.Add(time.Duration(i - w.at)) }
