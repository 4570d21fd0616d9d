package telemetry

import (
	"sync/atomic"
	"time"
)

// budget lets so many through in a second. Those beyond are counted.
type budget struct {
	perSecond uint64        // set once
	window    atomic.Uint64 // the second, and how many in it
	taken     atomic.Uint64
	refused   atomic.Uint64
}

const (
	windowBits = 24                // of the count
	unbounded  = 1<<windowBits - 1 // in a second
)

func (b *budget) take(now Instant) bool {
	second := uint64(now) / uint64(time.Second)
	for {
		w := b.window.Load()
		n := w & (1<<windowBits - 1)
		if w>>windowBits < second { // who comes late counts in the second that is
			n = 0
		}
		if n >= b.perSecond {
			b.refused.Add(1)
			return false
		}
		if b.window.CompareAndSwap(w, max(w>>windowBits, second)<<windowBits|(n+1)) {
			b.taken.Add(1)
			return true
		}
	}
}
