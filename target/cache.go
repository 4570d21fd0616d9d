package target

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// ways is how many entries share one place of the cache.
const ways = 8

// cache keeps record sets. It is a table of places with a few entries each: a reader takes no lock and looks at one
// place only, a writer throws out of one place only. So a flood of random names costs neither memory nor time, and it
// drives out its like before what is in use.
type cache struct {
	seed  maphash.Seed
	ways  int
	slots []atomic.Pointer[recordSet] // place p is slots[p*ways:][:ways]
	mu    sync.Mutex                  // held by writers
}

func newCache(size int) *cache {
	w := min(size, ways)
	return &cache{seed: maphash.MakeSeed(), ways: w, slots: make([]atomic.Pointer[recordSet], size/w*w)}
}

// hash has a secret seed, so that nobody can aim at one place.
func (c *cache) hash(q question) uint64 {
	var buf [maxName + 3]byte
	buf[0], buf[1], buf[2] = byte(q.service), byte(q.kind>>8), byte(q.kind)
	n := 3
	for i := 0; i < len(q.name) && n < len(buf); i++ {
		buf[n] = lower(q.name[i])
		n++
	}
	return maphash.Bytes(c.seed, buf[:n])
}

func (c *cache) place(hash uint64) []atomic.Pointer[recordSet] {
	p := int(hash % uint64(len(c.slots)/c.ways))
	return c.slots[p*c.ways:][:c.ways]
}

// get is nil when the answer is not known, or not known any more.
func (c *cache) get(q question, now time.Time) *recordSet {
	h := c.hash(q)
	place := c.place(h)
	for i := range place {
		set := place[i].Load()
		if set == nil || set.hash != h || !set.question.matches(q) {
			continue
		}
		if !now.Before(set.expires) {
			return nil
		}
		if !set.used.Load() { // written once, so that readers do not fight for the cache line
			set.used.Store(true)
		}
		return set
	}
	return nil
}

// put keeps set for its time to live, in the place of its predecessor, else of the entry that is missed least.
func (c *cache) put(set *recordSet, now time.Time) {
	set.hash, set.expires = c.hash(set.question), now.Add(set.ttl)
	place := c.place(set.hash)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range place {
		if old := place[i].Load(); old != nil && old.question == set.question {
			place[i].Store(set)
			return
		}
	}
	place[victim(place, now)].Store(set)
}

// victim is a free or expired slot; else, among those not used since the last search, the one that expires first; else
// of all. Answers that do not exist expire early, and so make way for those that do.
func victim(place []atomic.Pointer[recordSet], now time.Time) int {
	idle, any := -1, 0
	for i := range place {
		set := place[i].Load()
		if set == nil || !now.Before(set.expires) {
			return i
		}
		if set.expires.Before(place[any].Load().expires) {
			any = i
		}
		if !set.used.Load() && (idle < 0 || set.expires.Before(place[idle].Load().expires)) {
			idle = i
		}
	}
	if idle >= 0 {
		return idle
	}
	for i := range place {
		place[i].Load().used.Store(false)
	}
	return any
}
