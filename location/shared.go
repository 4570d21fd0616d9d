package location

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/loop"
)

// SharedConfig says where the nodes of a cluster keep their bindings.
type SharedConfig struct {
	// Config is as for Open, but that File is a copy: what a node knows that is started while etcd is away. What all
	// nodes have taken counts for MaxBindings and MaxPerAOR: this node takes no more, and knows what the others take all the same. Clocks of
	// the nodes must agree to a second.
	Config

	Etcd *etcd.Client // closed after the store

	// AcceptWhenAway has registrations accepted while etcd is away: by this node alone, in its memory, and written when etcd is
	// back. What another node has accepted for the same phone meanwhile is decided by its CSeq, or with another Call-ID by when it was. Without it they
	// fail with ErrAway.
	AcceptWhenAway bool
}

// Shared is the store of a cluster: entries in etcd, and all of them in the memory of each node, where Lookup finds them. etcd
// removes what nobody has refreshed, by leases that many entries share.
type Shared struct {
	memory               // written with mu held
	cfg     SharedConfig // set once, as the next
	now     func() time.Time
	hearing hearing
	stats   stats
	leases  leases

	follower *loop.Handle // hears of changes, and brings them to the table
	writers  []*loop.Handle
	clerk    *loop.Handle  // sweeps, pays debts, keeps the copy
	wake     chan struct{} // holds one: an update waits
	turn     chan struct{} // holds one: a writer gathers
	synced   chan struct{} // closed when etcd was read for the first time
	copy     *copyFile     // the clerk's own; nil: none

	mu       sync.Mutex // guards the rest; neither etcd nor the disk is waited for with it, and Lookup does not take it
	pending  map[string]*intent
	flying   map[string]*intent // in a transaction, or not yet heard of
	queue    []string           // of pending, first come first served
	landed   []landing
	owed     map[string]*debt
	owings   int   // how often something was owed
	revision int64 // up to which the follower has heard
	total    int   // bindings in the table
	waiting  int   // callers who will be told
	closed   bool
	said     time.Time // when the log was last told that nothing can be written
}

// bindingPrefix is that of the entries in etcd; behind it is the address of record.
const bindingPrefix = "bindings/"

const (
	writers   = 4                // transactions at once
	mostEntry = 256 << 10        // bytes of the texts of an address of record
	startWait = 30 * time.Second // for the first reading of etcd
)

// ErrAway is why an update is refused while etcd is away. Whether one was made that was on its way then is not known.
var ErrAway = errors.New("the etcd with the registrations is away")

// OpenShared opens the bindings of a cluster. It returns when they were read; or, while etcd is away, at once with those of the
// copy. A copy that another process has open is an error.
func OpenShared(cfg SharedConfig) (*Shared, error) {
	return openShared(cfg, time.Second/4, time.Now)
}

func openShared(cfg SharedConfig, tick time.Duration, now func() time.Time) (*Shared, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Etcd == nil {
		return nil, errors.New("shared bindings need an etcd")
	}
	cfg.Config = cfg.filled()
	s := &Shared{
		memory: newMemory(cfg.MaxBindings), cfg: cfg, now: now, wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		synced:  make(chan struct{}),
		pending: map[string]*intent{}, flying: map[string]*intent{}, owed: map[string]*debt{},
	}
	s.hearing = hearing{cfg.Log, cfg.Expired, &s.stats.expired}
	s.leases = leases{etcd: cfg.Etcd, now: now, granted: map[int64]etcd.Lease{}}
	if cfg.File != Off {
		if err := s.openCopy(); err != nil {
			return nil, err
		}
	}
	s.follower = loop.Start("location follower", func(stop <-chan struct{}) {
		cfg.Etcd.Follow(stop, etcd.Follower{Prefix: bindingPrefix, All: s.hearAll, Changes: s.hear})
	}, s.ended)
	for range writers {
		s.writers = append(s.writers, loop.Start("location writer", s.write, s.ended))
	}
	s.clerk = loop.Start("location clerk", func(stop <-chan struct{}) { s.work(stop, tick) }, s.ended)
	if !s.awaitFirst() {
		cfg.Log.Error("etcd is away: the registrations of the cluster are not known", "copied", s.Stats().Bindings)
	}
	return s, nil
}

