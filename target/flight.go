package target

import (
	"context"
	"fmt"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// What one query may cost. A SIP transaction is over after 32 s (RFC 3261 Timer B, F). One question takes no longer than
// patience and none is put later than that after the query: so an answer comes while somebody still wants it.
const (
	maxQuestions = 32
	patience     = 10 * time.Second
)

// waiter is a query that waits for answers. Whoever lands the last flight that it waits for owns it next.
type waiter struct {
	q     Query
	done  func(Hop, error)
	seen  func(set *recordSet, cached bool)
	began time.Time
	heard []*recordSet // guarded by Resolver.mu while pending

	asked   int // so far
	pending int // flights that it waits for; guarded by Resolver.mu
	told    bool
}

// flight is a question on its way, on a goroutine of its own: a slow answer delays only who waits for it.
type flight struct {
	question question
	cancel   func()     // ends the question; the goroutine still tells the waiters
	waiters  []*waiter  // guarded by Resolver.mu until it has landed, the goroutine's own then
	set      *recordSet // the goroutine's own, as the rest
	telling  *waiter    // whom it is telling
}

// advance walks with all that w has heard. It returns known, or else w waits in flights and is no more the caller's.
func (r *Resolver) advance(w *waiter) (hop Hop, err error, known bool) {
	for {
		walk := walk{r: r, q: w.q, heard: w.heard, seen: w.seen}
		hop, err = walk.hop()
		if err != errMissing {
			return hop, err, true
		}
		if w.asked += int(walk.lacks); w.asked > maxQuestions {
			return Hop{}, fmt.Errorf("%w: %s leads to too many records", ErrUnavailable, w.q.Host), true
		}
		if r.now().Sub(w.began) > patience {
			return Hop{}, fmt.Errorf("%w: %s took longer than %s", ErrUnavailable, w.q.Host, patience), true
		}
		waits, err := r.ask(w, walk.missing[:walk.lacks])
		if err != nil {
			return Hop{}, err, true
		}
		if waits {
			return Hop{}, nil, false
		}
	}
}

// ask puts w into the flights of questions, and starts those that are not under way. waits is false when all answers
// have come in meanwhile.
func (r *Resolver) ask(w *waiter, questions []question) (waits bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false, ErrClosed
	}
	for _, q := range questions {
		if set := r.cache.get(q, r.now()); set != nil {
			w.heard = append(w.heard, set)
			continue
		}
		f := r.flights[q]
		if f == nil {
			f = r.take(q)
		}
		f.waiters = append(f.waiters, w)
		w.pending++
	}
	return w.pending > 0, nil
}

// take starts a flight. The caller holds mu.
func (r *Resolver) take(q question) *flight {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	f := &flight{question: q, cancel: cancel}
	r.flights[q] = f
	r.start("target "+q.String(), func() { r.fly(ctx, f) }, func(e loop.Ended) { r.carryOn(f, e) })
	return f
}

func (r *Resolver) fly(ctx context.Context, f *flight) {
	defer f.cancel()
	if r.hosts != nil {
		f.set = r.hosts.answer(f.question)
	}
	if f.set == nil {
		f.set = r.servers.fetch(ctx, f.question)
		r.stats.heard(f.set)
	}
	r.land(f)
}

// land gives the answer to the cache and then to the waiters: so whoever finds no flight finds the cache filled.
func (r *Resolver) land(f *flight) {
	if f.set.ttl > 0 {
		r.cache.put(f.set, r.now())
	}
	r.mu.Lock()
	if r.flights[f.question] == f {
		delete(r.flights, f.question)
	}
	r.mu.Unlock()
	for len(f.waiters) > 0 {
		f.telling, f.waiters = f.waiters[0], f.waiters[1:]
		if !r.hear(f.telling, f.set) {
			continue
		}
		if hop, err, known := r.advance(f.telling); known {
			r.tell(f.telling, hop, err)
		}
	}
}

// hear tells whether w waits for nothing else.
func (r *Resolver) hear(w *waiter, set *recordSet) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.heard = append(w.heard, set)
	w.pending--
	return w.pending == 0
}

// tell ends w's wait. Its place is free before done is called, which may well ask again.
func (r *Resolver) tell(w *waiter, hop Hop, err error) {
	r.mu.Lock()
	r.waiting--
	r.mu.Unlock()
	w.told = true
	w.done(hop, err)
}

// carryOn follows a panic in a flight: an answer that could not be read is a failed one, and a waiter that could not be
// told does not keep the others from hearing.
func (r *Resolver) carryOn(f *flight, e loop.Ended) {
	if e.Panic == nil {
		return
	}
	if f.set == nil {
		f.set = failed(f.question, e.Err())
	}
	r.start(e.Name, func() {
		if w := f.telling; w != nil && !w.told {
			r.tell(w, Hop{}, fmt.Errorf("%w: %w", ErrUnavailable, e.Err()))
		}
		r.land(f)
	}, func(e loop.Ended) { r.carryOn(f, e) })
}

// start runs body on a loop that Close waits for. The caller holds mu with the resolver open, or is waited for itself.
func (r *Resolver) start(name string, body func(), ended func(loop.Ended)) {
	r.loops.Add(1)
	loop.Start(name, func(<-chan struct{}) { body() }, func(e loop.Ended) {
		defer r.loops.Done()
		if e.Panic != nil && r.failed != nil {
			r.failed(e)
		}
		if ended != nil {
			ended(e)
		}
	})
}
