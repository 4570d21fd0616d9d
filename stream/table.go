package stream

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// table finds connections without a lock: every packet asks for one. Each bucket is a list, the newest connection first. Who walks it
// while an entry is taken out goes on from there, and misses none that stays.
//
//	buckets ──► entry ──► entry ──► nil
//	              │ conn    │ conn
type table struct {
	seed    maphash.Seed // nobody can foresee which connections share a bucket
	buckets [buckets]atomic.Pointer[entry]
	mu      sync.Mutex // of those who change it
}

// buckets keep the lists short up to some ten thousand connections, for 64 KiB.
const buckets = 8 << 10

type entry struct {
	conn *Conn
	next atomic.Pointer[entry]
}

func newTable() *table { return &table{seed: maphash.MakeSeed()} }

// of is the bucket of a key.
func (t *table) of(key []byte) *atomic.Pointer[entry] {
	return &t.buckets[maphash.Bytes(t.seed, key)%buckets]
}

func (t *table) put(key []byte, c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.of(key)
	e := &entry{conn: c}
	e.next.Store(b.Load())
	b.Store(e)
}

// drop takes a connection out, if it is in.
func (t *table) drop(key []byte, c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := t.of(key); at.Load() != nil; at = &at.Load().next {
		if e := at.Load(); e.conn == c {
			at.Store(e.next.Load())
			return
		}
	}
}