func (s *Shared) awaitFirst() (ok bool) {
	end := time.After(startWait)
	for s.cfg.Etcd.Away() == nil {
		select {
		case <-s.synced:
			return true
		case <-end:
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false
}

// Synced is closed when etcd was read for the first time: until then a node knows nothing, or its copy.
func (s *Shared) Synced() <-chan struct{} { return s.synced }

// Update is Store's, for all nodes (RFC 3261 §10.3). done hears when etcd has the update and this node has heard of it, so that it finds it.
func (s *Shared) Update(aor string, now time.Time, change Change, done func(error)) error {
	if aor == "" || len(aor) > maxAOR {
		return fmt.Errorf("%w: an address of record of %d bytes", ErrTooLong, len(aor))
	}
	away := s.cfg.Etcd.Away()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.waiting >= maxWaiting:
		return ErrBusy
	case away != nil && !s.cfg.AcceptWhenAway:
		s.stats.failed.Add(1)
		return fmt.Errorf("%w: %w", ErrAway, away)
	}
	next := step{change: change, done: done}
	r, err := s.result(aor, s.latest(aor), next, now)
	if err != nil {
		return err
	}
	s.enqueue(aor, r, next)
	return nil
}

// enqueue has a step wait for a writer, whose result is r. mu is held.
func (s *Shared) enqueue(aor string, r *record, next step) {
	it := s.pending[aor]
	if it == nil {
		it = &intent{aor: aor, seen: s.table.named(aor).revision(), pays: versionOf(s.owed[aor])}
		s.pending[aor] = it
		if flying := s.flying[aor]; flying != nil {
			it.seen, it.pays = afterFlight, flying.pays // and it is put into the queue then
		} else {
			s.queue = append(s.queue, aor)
		}
	}
	if it.pays != versionOf(s.owed[aor]) {
		it.seen = outdated
	}
	it.record, it.steps = r, append(it.steps, next)
	s.waiting++
	s.rouse()
}

func (s *Shared) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// latest is what aor has, or is going to have when what waits and flies is there. mu is held.
func (s *Shared) latest(aor string) []Binding {
	if it := s.pending[aor]; it != nil {
		return it.record.bindings()
	}
	if it := s.flying[aor]; it != nil {
		return it.record.bindings()
	}
	return s.table.named(aor).bindings()
}

// result is what a step makes of base. mu is held.
func (s *Shared) result(aor string, base []Binding, next step, now time.Time) (*record, error) {
	present := live(base, now)
	after, err := next.change(slices.Clone(present))
	if err != nil {
		return nil, err
	}
	after = live(after, now)
	more := len(after) - len(present)
	switch {
	case next.debt != nil:
	case len(after) > max(s.cfg.MaxPerAOR, len(present)):
		return nil, ErrTooMany
	case more > 0 && s.total+more > s.cfg.MaxBindings:
		return nil, ErrFull
	}
	size := 0
	for i := range after {
		size += after[i].size()
	}
	if size > mostEntry {
		return nil, fmt.Errorf("%w: bindings of %d bytes", ErrTooLong, size)
	}
	return s.record(aor, after)
}

// Stats is what this node knows and has done so far. It may be asked at any time.
func (s *Shared) Stats() Stats {
	away := s.cfg.Etcd.Away() != nil
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Registrations: int(s.table.count.Load()), Bindings: s.total, Waiting: s.waiting,
		Kept: s.stats.kept.Load(), Failed: s.stats.failed.Load(), Expired: s.stats.expired.Load(),
		Away: away, Owed: len(s.owed), Conflicts: s.stats.conflicts.Load(), Damaged: s.stats.damaged.Load(),
	}
}

// Close is Store's. What was accepted while etcd was away, and is not in it yet, is lost. Who waits for an update hears of it before
// Close returns, so a done must not call Close.
func (s *Shared) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.clerk.Stop()
	for _, w := range s.writers {
		w.Stop()
	}
	s.follower.Stop()
	s.mu.Lock()
	told := s.settle(time.Now())
	for _, left := range []map[string]*intent{s.flying, s.pending} { // none, unless a writer has panicked
		for _, it := range left {
			told = append(told, s.finish(it, ErrClosed)...)
		}
	}
	s.mu.Unlock()
	s.tell(told)
	s.closeCopy()
}

// ended closes the store when one of its loops has panicked.
func (s *Shared) ended(e loop.Ended) {
	if e.Panic == nil {
		return
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cfg.Log.Error("the location store has ended: nobody can register any more", "error", e.Err(), "stack", string(e.Stack))
	if s.cfg.Failed != nil {
		s.cfg.Failed(e)
	}
}

// filled is cfg with its defaults.
func (cfg Config) filled() Config {
	if cfg.MaxBindings == 0 {
		cfg.MaxBindings = defaultMaxBindings
	}
	if cfg.MaxPerAOR == 0 {
		cfg.MaxPerAOR = defaultMaxPerAOR
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}
