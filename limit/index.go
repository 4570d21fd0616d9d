package limit

import (
	"math"
	"slices"
	"sync/atomic"
)

// index answers whether a hash is banned. Hashes have 64 bits and a secret seed: that two subjects share one is not to
// be expected within the life of a machine. Readers take no lock; there is one writer at a time.
type index struct {
	places  [][slotWays]slot
	lengths atomic.Pointer[inUse] // nil: no ban at all
}

// inUse are the lengths of network that have a ban, longest first. There are few, and each costs whoever asks one look.
type inUse struct {
	four, six []uint8
	users     bool
}

const slotWays = 8

// slot is one ban. A reader that meets a change half-way takes it for none.
type slot struct {
	hash  atomic.Uint64
	until atomic.Int64 // on the callers' clock; 0: free
	hits  atomic.Uint64
}

const forever = math.MaxInt64

// newIndex has four slots for each ban: so hardly a place is ever full before all is.
func newIndex(bans int) index {
	return index{places: make([][slotWays]slot, max(1, bans*4/slotWays))}
}

func (x *index) place(hash uint64) *[slotWays]slot { return &x.places[choose(hash, len(x.places))] }

func (x *index) has(now int64, hash uint64) bool {
	place := x.place(hash)
	for k := range place {
		s := &place[k]
		if s.hash.Load() == hash && s.until.Load() > now && s.hash.Load() == hash {
			s.hits.Add(1)
			return true
		}
	}
	return false
}

// free is a slot of hash's place whose ban is over, or that has none; nil when all are in force.
func (x *index) free(now int64, hash uint64) *slot {
	place := x.place(hash)
	for k := range place {
		if !place[k].isHeld(now) {
			return &place[k]
		}
	}
	return nil
}

func (s *slot) isHeld(now int64) bool { return s.until.Load() > now }

func (s *slot) set(hash uint64, until int64) {
	s.until.Store(0)
	s.hits.Store(0)
	s.hash.Store(hash)
	s.until.Store(until)
}

// lengths counts how many networks of each length are banned, and users.
type lengths struct {
	four  [33]int
	six   [129]int
	users int
}

func (l *lengths) add(s Subject, n int) (changed bool) {
	count := &l.users
	switch {
	case s.User != "":
	case s.Net.Addr().Is4():
		count = &l.four[s.Net.Bits()]
	default:
		count = &l.six[s.Net.Bits()]
	}
	before := *count
	*count += n
	return (before == 0) != (*count == 0)
}

// snapshot is nil when there is nothing to look for.
func (l *lengths) snapshot() *inUse {
	u := &inUse{four: used(l.four[:]), six: used(l.six[:]), users: l.users > 0}
	if len(u.four) == 0 && len(u.six) == 0 && !u.users {
		return nil
	}
	return u
}

func used(counts []int) (bits []uint8) {
	for n, count := range slices.Backward(counts) {
		if count > 0 {
			bits = append(bits, uint8(n))
		}
	}
	return bits
}
