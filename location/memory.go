package location

import "time"

// memory is what Lookup and List look at. One goroutine at a time writes; readers wait for nobody.
type memory struct {
	table *table
	diary diary
}

func newMemory(size int) memory { return memory{table: newTable(size)} }

// Lookup is Store's. It takes no lock.
func (m *memory) Lookup(aor []byte, now time.Time, into []Binding) []Binding {
	bindings := m.table.find(aor).bindings()
	for i := range bindings {
		if !bindings[i].isLapsed(now) {
			into = append(into, bindings[i])
		}
	}
	return into
}

// record makes a record of bindings, nil of none.
func (m *memory) record(aor string, bindings []Binding) (*record, error) {
	if len(bindings) == 0 {
		return nil, nil
	}
	name, packed, err := pack(aor, bindings)
	if err != nil {
		return nil, err
	}
	return newRecord(m.table.hash(aor), name, packed), nil
}

// place puts r, or nothing, in the place of what the table has for aor.
func (m *memory) place(aor string, r *record) {
	old := m.table.named(aor)
	switch {
	case r != nil:
		m.diary.enter(r, old, earliest(r.bindings()))
		m.table.put(r, old)
	case old != nil:
		m.diary.leave(old)
		m.table.remove(old)
	}
}
