package location

import (
	"errors"
	"fmt"
	"time"
)

// intent is what an address of record is going to be.
//
//	pending ─▶ flying: in a transaction ─▶ landed: in etcd ─▶ heard, in the table ─▶ told
//	              ▲          │ another node was faster
//	              └── redo ──┘
type intent struct {
	aor    string
	seen   int64   // revision of the entry that record is made of, 0: there was none; or one of those below
	record *record // what the steps make of it; nil: nothing
	steps  []step
	doubt  bool  // it may be in etcd already: an answer did not come
	there  int64 // the revision by which it has landed
	pays   int   // version of the debt that record has in it; 0: none
}

// Values of intent.seen: of what the flight before brings, and of what nobody knows any more. They are no entry's revision.
const (
	afterFlight = -1
	outdated    = -2
)

// step is one update.
type step struct {
	change Change
	done   func(error)
	debt   *debt // it pays that one; nil: it is somebody's
}

// tale is what somebody is to be told.
type tale struct {
	done func(error)
	err  error
}

var errPanicked = errors.New("who was to change it has panicked")

// redo makes the steps again of what is in etcd and what is owed to it. Those that are refused now are left out. mu is held.
func (s *Shared) redo(it *intent, base []Binding, seen int64) (refused []tale) {
	now := s.now()
	d := s.owed[it.aor]
	if it.pays = versionOf(d); d != nil {
		base = d.merge(base)
	}
	kept := it.steps[:0]
	for _, next := range it.steps {
		r, err := (*record)(nil), errPanicked
		s.hearing.call(func() { r, err = s.result(it.aor, base, next, now) })
		if err != nil {
			refused = append(refused, tale{next.done, err})
			continue
		}
		kept, base = append(kept, next), r.bindings()
		it.record = r
	}
	clear(it.steps[len(kept):])
	it.steps, it.seen = kept, seen
	if later := s.pending[it.aor]; later != nil && later != it {
		later.seen = outdated
	}
	return refused
}

// finish has what waits for the end of a flight go on, and says whom to tell of it. mu is held.
func (s *Shared) finish(it *intent, err error) (told []tale) {
	delete(s.flying, it.aor)
	if later := s.pending[it.aor]; later != nil {
		if later.seen == afterFlight {
			later.seen = it.there
		}
		if err != nil {
			later.seen = outdated
		}
		s.queue = append(s.queue, it.aor)
		s.rouse()
	}
	for _, x := range it.steps {
		told = append(told, tale{x.done, err})
	}
	it.steps = nil
	return told
}

// tell tells them, without mu.
func (s *Shared) tell(told []tale) {
	if len(told) == 0 {
		return
	}
	s.mu.Lock()
	s.waiting -= len(told)
	s.mu.Unlock()
	for _, t := range told {
		if t.err == nil {
			s.stats.kept.Add(1)
		} else {
			s.stats.failed.Add(1)
		}
		s.hearing.call(func() { t.done(t.err) })
	}
}

// remindOf says that nothing can be written, once a minute. mu is held.
func (s *Shared) remindOf(err error) {
	if time.Since(s.said) < remind {
		return
	}
	s.said = time.Now()
	what := "registrations cannot be written to etcd: they fail"
	if s.cfg.AcceptWhenAway && errors.Is(err, ErrAway) {
		what = "registrations cannot be written to etcd: this node alone knows them until it is back"
	}
	s.cfg.Log.Error(what, "error", err)
}

// awayOf is what an update hears that did not come to etcd.
func awayOf(err error) error { return fmt.Errorf("%w: %w", ErrAway, err) }
