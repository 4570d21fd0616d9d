package telemetry

import "sync/atomic"

// verdicts remembers which calls the cap has let in and which it has not: the last 131072 of them. Of a call that is
// forgotten while it lasts, later packets get the verdict of its Call-ID again.
type verdicts struct {
	buckets []bucket // the hash picks one
	turn    atomic.Uint64
}

// bucket is a cache line. A slot is 0, or a hash whose lowest bit says whether the call was let in.
type bucket [8]atomic.Uint64

const buckets = 1 << 14

func newVerdicts() *verdicts { return &verdicts{buckets: make([]bucket, buckets)} }

func (v *verdicts) of(hash uint64) *bucket { return &v.buckets[hash>>32%buckets] }

// find is what was decided for a call.
func (v *verdicts) find(hash uint64) (in, known bool) {
	b := v.of(hash)
	for i := range b {
		if s := b[i].Load(); s|1 == hash|1 {
			return s&1 == 1, true
		}
	}
	return false, false
}

// put remembers. A full bucket forgets one of its own.
func (v *verdicts) put(hash uint64, in bool) {
	slot := hash &^ 1
	if in {
		slot |= 1
	}
	b := v.of(hash)
	for i := range b {
		if b[i].CompareAndSwap(0, slot) {
			return
		}
	}
	b[v.turn.Add(1)%uint64(len(b))].Store(slot)
}
