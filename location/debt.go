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
	version int       // of all debts another one
	paying  bool      // a step that does so waits or flies
}

// mostOwed bounds what is owed of an address of record, in how many bindings it may have: who comes by ever other contacts is refused then.
const mostOwed = 16

// versionOf is d's, 0 without a debt.
func versionOf(d *debt) int {
	if d == nil {
		return 0
	}
	return d.version
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
	s.owings++
	d.version = s.owings
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
	if d := s.owed[it.aor]; d != nil && len(d.written)+len(d.removed) >= mostOwed*s.cfg.MaxPerAOR {
		return append(told, s.finish(it, err)...)
	}
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

// pay brings some of what is owed on its way to etcd. It takes a step that changes nothing: any step pays the debt, as it is made of what
// etcd has with the debt on top. One that came later and removed what is owed would else be undone.
func (s *Shared) pay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for aor, d := range s.owed {
		if s.waiting > maxWaiting/2 {
			return
		}
		if d.paying {
			continue
		}
		next := step{debt: d, change: unchanged, done: func(error) { s.tried(d) }}
		r, err := s.result(aor, s.latest(aor), next, s.now())
		if err != nil {
			s.cfg.Log.Error("what was accepted while etcd was away cannot be kept", "aor", aor, "error", err)
			delete(s.owed, aor)
			continue
		}
		d.paying = true
		s.enqueue(aor, r, next)
	}
}

func unchanged(present []Binding) ([]Binding, error) { return present, nil }

// tried hears that a step has come to its end. What is still owed then is paid by another one.
func (s *Shared) tried(d *debt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.paying = false
}

// paid is told of an intent that came to etcd by a revision: what was owed is there with it. The follower may have heard so before, and
// have put the debt on top once more. mu is held.
func (s *Shared) paid(it *intent, revision int64) {
	if it.pays == 0 || versionOf(s.owed[it.aor]) != it.pays {
		return
	}
	delete(s.owed, it.aor)
	if s.table.named(it.aor).revision() == revision {
		if it.record != nil {
			it.record.seen = revision
		}
		s.put(it.aor, it.record)
	}
	if len(s.owed) == 0 {
		s.cfg.Log.Warn("all that was accepted while etcd was away is in it")
	}
}
