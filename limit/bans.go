package limit

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bans are those who are refused before anything is read. Asking takes no lock and allocates nothing; with no ban at
// all it is one look at a number. Any goroutine may use it.
//
// There is room for a fixed number. What is over makes room, and a ban that was made by hand displaces the automatic one that
// ends first. An automatic ban that finds no room is not made, and counted: if it displaced another, who has many
// addresses could have his old bans thrown out by earning new ones. Who is not banned is still limited.
type Bans struct {
	max     int            // set once
	trusted []netip.Prefix // set once
	store   Store          // set once
	seed    maphash.Seed   // of networks; set once
	users   maphash.Seed   // set once
	index   index          // what is asked
	refused atomic.Uint64

	mu      sync.Mutex // guards what is below, and is held by whoever changes the index
	bans    map[uint64]*ban
	lengths lengths
	swept   time.Duration
}

// Ban is one of them, for people.
type Ban struct {
	Subject
	Why     string    // the rule or the person it comes from
	Since   time.Time // when it began
	Until   time.Time // when it ends; zero: never
	Strikes int       // how many offences it was earned with; 0 when it was made by hand
	ByHand  bool
	Hits    uint64 // packets refused because of it, since this process began
}

type ban struct {
	Ban
	slot *slot
}

// Options are what Bans need.
type Options struct {
	Max     int            // how many there are at most, automatic and by hand: about 100 bytes each and 300 of an entry in the store
	Trusted []netip.Prefix // networks of which no address is ever banned
	Store   Store          // where they outlive the process; nil: nowhere
}

// DefaultMax is room for bans that is enough for most.
const DefaultMax = 10_000

var (
	// ErrTrusted says why somebody cannot be banned.
	ErrTrusted = errors.New("it would ban a trusted network")
	// ErrNoRoom says that there are as many bans by hand as there is room for.
	ErrNoRoom  = errors.New("there is no room for another ban; delete one, or raise the number of bans")
	errNoOne   = errors.New("a ban needs a network or a user, and not both")
	errBanTime = errors.New("a ban ends in the future, or never")
)

// Open takes up the bans of an earlier process that are not over.
func Open(now time.Duration, o Options) *Bans {
	if o.Max <= 0 {
		o.Max = DefaultMax
	}
	b := &Bans{
		max: o.Max, trusted: slices.Clone(o.Trusted), store: o.Store, seed: maphash.MakeSeed(), users: maphash.MakeSeed(),
		index: newIndex(o.Max), bans: map[uint64]*ban{}, swept: now,
	}
	for i, p := range b.trusted {
		b.trusted[i] = p.Masked()
	}
	b.takeUp(now)
	return b
}

// HasSource tells whether an address is banned, alone or with its network.
func (b *Bans) HasSource(now time.Duration, from netip.Addr) bool {
	l := b.index.lengths.Load()
	if l == nil {
		return false
	}
	from = from.Unmap().WithZone("")
	bits := l.six
	if from.Is4() {
		bits = l.four
	}
	for _, n := range bits {
		p, err := from.Prefix(int(n))
		if err == nil && b.index.has(int64(now), hashNet(b.seed, p)) {
			return true
		}
	}
	return false
}

// HasUser tells whether a user is banned.
func (b *Bans) HasUser(now time.Duration, user []byte) bool {
	l := b.index.lengths.Load()
	return l != nil && l.users && b.index.has(int64(now), maphash.Bytes(b.users, user))
}

// IsTrusted tells whether an address belongs to a network that is never banned.
func (b *Bans) IsTrusted(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range b.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Refused is how many automatic bans there was no room for.
func (b *Bans) Refused() uint64 { return b.refused.Load() }

// Add bans by hand, for d, or for ever when d is 0. A ban that is there already gets the new end and the new reason.
func (b *Bans) Add(now time.Duration, s Subject, why string, d time.Duration) error {
	switch {
	case s.Net.IsValid() == (s.User != "") || len(s.User) > longestUser:
		return errNoOne
	case d < 0 || d > 100*longestBan:
		return errBanTime
	}
	s.Net = s.Net.Masked()
	if t, yes := b.touchesTrusted(s); yes {
		return fmt.Errorf("%v cannot be banned: %w, %v", s, ErrTrusted, t)
	}
	wall := time.Now().Round(0)
	made := Ban{Subject: s, Why: why, Since: wall, ByHand: true}
	if d > 0 {
		made.Until = wall.Add(d)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.put(now, made) {
		return ErrNoRoom
	}
	b.keep(made)
	return nil
}

// begin makes an automatic ban. One by hand that is in force stays as it is.
func (b *Bans) begin(now time.Duration, s Subject, why string, o Offence) bool {
	wall := time.Now().Round(0)
	made := Ban{Subject: s, Why: why, Since: wall, Until: wall.Add(o.For), Strikes: o.After}
	b.mu.Lock()
	defer b.mu.Unlock()
	if old := b.bans[b.hash(s)]; old != nil && old.slot.isHeld(int64(now)) && (old.ByHand || old.Until.After(made.Until)) {
		return true
	}
	if !b.put(now, made) {
		b.refused.Add(1)
		return false
	}
	b.keep(made)
	return true
}

// Delete ends a ban, and tells whether there was one.
func (b *Bans) Delete(now time.Duration, s Subject) bool {
	s.Net = s.Net.Masked()
	b.mu.Lock()
	defer b.mu.Unlock()
	hash := b.hash(s)
	old := b.bans[hash]
	if old == nil {
		return false
	}
	held := old.slot.isHeld(int64(now))
	b.forget(hash)
	return held
}

// List is all that are in force, the one that ends first before the others, those without an end last.
func (b *Bans) List(now time.Duration) []Ban {
	b.mu.Lock()
	b.sweep(now)
	all := make([]Ban, 0, len(b.bans))
	for _, e := range b.bans {
		e.Hits = e.slot.hits.Load()
		all = append(all, e.Ban)
	}
	b.mu.Unlock()
	slices.SortFunc(all, func(x, y Ban) int {
		if x.Until.IsZero() != y.Until.IsZero() {
			return cmp.Compare(y.Until.Unix(), x.Until.Unix()) // the zero time is before all others
		}
		return cmp.Or(x.Until.Compare(y.Until), cmp.Compare(x.String(), y.String()))
	})
	return all
}

// Len is how many there are, those included that are just over.
func (b *Bans) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.bans)
}

func (b *Bans) touchesTrusted(s Subject) (netip.Prefix, bool) {
	for _, p := range b.trusted {
		if s.Net.IsValid() && p.Overlaps(s.Net) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

func (b *Bans) hash(s Subject) uint64 {
	if s.User != "" {
		return maphash.String(b.users, s.User)
	}
	return hashNet(b.seed, s.Net)
}
