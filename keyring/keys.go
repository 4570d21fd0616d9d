package keyring

import (
	"slices"
	"sync/atomic"
	"time"
)

// Keys is what a key file held, as seen at one moment. It never changes and may be shared by goroutines.
type Keys struct {
	cluster string
	keys    []*Key // in the order of the file, which is the order of their making
	byID    [maxKeys]*Key
	newest  [purposes]*Key
	nextUse time.Time // zero when no key waits for its use
}

// newKeys is keys as seen at now. There is at least one key for each purpose, and no id is there twice.
func newKeys(cluster string, keys []*Key, now time.Time) *Keys {
	s := &Keys{cluster: cluster, keys: keys}
	for _, k := range keys {
		s.byID[k.ID] = k
		if k.UseFrom.After(now) && (s.nextUse.IsZero() || k.UseFrom.Before(s.nextUse)) {
			s.nextUse = k.UseFrom
		}
	}
	for p := range purposes {
		s.newest[p] = newestAt(keys, Purpose(p), now)
	}
	return s
}

// newestAt is the key whose use began last. When none has begun, a fresh file came from a machine whose clock is ahead
// of ours: the one that begins first is used already.
func newestAt(keys []*Key, p Purpose, now time.Time) (newest *Key) {
	var first *Key
	for _, k := range keys {
		if k.Purpose != p {
			continue
		}
		if first == nil || k.UseFrom.Before(first.UseFrom) {
			first = k
		}
		if !k.UseFrom.After(now) && (newest == nil || !k.UseFrom.Before(newest.UseFrom)) {
			newest = k
		}
	}
	if newest == nil {
		return first
	}
	return newest
}

// Newest is the key to seal with now; never nil.
func (s *Keys) Newest(p Purpose) *Key { return s.newest[p] }

// ByID is the key that opens what carries id; nil when there is none, or no longer.
func (s *Keys) ByID(id uint8) *Key {
	if id >= maxKeys {
		return nil
	}
	return s.byID[id]
}

// Cluster is the id of the cluster whose keys these are. All nodes with the same key file have the same; it is made
// with the file, and it goes into every derived key.
func (s *Keys) Cluster() string { return s.cluster }

// All is every key, oldest first.
func (s *Keys) All() []*Key { return slices.Clone(s.keys) }

// At is the same keys as seen at now. It shares the keys themselves: a *Key is the same one before and after.
func (s *Keys) At(now time.Time) *Keys { return newKeys(s.cluster, s.keys, now) }

// NextUse is when the next key begins to seal: whoever publishes s in a Ring replaces it by s.At then. ok is false
// when no key waits for its use.
func (s *Keys) NextUse() (at time.Time, ok bool) { return s.nextUse, !s.nextUse.IsZero() }

// Ring hands out the keys of the moment. Load is one atomic read: a packet's way takes no lock.
type Ring struct {
	now atomic.Pointer[Keys]
}

// NewRing starts a ring with keys.
func NewRing(keys *Keys) *Ring {
	r := new(Ring)
	r.now.Store(keys)
	return r
}

// Load is the snapshot of the moment. Take it once for a packet, so that one packet sees one set of keys.
func (r *Ring) Load() *Keys { return r.now.Load() }

// Replace publishes keys in place of what was there.
func (r *Ring) Replace(keys *Keys) { r.now.Store(keys) }
