package limit

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Offence is what earns a ban: so many in so short a time.
type Offence struct {
	After  int           // 1 to 10000: the offence with this number bans
	Within time.Duration // counted from the first of them, at most a day
	For    time.Duration // how long the ban lasts, at most a year
}

// The widest values of an Offence.
const (
	mostStrikes   = 10_000
	longestWithin = 24 * time.Hour
	longestBan    = 365 * 24 * time.Hour
)

var (
	errAfter  = errors.New("a ban comes after 1 to 10000 offences")
	errWithin = errors.New("offences are counted within 1ms to 24h")
	errFor    = errors.New("a ban lasts 1s to a year; one without an end is made by hand")
)

// Validate says in a sentence what is wrong with the offence.
func (o Offence) Validate() error {
	switch {
	case o.After < 1 || o.After > mostStrikes:
		return errAfter
	case o.Within < time.Millisecond || o.Within > longestWithin:
		return errWithin
	case o.For < time.Second || o.For > longestBan:
		return errFor
	}
	return nil
}

// Watch counts the offences of sources and users, in a fixed piece of memory, and bans who has committed enough. Any
// goroutine may use it.
//
// A place has room for seven counts. Who has none there takes over the smallest, and it is noted how much of it is not
// his: so the count of who offends most is the last to go, as with a Limiter; yet a ban, unlike a limit, follows only
// from what somebody did himself. A flood of offenders with made-up addresses, more than the watch can hold within the
// time that it counts, may so delay a ban: the limit on each of them stands.
type Watch struct {
	bans    *Bans // set once, as all here
	why     string
	offence Offence
	seed    maphash.Seed // of sources
	users   maphash.Seed
	tallies []tally
}

const tallyWays = 7

// tally is one place. An entry whose time is over counts nothing.
type tally struct {
	mu    sync.Mutex
	end   [tallyWays]int64 // when the time is over in which is counted
	tag   [tallyWays]uint32
	own   [tallyWays]uint16 // offences of whom the entry belongs to
	taken [tallyWays]uint16 // what the entry counted when it was taken over
	_     [8]byte           // two cache lines
}

// Watch makes a watch with an offence that is valid, and room for about so many offenders at a time, 18 bytes each. why
// stands beside its bans.
func (b *Bans) Watch(why string, o Offence, offenders int) *Watch {
	return &Watch{
		bans: b, why: why, offence: o, seed: maphash.MakeSeed(), users: maphash.MakeSeed(),
		tallies: make([]tally, max(1, (offenders+tallyWays-1)/tallyWays)),
	}
}

// StrikeSource counts one offence of a source, and tells whether it is banned for it. A trusted source never is.
func (w *Watch) StrikeSource(now time.Duration, from netip.Addr) bool {
	if !from.IsValid() || w.bans.IsTrusted(from) || !w.strike(int64(now), hashSource(w.seed, from)) {
		return false
	}
	return w.bans.begin(now, Subject{Net: sourceOf(from)}, w.why, w.offence)
}

// StrikeUser is StrikeSource for a user. Whoever can make others offend in a user's name can have him banned.
func (w *Watch) StrikeUser(now time.Duration, user []byte) bool {
	if len(user) == 0 || len(user) > longestUser || !w.strike(int64(now), maphash.Bytes(w.users, user)) {
		return false
	}
	return w.bans.begin(now, Subject{User: string(user)}, w.why, w.offence)
}

// strike is true for the offence that bans. With it the count begins anew.
func (w *Watch) strike(now int64, hash uint64) bool {
	t, tag := &w.tallies[choose(hash, len(w.tallies))], uint32(hash)
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.entry(now, tag)
	switch {
	case t.end[k] <= now:
		t.own[k], t.taken[k], t.end[k] = 0, 0, now+int64(w.offence.Within)
	case t.tag[k] != tag:
		t.own[k], t.taken[k], t.end[k] = 0, uint16(min(t.weight(k, now), mostStrikes)), now+int64(w.offence.Within)
	}
	t.tag[k] = tag
	if t.own[k]++; int(t.own[k]) < w.offence.After {
		return false
	}
	t.end[k] = 0
	return true
}

// entry is the one with that tag, else the one that counts least.
func (t *tally) entry(now int64, tag uint32) int {
	least := 0
	for k := range t.tag {
		if t.tag[k] == tag {
			return k
		}
		if t.weight(k, now) < t.weight(least, now) {
			least = k
		}
	}
	return least
}

func (t *tally) weight(k int, now int64) int {
	if t.end[k] <= now {
		return 0
	}
	return int(t.own[k]) + int(t.taken[k])
}
