package location

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func recordOf(t *table, aor, set string) *record {
	return newRecord(t.hash(aor), aor, []Binding{{Contact: set}})
}

func TestTheTableIsAMap(t *testing.T) {
	for _, size := range []int{0, 1, 7, 1000} { // of few slots, each has a long list
		table, want := newTable(size), map[string]string{}
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 20_000 {
			aor := fmt.Sprintf("sip:u%d@example.com", random.IntN(50))
			old := table.find([]byte(aor))
			switch _, known := want[aor]; {
			case known != (old != nil) || known && old.one[0].Contact != want[aor]:
				t.Fatalf("step %d: %s is %v, want %q", i, aor, old, want[aor])
			case old != table.named(aor):
				t.Fatalf("step %d: %s has two records", i, aor)
			case known && random.IntN(2) == 0:
				table.remove(old)
				delete(want, aor)
			default:
				want[aor] = fmt.Sprint(i)
				table.put(recordOf(table, aor, want[aor]), old)
			}
			if int(table.count.Load()) != len(want) {
				t.Fatalf("step %d: %d records are counted, there are %d", i, table.count.Load(), len(want))
			}
		}
		for r := range table.each {
			if want[r.name] != r.one[0].Contact {
				t.Fatalf("%s is %s, want %s", r.name, r.one[0].Contact, want[r.name])
			}
			delete(want, r.name)
		}
		if len(want) > 0 {
			t.Fatalf("not met: %v", want)
		}
	}
}

// What is not touched is found at any moment while its neighbours come and go.
func TestReadersSeeNoGap(t *testing.T) {
	table := newTable(1) // one list for all
	for i := range 20 {
		table.put(recordOf(table, fmt.Sprintf("steady %d", i), "x"), nil)
		table.put(recordOf(table, fmt.Sprintf("passing %d", i), "x"), nil)
	}
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for i := range 20 {
					if table.find(fmt.Appendf(nil, "steady %d", i)) == nil {
						t.Errorf("steady %d is not found", i)
						return
					}
				}
			}
		})
	}
	for n := range 20_000 {
		aor := fmt.Sprintf("passing %d", n%20)
		if old := table.named(aor); old != nil && n%3 == 0 {
			table.remove(old)
		} else {
			table.put(recordOf(table, aor, "y"), old)
		}
	}
	close(done)
	readers.Wait()
}
