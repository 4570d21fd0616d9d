package location

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const crowd = 100_000

// crowded is a store with one binding for each of 100 000.
func crowded(tb testing.TB, file string) *Local {
	tb.Helper()
	l, err := Open(Config{File: file, MaxBindings: crowd})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Close)
	var all sync.WaitGroup
	for n := range crowd {
		b := phone(fmt.Sprintf("user%d", n))
		b.Expires = time.Now().Add(time.Hour + time.Duration(n)*time.Millisecond)
		all.Add(1)
		for l.Update(user(n), time.Now(), to(b), func(error) { all.Done() }) == ErrBusy {
			runtime.Gosched()
		}
	}
	all.Wait()
	return l
}

func TestLookupDoesNotAllocate(t *testing.T) {
	l, _, _ := begin(t, Config{File: Off})
	bind(t, l, user(1), odd()[1:]...)
	bind(t, l, user(2), phone("2"))
	into := make([]Binding, 0, 10)
	for _, aor := range []string{user(1), user(2), user(3)} {
		name := []byte(aor)
		if n := testing.AllocsPerRun(1000, func() { into = l.Lookup(name, l.now(), into[:0]) }); n != 0 {
			t.Errorf("%s: %v allocations", aor, n)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	l := crowded(b, Off)
	names := make([][]byte, crowd)
	for i := range names {
		names[i] = []byte(user(i * 7919 % crowd))
	}
	absent := make([][]byte, crowd)
	for i := range absent {
		absent[i] = []byte(user(crowd + i))
	}
	for _, x := range []struct {
		name  string
		names [][]byte
	}{{"there", names}, {"absent", absent}} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			into, now, i := make([]Binding, 0, 10), time.Now(), 0
			for b.Loop() {
				into = l.Lookup(x.names[i%crowd], now, into[:0])
				i++
			}
		})
	}
	b.Run("there on all cores", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			into, now := make([]Binding, 0, 10), time.Now()
			for i := 0; pb.Next(); i++ {
				into = l.Lookup(names[i%crowd], now, into[:0])
			}
		})
	})
}

func inUse(tb testing.TB) uint64 {
	tb.Helper()
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestABindingCostsLessThanAKibibyte(t *testing.T) {
	before := inUse(t)
	l := crowded(t, path(t))
	each := (inUse(t) - before) / crowd
	t.Logf("%d bytes of memory a binding, %d in the file", each, len(sealValue([]Binding{phone("user12345")})))
	if each > 768 {
		t.Errorf("%d bytes a binding", each)
	}
	runtime.KeepAlive(l)
}

func spent() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkRefresh makes refreshes of 100 000 registrations durable: as many as go, with 2000 on their way, and 10 000 a
// second.
func BenchmarkRefresh(b *testing.B) {
	l := crowded(b, path(b))
	refresh := func(n int, done func(error)) error {
		return l.Update(user(n*7919%crowd), time.Now(), func(present []Binding) ([]Binding, error) {
			present[0].CSeq++
			present[0].Expires = present[0].Expires.Add(time.Second)
			return present, nil
		}, done)
	}
	b.Run("as many as go", func(b *testing.B) {
		free := make(chan struct{}, 2000)
		began, cpu := time.Now(), spent()
		n := 0
		for b.Loop() {
			free <- struct{}{}
			if err := refresh(n, func(error) { <-free }); err != nil {
				b.Fatal(err)
			}
			n++
		}
		for range cap(free) {
			free <- struct{}{}
		}
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "updates/s")
		b.ReportMetric(float64((spent()-cpu).Microseconds())/float64(n), "cpu-µs/update")
	})
	b.Run("10000 a second", func(b *testing.B) {
		took := make([]time.Duration, 0, 1<<20)
		var mu sync.Mutex
		var failed atomic.Int64
		var all sync.WaitGroup
		began, cpu := time.Now(), spent()
		n := 0
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for b.Loop() {
			for n >= int(time.Since(began).Seconds()*10_000) {
				<-tick.C
			}
			asked := time.Now()
			all.Add(1)
			if err := refresh(n, func(err error) {
				if err != nil {
					failed.Add(1)
				}
				mu.Lock()
				took = append(took, time.Since(asked))
				mu.Unlock()
				all.Done()
			}); err != nil {
				b.Fatal(err)
			}
			n++
		}
		all.Wait()
		slices.Sort(took)
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "updates/s")
		b.ReportMetric(float64((spent()-cpu).Microseconds())/float64(n), "cpu-µs/update")
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		if failed.Load() > 0 {
			b.Fatal(failed.Load())
		}
	})
}

// BenchmarkOpen takes up 100 000 registrations.
func BenchmarkOpen(b *testing.B) {
	place := path(b)
	crowded(b, place).Close()
	for b.Loop() {
		l, err := Open(Config{File: place})
		if err != nil {
			b.Fatal(err)
		}
		if l.Stats().Bindings != crowd {
			b.Fatal(l.Stats())
		}
		l.Close()
	}
}

func BenchmarkList(b *testing.B) {
	l := crowded(b, Off)
	for b.Loop() {
		if page := l.List("", user(5), 100, time.Now()); len(page) != 100 {
			b.Fatal(len(page))
		}
	}
}
