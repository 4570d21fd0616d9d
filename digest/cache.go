package digest

import (
	"sync"
	"time"
)

// remembered is what was said of a user, and how long that holds.
type remembered struct {
	ha1     HA1
	found   Found
	expires time.Time
}

// cache remembers at most size users, in two generations: when the young one is full, the old one is forgotten. Whoever is in
// use moves to the young one, and stays.
type cache struct {
	size  int // set once
	mu    sync.Mutex
	young map[string]remembered
	old   map[string]remembered
}

func newCache(size int) *cache { return &cache{size: max(2, size), young: map[string]remembered{}} }

func (c *cache) find(key []byte, now time.Time) (r remembered, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok = c.young[string(key)]; ok {
		return r, now.Before(r.expires)
	}
	if r, ok = c.old[string(key)]; !ok || !now.Before(r.expires) {
		return r, false
	}
	c.keep(string(key), r)
	return r, true
}

func (c *cache) put(key string, r remembered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(key, r)
}

// keep puts r among the young. The caller holds mu.
func (c *cache) keep(key string, r remembered) {
	delete(c.old, key)
	if _, there := c.young[key]; !there && len(c.young) >= c.size/2 {
		c.old, c.young = c.young, make(map[string]remembered)
	}
	c.young[key] = r
}
