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
	aor := r.name()
	_, earliest := extent(r.set())
	if earliest > now.UnixMilli() {
		l.diary.meet(r, earliest) // it was refreshed
		return
	}
	lapsed := lapsedOf(r.set(), now.UnixMilli())
	if !l.drop(aor, r, now) {
		l.diary.meet(r, now.Add(postpone).UnixMilli())
		return
	}
	l.expired(aor, lapsed)
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
func (l *Local) drop(aor string, r *record, now time.Time) (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending[aor] != nil {
		return false
	}
	live, _ := appendLive(nil, r.set(), now.UnixMilli())
	l.total -= int(r.n) - len(live)
	l.dirty[aor] = struct{}{}
	if len(live) == 0 {
		l.place(aor, nil)
		return true
	}
	next, _ := l.record(aor, live) // shorter than it was
	l.place(aor, next)
	return true
}
