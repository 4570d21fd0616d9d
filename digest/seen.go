package digest

import (
	"sync"
	"time"
)

// window is how far requests may overtake one another: a phone that sends many at once, of which some are lost.
const window = 16

// ways is how many nonces share one place of the table, stripes how many locks there are.
const (
	ways    = 8
	stripes = 64
)

// used is one nonce and what it was used for. A nonce count has its slot; what is in it is the request that used it, 0 for
// none: so a retransmission is told from a replay.
type used struct {
	id       uint64
	at       int64 // when the nonce was made; 0 for a free place
	highest  uint32
	requests [window]uint64
}

// seen is a table of used nonces, of fixed size. Each place remembers how new the newest nonce was that it had to forget:
// what is not newer may have been used, and is stale; what is newer was not.
type seen struct {
	maxAge int64 // ms; set once
	places uint64
	used   []used  // place p is used[p*ways:][:ways]; its lock guards it
	forgot []int64 // by place; its lock guards it
	locks  [stripes]sync.Mutex
}

// newSeen forgets all that was before now.
func newSeen(size int, maxAge time.Duration, now time.Time) *seen {
	places := max(1, size/ways)
	s := &seen{maxAge: maxAge.Milliseconds(), places: uint64(places), used: make([]used, places*ways), forgot: make([]int64, places)}
	for i := range s.forgot {
		s.forgot[i] = now.UnixMilli()
	}
	return s
}

// use counts a request that proved to know the password. It is OK the first time and for the very same request again, Replayed
// for another request with the same nonce count, Stale when that is not known.
func (s *seen) use(n nonce, nc uint32, request uint64, now time.Time) Verdict {
	if request == 0 {
		request = 1
	}
	p := n.id % s.places
	lock := &s.locks[p%stripes]
	lock.Lock()
	defer lock.Unlock()
	place := s.used[p*ways:][:ways]
	for i := range place {
		if e := &place[i]; e.id == n.id && e.at == n.at {
			return e.count(nc, request)
		}
	}
	if n.at <= s.forgot[p] {
		return Stale
	}
	e := s.victim(place, now)
	switch {
	case e.at == 0 || s.tooOld(e, now):
	case e.at >= n.at:
		return Stale // it would be the next to be forgotten
	default:
		s.forgot[p] = max(s.forgot[p], e.at)
	}
	*e = used{id: n.id, at: n.at, highest: nc}
	e.requests[nc%window] = request
	return OK
}

// victim is a free entry, else the oldest.
func (s *seen) victim(place []used, now time.Time) *used {
	oldest := &place[0]
	for i := range place {
		if place[i].at < oldest.at {
			oldest = &place[i]
		}
	}
	return oldest
}

func (s *seen) tooOld(e *used, now time.Time) bool { return now.UnixMilli()-e.at > s.maxAge }

// count is use for a nonce that was used before.
func (e *used) count(nc uint32, request uint64) Verdict {
	if nc > e.highest {
		for passed := uint32(1); passed < nc-e.highest && passed <= window; passed++ {
			e.requests[(e.highest+passed)%window] = 0
		}
		e.highest = nc
		e.requests[nc%window] = request
		return OK
	}
	slot := &e.requests[nc%window]
	switch {
	case e.highest-nc >= window:
		return Replayed
	case *slot == 0:
		*slot = request
		return OK
	case *slot == request:
		return OK
	}
	return Replayed
}
