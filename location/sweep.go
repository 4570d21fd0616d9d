package location

import "time"

const (
	mostSwept = 500         // appointments of one sweep: updates wait no longer than for these
	postpone  = time.Second // of a record that is just being changed
)

// sweep removes what has lapsed at now. more says that not all of it was.
func (l *Local) sweep(now time.Time) (more bool) {
	for range mostSwept {
		a, ok := l.diary.next(now.UnixMilli())
		if !ok {
			return false
		}
		l.meet(a, now)
	}
	return true
}

// meet looks at the record of an appointment.
func (l *Local) meet(a appointment, now time.Time) {
	r := l.table.appointed(a)
	if r == nil {
		l.diary.stale--
		return
	}
	r.due = noDue
	if first := earliest(r.bindings()); first > now.UnixMilli() {
		l.diary.meet(r, first) // it was refreshed
		return
	}
	if !l.drop(r, now) {
		l.diary.meet(r, now.Add(postpone).UnixMilli())
		return
	}
	l.expired(r.name, lapsed(r.bindings(), now))
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
