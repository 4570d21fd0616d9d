package location

import (
	"slices"
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

// debt is what was accepted while etcd was away, of an address of record: what was written and what was removed. Until it is paid,
// this node shows what etcd has with the debt on top.
type debt struct {
	written []Binding
	removed []Binding // Updated is when they were
	version int
	paying  int // the version that is on its way, 0: none
}

// isSame tells whether two bindings are those of one contact: of one flow of one phone (RFC 5626 §6), or of one URI.
func (b *Binding) isSame(other *Binding) bool {
	if b.RegID != 0 || other.RegID != 0 {
		return b.RegID == other.RegID && b.Instance == other.Instance
	}
	return sipwire.SameURI([]byte(b.Contact), []byte(other.Contact))
}

// replaces tells whether a writing of a contact takes the place of another (RFC 3261 §10.3 step 7): with the same Call-ID when its CSeq is
// higher, so that a REGISTER that two nodes have accepted is one; with another Call-ID when it was made later.
func (b *Binding) replaces(other *Binding) bool {
	if b.CallID == other.CallID {
		return b.CSeq > other.CSeq
	}
	return b.Updated.After(other.Updated)
}

// removes tells whether the removal of b removes what is there of its contact: that which it was, or was before, else what was made before
// the removal. With which CSeq b was removed is not known.
func (b *Binding) removes(other *Binding) bool {
	return b.CallID == other.CallID && b.CSeq >= other.CSeq || b.Updated.After(other.Updated)
}

func indexOf(bindings []Binding, b *Binding) int {
	return slices.IndexFunc(bindings, func(x Binding) bool { return x.isSame(b) })
}

func without(bindings []Binding, b *Binding) []Binding {
	return slices.DeleteFunc(bindings, func(x Binding) bool { return x.isSame(b) })
}

// merge is what present becomes by the debt. Where nobody can say who was later, it stays as it is.
func (d *debt) merge(present []Binding) []Binding {
	after := slices.DeleteFunc(slices.Clone(present), func(x Binding) bool {
		i := indexOf(d.removed, &x)
		return i >= 0 && d.removed[i].removes(&x)
	})
	for i := range d.written {
		b := &d.written[i]
		switch k := indexOf(after, b); {
		case k < 0:
			after = append(after, *b)
		case b.replaces(&after[k]):
			after[k] = *b
		}
	}
	return after
}

// owe notes that before has become after. mu is held.
func (s *Shared) owe(aor string, before, after []Binding, now time.Time) {
	d := s.owed[aor]
	if d == nil {
		d = &debt{}
		s.owed[aor] = d
	}
	d.version++
	for i := range before {
		if indexOf(after, &before[i]) < 0 {
			gone := before[i]
			gone.Updated = now
			d.written, d.removed = without(d.written, &gone), append(without(d.removed, &gone), gone)
		}
	}
	for i := range after {
		b := after[i]
		if k := indexOf(before, &b); k >= 0 && before[k].CallID == b.CallID && before[k].CSeq == b.CSeq && before[k].Updated.Equal(b.Updated) {
			continue
		}
		d.written, d.removed = append(without(d.written, &b), b), without(d.removed, &b)
	}
}

// accept takes an intent for the time being. mu is held.
func (s *Shared) accept(it *intent, err error) (told []tale) {
	own := it.steps[:0]
	for _, x := range it.steps {
		if x.debt != nil {
			told = append(told, tale{x.done, err})
			continue
		}
		own = append(own, x)
	}
	it.steps = own
	present, now := s.table.named(it.aor), s.now()
	told = append(told, s.redo(it, present.bindings(), present.revision())...)
	if len(it.steps) > 0 {
		s.owe(it.aor, live(present.bindings(), now), it.record.bindings(), now)
		if it.record != nil {
			it.record.seen = present.revision()
		}
		s.put(it.aor, it.record)
	}
	told = append(told, s.finish(it, nil)...)
	if later := s.pending[it.aor]; later != nil {
		later.seen = outdated
	}
	return told
}

// pay brings some of what is owed on its way to etcd.
func (s *Shared) pay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for aor, d := range s.owed {
		if s.waiting > maxWaiting/2 {
			return
		}
		if d.paying != 0 {
			continue
		}
		d.paying = d.version
		next := step{debt: d, done: func(err error) { s.paid(aor, d, err) }}
		next.change = func(present []Binding) ([]Binding, error) {
			d.paying = d.version
			return d.merge(present), nil
		}
		r, err := s.result(aor, s.latest(aor), next, s.now())
		if err != nil {
			s.cfg.Log.Error("what was accepted while etcd was away cannot be kept", "aor", aor, "error", err)
			delete(s.owed, aor)
			continue
		}
		s.enqueue(aor, r, next)
	}
}

// paid hears what has become of a payment.
func (s *Shared) paid(aor string, d *debt, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && d.paying == d.version {
		delete(s.owed, aor)
	}
	d.paying = 0
	if err == nil && len(s.owed) == 0 {
		s.cfg.Log.Warn("all that was accepted while etcd was away is in it")
	}
}
