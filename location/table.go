package location

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// record is one address of record with its bindings. What readers look at never changes once the table has it.
type record struct {
	next *record // of the same slot
	hash uint64
	due  int64 // when the sweep looks at it, in milliseconds; the writer's own
	seen int64 // the revision of etcd that it is of; 0: none; outdated: of a copy
	name string
	many []Binding  // all of them, when they are more than one
	one  [1]Binding // the only one, which most have: so a lookup finds it without another step
}

func newRecord(hash uint64, name string, bindings []Binding) *record {
	r := &record{hash: hash, name: name}
	if len(bindings) == 1 {
		r.one[0] = bindings[0]
	} else {
		r.many = bindings
	}
	return r
}

// bindings are in the order in which a request tries them; nobody changes them.
func (r *record) bindings() []Binding {
	switch {
	case r == nil:
		return nil
	case r.many != nil:
		return r.many
	}
	return r.one[:]
}

// revision is that of the entry in etcd that r is of; 0 without.
func (r *record) revision() int64 {
	if r == nil {
		return 0
	}
	return r.seen
}

// table finds records by their addresses of record. Readers take no lock; one goroutine at a time writes. A slot is a
// list whose links never change, so a writer makes anew what stands in front of its record. The table does not grow: it
// has a slot for each binding that may be there.
type table struct {
	seed  maphash.Seed
	slots []atomic.Pointer[record]
	count atomic.Int64 // of records
}

func newTable(size int) *table {
	return &table{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[record], 1<<bits.Len(uint(max(size, 1)-1)))}
}

// hash has a secret seed, so that nobody can aim at one slot.
func (t *table) hash(aor string) uint64 { return maphash.String(t.seed, aor) }

func (t *table) slot(hash uint64) *atomic.Pointer[record] {
	return &t.slots[hash&uint64(len(t.slots)-1)]
}

func (t *table) find(aor []byte) *record {
	h := maphash.Bytes(t.seed, aor)
	for r := t.slot(h).Load(); r != nil; r = r.next {
		if r.hash == h && r.name == string(aor) {
			return r
		}
	}
	return nil
}

// named is find by a string.
func (t *table) named(aor string) *record {
	h := t.hash(aor)
	for r := t.slot(h).Load(); r != nil; r = r.next {
		if r.hash == h && r.name == aor {
			return r
		}
	}
	return nil
}

// put puts r in the place of old, or adds it when old is nil.
func (t *table) put(r, old *record) {
	slot := t.slot(r.hash)
	if old == nil {
		t.count.Add(1)
		r.next = slot.Load()
		slot.Store(r)
		return
	}
	r.next = old.next
	slot.Store(t.before(slot.Load(), old, r))
}

func (t *table) remove(old *record) {
	slot := t.slot(old.hash)
	t.count.Add(-1)
	slot.Store(t.before(slot.Load(), old, old.next))
}

// before is the list from r to old, without old, made anew and followed by rest.
func (t *table) before(r, old, rest *record) *record {
	if r == old {
		return rest
	}
	c := *r
	c.next = t.before(r.next, old, rest)
	return &c
}

// each calls yield with every record, in no order.
func (t *table) each(yield func(*record) bool) {
	for i := range t.slots {
		for r := t.slots[i].Load(); r != nil; r = r.next {
			if !yield(r) {
				return
			}
		}
	}
}
