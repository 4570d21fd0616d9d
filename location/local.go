package location

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// Off as Config.File is no file: bindings live as long as the process.
const Off = "off"

// Config says where bindings are kept and how many.
type Config struct {
	File        string // path of the file, or Off
	MaxBindings int    // of all addresses of record; default 100000. 8 bytes each are taken at once.
	MaxPerAOR   int    // of one address of record; default 10
	Log         *slog.Logger

	// Expired hears of each binding that has lapsed, once, when it is removed: at the latest some seconds after, and not of
	// what lapsed while no process had the file. It must not block. nil: nobody hears.
	Expired func(aor string, b Binding)

	// Failed hears of a panic of the store's own goroutine: who waits for that write is told so, and it goes on. nil: nobody hears.
	Failed func(loop.Ended)
}

const (
	defaultMaxBindings = 100_000
	defaultMaxPerAOR   = 10
	maxAOR             = 1024   // bytes of an address of record
	maxWaiting         = 16_384 // updates that wait for the disk
)

// Validate tells what is wrong with cfg, in a sentence.
func (cfg Config) Validate() error {
	switch {
	case cfg.File == "":
		return errors.New(`the location store needs the path of a file, or "off"`)
	case cfg.MaxBindings < 0 || cfg.MaxBindings > 1<<24:
		return fmt.Errorf("the location store can hold 1 to %d bindings, not %d", 1<<24, cfg.MaxBindings)
	case cfg.MaxPerAOR < 0:
		return errors.New("the number of bindings of an address of record is not negative")
	}
	return nil
}

// Local is the store of one process: memory, and a file behind it.
type Local struct {
	memory                   // written by the keeper alone
	cfg     Config           // set once
	tuning  tuning           // set once
	wake    chan struct{}    // holds one: an update waits
	now     func() time.Time // set once
	keeper  *loop.Handle
	hearing hearing // set once
	stats   stats

	file *file // the keeper's own; nil: none

	mu      sync.Mutex // guards the rest; the disk is never waited for with it, and Lookup does not take it
	pending map[string]*update
	flying  map[string]*update  // what is just being written
	dirty   map[string]struct{} // addresses of record whose record in memory is not what the file has
	total   int                 // bindings, counting pending and flying ones for those that they replace
	waiting int                 // callers who will be told
	closed  bool
}

// update is what an address of record is going to be.
type update struct {
	record *record // nil: nothing
	done   []func(error)
	lapsed []Binding // which it drops, to be told when it is there
}

// tuning is how the keeper spends its time; tests hurry it.
type tuning struct {
	pace  time.Duration // from one write to the next: what comes meanwhile goes together
	sweep time.Duration // between looks at what has lapsed
}

// Open opens the store with what an earlier process has left in its file. A file that another process has open is an
// error; a damaged one is moved aside to its path and ".damaged" with a word in the log, and a new one made.
func Open(cfg Config) (*Local, error) {
	return open(cfg, tuning{pace: 10 * time.Millisecond, sweep: time.Second}, time.Now)
}

func open(cfg Config, how tuning, now func() time.Time) (*Local, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.filled()
	l := &Local{
		memory: newMemory(cfg.MaxBindings), cfg: cfg, tuning: how, now: now, wake: make(chan struct{}, 1),
		pending: map[string]*update{}, dirty: map[string]struct{}{},
	}
	l.hearing = hearing{cfg.Log, cfg.Expired, &l.stats.expired}
	if cfg.File != Off {
		f, found, err := openFile(cfg.File, cfg.Log)
		if err != nil {
			return nil, err
		}
		l.file = f
		l.load(found)
	}
	l.keeper = loop.Start("location", l.keep, l.ended)
	return l, nil
}

// load takes up what the file has, but for what has lapsed.
func (l *Local) load(found []kept) {
	now := l.now()
	for _, k := range found {
		r, err := l.record(k.aor, live(k.bindings, now))
		if r == nil || err != nil {
			l.dirty[k.aor] = struct{}{}
			continue
		}
		l.place(k.aor, r)
		l.total += len(r.bindings())
	}
}

// Update is Store's. change is called once, before Update returns, while other updates wait for it.
func (l *Local) Update(aor string, now time.Time, change Change, done func(error)) error {
	if aor == "" || len(aor) > maxAOR {
		return fmt.Errorf("%w: an address of record of %d bytes", ErrTooLong, len(aor))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return ErrClosed
	case l.waiting >= maxWaiting:
		return ErrBusy
	}
	base := l.latest(aor).bindings()
	present := live(base, now)
	next, err := change(slices.Clone(present))
	if err != nil {
		return err
	}
	next = live(next, now)
	more := len(next) - len(base)
	switch {
	case len(next) > max(l.cfg.MaxPerAOR, len(present)):
		return ErrTooMany
	case more > 0 && l.total+more > l.cfg.MaxBindings:
		return ErrFull
	}
	r, err := l.record(aor, next)
	if err != nil {
		return err
	}
	l.wait(aor, r, done, lapsed(base, now))
	l.total += more
	return nil
}

// latest is what aor is, or is going to be when what waits and flies is there. l.mu is held.
func (l *Local) latest(aor string) *record {
	if u := l.pending[aor]; u != nil {
		return u.record
	}
	if u := l.flying[aor]; u != nil {
		return u.record
	}
	return l.table.named(aor)
}

// wait puts an update into the next write, in the place of one that waits already. l.mu is held.
func (l *Local) wait(aor string, r *record, done func(error), lapsed []Binding) {
	u := l.pending[aor]
	if u == nil {
		u = &update{}
		l.pending[aor] = u
	}
	u.record = r
	u.done = append(u.done, done)
	u.lapsed = append(u.lapsed, lapsed...)
	l.waiting++
	l.rouse()
}

func (l *Local) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Stats is what the store holds and has done so far. It may be asked at any time.
func (l *Local) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		Registrations: int(l.table.count.Load()), Bindings: l.total, Waiting: l.waiting,
		Kept: l.stats.kept.Load(), Failed: l.stats.failed.Load(), Expired: l.stats.expired.Load(),
	}
}

// Close is Store's. Who waits for an update hears of it before Close returns, so a done must not call Close.
func (l *Local) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.keeper.Stop()
	l.mu.Lock()
	f := l.file
	l.file = nil
	l.mu.Unlock()
	if f != nil {
		f.close()
	}
}
