package location

import "time"

const (
	mostSwept = 500         // appointments of one sweep: updates wait no longer than for these
	postpone  = time.Second // of a record that is just being changed
)

// sweep removes what has lapsed at now: drop replaces a record by what of it has not, which is false when it cannot just now. more
// says that there is more to be swept.
func (m *memory) sweep(now time.Time, drop func(*record, time.Time) bool) (more bool) {
	for range mostSwept {
		a, ok := m.diary.next(now.UnixMilli())
		if !ok {
			return false
		}
		m.meet(a, now, drop)
	}
	return true
}

// meet looks at the record of an appointment.
func (m *memory) meet(a appointment, now time.Time, drop func(*record, time.Time) bool) {
	r := m.table.appointed(a)
	if r == nil {
		m.diary.stale--
		return
	}
	r.due = noDue
	if first := earliest(r.bindings()); first > now.UnixMilli() {
		m.diary.meet(r, first) // it was refreshed
		return
	}
	if !drop(r, now) {
		m.diary.meet(r, now.Add(postpone).UnixMilli())
	}
}

// appointed is the record that a was made for.
func (t *table) appointed(a appointment) *record {
	for r := t.slot(a.hash).Load(); r != nil; r = r.next {
		if r.hash == a.hash && r.due == a.at {
			return r
		}
	}
	return nil
}

// drop replaces r by what of it has not lapsed. ok is false when an update of it waits: that drops it as well.
func (l *Local) drop(r *record, now time.Time) (ok bool) {
	if !l.shorten(r, now) {
		return false
	}
	l.hearing.expired(r.name, lapsed(r.bindings(), now))
	return true
}

func (l *Local) shorten(r *record, now time.Time) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending[r.name] != nil {
		return false
	}
	left := live(r.bindings(), now)
	next, _ := l.record(r.name, left) // shorter than it was
	l.total -= len(r.bindings()) - len(left)
	l.dirty[r.name] = struct{}{}
	l.place(r.name, next)
	return true
}
