package location

import (
	"slices"
	"strings"
	"time"
)

// List is Store's. It waits for nobody and nobody waits for it.
func (m *memory) List(prefix, after string, limit int, now time.Time) []Registration {
	var page []*record // the first of those that were met so far, in order
	for r := range m.table.each {
		name := r.name
		if limit <= 0 || name <= after || !strings.HasPrefix(name, prefix) || len(page) == limit && name > page[limit-1].name {
			continue
		}
		if len(live(r.bindings(), now)) == 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(page, name, func(r *record, name string) int { return strings.Compare(r.name, name) })
		if len(page) == limit {
			page = page[:limit-1]
		}
		page = slices.Insert(page, at, r)
	}
	list := make([]Registration, len(page))
	for i, r := range page {
		list[i] = Registration{r.name, live(r.bindings(), now)}
	}
	return list
}
