package location

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/actorsip/actorsip/boltfile"
	"github.com/actorsip/actorsip/loop"
)

const (
	retry     = 250 * time.Millisecond // after a write that failed
	mostDirty = 1000                   // records that nobody waits for, in one write
)

// keep is the store's one goroutine: it alone writes table and file.
//
//	pending ─▶ flying ─▶ on disk ─▶ in the table ─▶ told
//
// A write that fails changes nothing but the memory of who was told so (RFC 3261 §10.3: bindings are committed if and only
// if all of the update succeeds).
func (l *Local) keep(stop <-chan struct{}) {
	tick := time.NewTicker(l.tuning.sweep)
	defer tick.Stop()
	for {
		select {
		case <-l.wake:
		case <-tick.C:
		case <-stop:
			_ = l.commit()
			return
		}
		began := time.Now()
		if l.sweep(l.now(), l.drop) {
			l.rouse()
		}
		err := l.commit()
		rest := l.tuning.pace - time.Since(began)
		if err != nil {
			rest = retry
		}
		if rest <= 0 {
			continue
		}
		select {
		case <-time.After(rest):
		case <-stop:
			_ = l.commit()
			return
		}
	}
}

// commit brings what waits to the file, then to the table, and tells who waits for it.
func (l *Local) commit() (err error) {
	batch, writes := l.take()
	if len(writes) == 0 {
		return nil
	}
	defer func() {
		if r := recover(); r != nil { // a batch that cannot be kept is one batch
			err = l.stumbled(batch, writes, r)
		}
	}()
	err = l.write(writes)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrNotKept, err)
		l.undo(batch, writes)
	} else {
		l.publish(batch)
	}
	l.tell(batch, err)
	return err
}

// take is the next write, in the order of the file.
func (l *Local) take() (batch map[string]*update, writes []kept) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch = l.pending
	l.pending, l.flying = make(map[string]*update, len(batch)), batch
	writes = make([]kept, 0, len(batch))
	for aor, u := range batch {
		delete(l.dirty, aor)
		writes = append(writes, kept{aor, u.record.bindings()})
	}
	for aor := range l.dirty {
		if len(writes) >= len(batch)+mostDirty {
			l.rouse()
			break
		}
		delete(l.dirty, aor)
		writes = append(writes, kept{aor, l.table.named(aor).bindings()})
	}
	sortKept(writes)
	return batch, writes
}

func sortKept(writes []kept) {
	slices.SortFunc(writes, func(a, b kept) int { return strings.Compare(a.aor, b.aor) })
}

// write writes to the file. One that cannot be trusted any more is replaced, for the writes to come.
func (l *Local) write(writes []kept) error {
	if l.file == nil {
		return nil
	}
	err := l.file.write(writes)
	if errors.Is(err, boltfile.ErrDamaged) || errors.Is(err, errNoFile) {
		if l.file.replace(l.table) {
			l.mu.Lock()
			clear(l.dirty)
			l.mu.Unlock()
		}
	}
	return err
}

// publish makes a batch visible.
func (l *Local) publish(batch map[string]*update) {
	for aor, u := range batch {
		l.place(aor, u.record)
	}
	l.diary.tidy(l.table)
	l.mu.Lock()
	l.flying = nil
	l.mu.Unlock()
}

// undo gives up a batch that was not written. Updates of the same addresses of record that came meanwhile are made of what
// is not there, and are given up too: they join the batch. What the file has of them is not certain.
func (l *Local) undo(batch map[string]*update, writes []kept) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for aor, u := range batch {
		last := u.record
		if later := l.pending[aor]; later != nil {
			last = later.record
			u.done = append(u.done, later.done...)
			delete(l.pending, aor)
		}
		l.total += len(l.table.named(aor).bindings()) - len(last.bindings())
	}
	l.flying = nil
	for _, w := range writes {
		if len(l.dirty) < l.cfg.MaxBindings {
			l.dirty[w.aor] = struct{}{}
		}
	}
}

// stumbled gives up a batch that the keeper panicked on, and goes on.
func (l *Local) stumbled(batch map[string]*update, writes []kept, r any) error {
	e := loop.Ended{Name: "location", Panic: r, Stack: debug.Stack()}
	l.cfg.Log.Error("registrations could not be kept", "error", e.Err(), "stack", string(e.Stack))
	l.undo(batch, writes)
	l.tell(batch, ErrNotKept)
	if l.cfg.Failed != nil {
		l.cfg.Failed(e)
	}
	return ErrNotKept
}

// tell tells all of a batch how it went.
func (l *Local) tell(batch map[string]*update, err error) {
	told := 0
	for _, u := range batch {
		told += len(u.done)
	}
	l.mu.Lock()
	l.waiting -= told
	l.mu.Unlock()
	if err == nil {
		l.stats.kept.Add(uint64(told))
	} else {
		l.stats.failed.Add(uint64(told))
	}
	for aor, u := range batch {
		for _, done := range u.done {
			l.hearing.call(func() { done(err) })
		}
		if err == nil {
			l.hearing.expired(aor, u.lapsed)
		}
	}
}

// ended tells who still waits that nothing comes any more. That is nobody, unless the keeper has panicked.
func (l *Local) ended(e loop.Ended) {
	l.mu.Lock()
	l.closed = true
	left := []map[string]*update{l.flying, l.pending}
	l.flying, l.pending = nil, nil
	l.mu.Unlock()
	for _, batch := range left {
		l.tell(batch, ErrClosed)
	}
	if e.Panic == nil {
		return
	}
	l.cfg.Log.Error("the location store has ended: nobody can register any more", "error", e.Err(), "stack", string(e.Stack))
	if l.cfg.Failed != nil {
		l.cfg.Failed(e)
	}
}
