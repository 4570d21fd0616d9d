package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
	"unsafe"
)

// Limiter is one rate for a great many keys, in a fixed piece of memory. Any goroutine may use it; two wait for one
// another only when their keys share a place, and then for some 20 ns.
//
// A bucket is one number: due, the time at which it is full again (the generic cell rate algorithm). What it owes is
// the time from now to due, each token taken adds the interval in which one comes, and a token may be taken as long as
// no more is owed than a burst. A bucket that is full owes nothing, and is worth no memory.
//
// A key has its bucket in one place, which has room for ten. A key that has none there takes over the bucket that owes
// least, with what it owes. So
//
//   - nobody gains by being driven out: what a place's least bucket owes never shrinks faster than time passes, so who
//     comes back inherits at least what he owed when he was driven out. A flood of made-up keys frees no one;
//   - who sends most is driven out last: all nine others of his place must first owe as much as he does;
//   - all keys together never get more than buckets × rate, however many there are;
//   - an innocent key pays for others only when every bucket of its place owes something. To keep all places so takes
//     buckets × rate tokens, a second and for good. Beyond that, strangers share what the places still give, and are
//     refused when it is used up.
//
// The place of a key is chosen by a hash with a secret seed: nobody can aim at another's.
type Limiter struct {
	seed      maphash.Seed // set once, as all here
	interval  int64        // ns that a token takes to come
	tolerance int64        // ns that may be owed
	places    []place
}

// ways is how many buckets share a place: with the lock they fill two cache lines.
const ways = 10

type place struct {
	mu  sync.Mutex
	due [ways]int64  // when the bucket is full again
	tag [ways]uint32 // whose it is: the part of the hash that did not choose the place
}

// NewLimiter makes a limiter with a rate that is valid, and room for about so many buckets: 13 bytes each.
func NewLimiter(r Rate, buckets int) *Limiter {
	return &Limiter{
		seed:      maphash.MakeSeed(),
		interval:  int64(r.interval()),
		tolerance: int64(r.interval()) * int64(r.burst()),
		places:    make([]place, max(1, (buckets+ways-1)/ways)),
	}
}

// Size is how many bytes of memory the limiter has, and will ever have.
func (l *Limiter) Size() int { return len(l.places) * int(unsafe.Sizeof(place{})) }

// TakeSource takes a token of a source. When there is none, wait is the time until there is one.
func (l *Limiter) TakeSource(now time.Duration, from netip.Addr) (wait time.Duration, ok bool) {
	return l.take(int64(now), hashSource(l.seed, from))
}

// TakeUser takes a token of a user: any bytes that name one.
func (l *Limiter) TakeUser(now time.Duration, user []byte) (wait time.Duration, ok bool) {
	return l.take(int64(now), maphash.Bytes(l.seed, user))
}

func (l *Limiter) take(now int64, hash uint64) (wait time.Duration, ok bool) {
	p, tag := &l.places[choose(hash, len(l.places))], uint32(hash)
	p.mu.Lock()
	k := p.bucket(tag)
	due := max(p.due[k], now) + l.interval
	excess := due - now - l.tolerance
	if ok = excess <= 0; ok {
		p.due[k], p.tag[k] = due, tag
	}
	p.mu.Unlock()
	return time.Duration(max(excess, 0)), ok
}

// bucket is the one with that tag, else the one that owes least.
func (p *place) bucket(tag uint32) int {
	least := 0
	for k := range p.tag {
		if p.tag[k] == tag {
			return k
		}
		if p.due[k] < p.due[least] {
			least = k
		}
	}
	return least
}

// choose is one of n by the upper half of a hash.
func choose(hash uint64, n int) int { return int((hash >> 32) * uint64(n) >> 32) }
