package relay

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// Config is what New needs.
type Config struct {
	Pools   []Pool
	Workers int // 0: as many as GOMAXPROCS
	Log     *slog.Logger
	// Restarted hears that a worker has panicked and is about to run again. It is called by that worker: it must not
	// wait for the engine. nil: nobody.
	Restarted func(worker int, e loop.Ended)
	// Chaos is called by a worker before it deals with what it has waited for. It may panic, to see what happens then. nil: none.
	Chaos func(worker int)
}

// userspace is the engine whose workers read and write sockets.
type userspace struct {
	Config
	began   time.Time
	wall    uint64 // began, in nanoseconds since 1970
	pools   []*pool
	workers []*worker
	extra   int // what was added to GOMAXPROCS

	mu     sync.RWMutex // guards the below, and port.worker
	relays map[ID]*placed
	last   ID
	closed bool
}

// placed is a relay and the worker that it belongs to.
type placed struct {
	relay
	worker *worker
}

// New starts an engine. It fails when a pool has no ports or an address that is not this machine's.
//
// As long as there is traffic, a worker waits in the kernel and Go's scheduler takes it for running. So that the rest of
// the program has as many processors as before, GOMAXPROCS is raised by the number of workers until Close: whoever
// measures by it should read it before New.
func New(cfg Config) (Engine, error) {
	e, err := build(cfg)
	if err != nil {
		return nil, err
	}
	e.run()
	return e, nil
}

// build makes an engine whose workers do not run yet.
func build(cfg Config) (*userspace, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &userspace{Config: cfg, began: time.Now(), relays: map[ID]*placed{}}
	e.wall = uint64(e.began.UnixNano())
	for _, p := range cfg.Pools {
		made, err := newPool(p, e.now)
		if err != nil {
			return nil, err
		}
		e.pools = append(e.pools, made)
	}
	for i := range cfg.Workers {
		w, err := newWorker(e, i)
		if err != nil {
			e.dispose()
			return nil, err
		}
		e.workers = append(e.workers, w)
	}
	return e, nil
}

// run sets the workers going.
func (e *userspace) run() {
	if e.extra = extraProcessors * len(e.workers); e.extra > 0 { // to set it, even to what it is, ends its automatic updates
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + e.extra)
	}
	for _, w := range e.workers {
		w.start()
	}
}

// now is the time since the engine's start.
func (e *userspace) now() time.Duration { return time.Since(e.began) }

func (e *userspace) Lease(pool, n int) (Lease, error) {
	e.mu.RLock() // Close comes after, and finds what was leased
	defer e.mu.RUnlock()
	if e.closed || pool < 0 || pool >= len(e.pools) {
		return Lease{}, fmt.Errorf("%w: pool %d is not open", ErrNoPorts, pool)
	}
	first, err := e.pools[pool].lease(n)
	if err != nil {
		return Lease{}, err
	}
	return Lease{Pool: pool, Port: first, Pairs: n}, nil
}

func (e *userspace) Claim(l Lease) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed || l.Pool < 0 || l.Pool >= len(e.pools) {
		return fmt.Errorf("%w: pool %d is not open", ErrNoPorts, l.Pool)
	}
	if e.pools[l.Pool].rouse(l) {
		e.await() // they may not be closed yet
	}
	return e.pools[l.Pool].claim(l)
}

// await waits until the workers have done what they were told so far.
func (e *userspace) await() {
	for _, w := range e.workers {
		done := make(chan struct{})
		w.do(func() { close(done) })
		<-done
	}
}

func (e *userspace) Return(l Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.Pool >= 0 && l.Pool < len(e.pools) {
		e.shut(e.pools[l.Pool].retire(l))
	}
}

// shut closes ports that nobody has any more; their worker does it, as it may be reading them.
func (e *userspace) shut(ports []*port) {
	var byWorker *worker
	var batch []*port
	flush := func() {
		if batch == nil {
			return
		}
		w, ports := byWorker, batch
		batch = nil
		w.do(func() {
			for _, p := range ports {
				w.drop(p)
			}
		})
	}
	for _, p := range ports {
		if p.worker == nil {
			p.close()
			continue
		}
		if p.worker != byWorker {
			flush()
			byWorker = p.worker
		}
		batch = append(batch, p)
	}
	flush()
}

func (e *userspace) Start(shard uint64, r Rule) ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	if e.closed {
		return e.last
	}
	p := &placed{worker: e.workers[shard%uint64(len(e.workers))]}
	ports, fresh := e.ports(p, &r)
	e.relays[e.last] = p
	w := p.worker
	w.do(func() {
		w.relays++
		p.set(&r, ports, e.now())
		p.restore(r.Locked)
		w.watch(fresh)
	})
	return e.last
}

func (e *userspace) Change(id ID, r Rule) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.relays[id]
	if p == nil {
		return
	}
	ports, fresh := e.ports(p, &r)
	p.worker.do(func() {
		p.set(&r, ports, e.now())
		p.worker.watch(fresh)
	})
}

func (e *userspace) Stop(id ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.relays[id]
	if p == nil {
		return
	}
	delete(e.relays, id)
	w := p.worker
	w.do(func() {
		w.relays--
		for i := range p.sides {
			p.sides[i].move([2]*port{})
		}
	})
}

// ports are those of a rule's sides. Those that no worker had yet, the fresh ones, go to the relay's; it must begin to
// watch them when they face the relay, as what has come to them waits there.
func (e *userspace) ports(of *placed, r *Rule) (ports [2][2]*port, fresh []*port) {
	w := of.worker
	for i := range r.Sides {
		side := &r.Sides[i]
		if side.Pool < 0 || side.Pool >= len(e.pools) {
			continue
		}
		for j, p := range e.pools[side.Pool].at(side.Port) {
			switch {
			case p == nil:
				e.Log.Error("a relay has no port", "address", e.Pools[side.Pool].Addr, "port", side.Port)
			case p.worker == nil:
				p.worker = w
				fresh = append(fresh, p)
				ports[i][j] = p
			case p.worker == w:
				ports[i][j] = p
			default:
				e.Log.Error("relays that share a port have different shards", "port", p.number)
			}
		}
	}
	return ports, fresh
}

func (e *userspace) Read(id ID, c *Counters) bool {
	e.mu.RLock()
	p := e.relays[id]
	e.mu.RUnlock()
	if p == nil {
		return false
	}
	for i := range p.sides {
		p.sides[i].counts.read(&c.Sides[i])
	}
	return true
}

func (e *userspace) Ports(pool int) PoolState {
	if pool < 0 || pool >= len(e.pools) {
		return PoolState{}
	}
	return e.pools[pool].state()
}

func (e *userspace) Full(pool int) bool {
	return pool >= 0 && pool < len(e.pools) && e.pools[pool].full()
}

func (e *userspace) Close() {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	clear(e.relays)
	for _, p := range e.pools {
		e.shut(p.empty())
	}
	e.mu.Unlock()
	for _, w := range e.workers {
		w.stop()
	}
	e.dispose()
	if e.extra > 0 {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - e.extra)
	}
}

// dispose gives back what newWorker has taken.
func (e *userspace) dispose() {
	for _, w := range e.workers {
		w.dispose()
	}
}
