package location

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/server"
)

// crowdedShared is a node with one binding for each of 100 000, and another one of the same cluster.
func crowdedShared(b *testing.B) (s, other *Shared) {
	b.Helper()
	e := server.StartEtcd(b)
	s, _ = join(b, e.Endpoint, nil, SharedConfig{Config: Config{MaxBindings: crowd}})
	var all sync.WaitGroup
	began := time.Now()
	for n := range crowd {
		x := phone(fmt.Sprintf("user%d", n))
		x.Expires = time.Now().Add(time.Hour + time.Duration(n)*time.Millisecond)
		all.Add(1)
		for s.Update(user(n), time.Now(), to(x), func(error) { all.Done() }) == ErrBusy {
			runtime.Gosched()
		}
	}
	all.Wait()
	b.Logf("%d registered in %v", crowd, time.Since(began).Round(time.Millisecond))
	began = time.Now()
	other, _ = join(b, e.Endpoint, nil, SharedConfig{Config: Config{MaxBindings: crowd}})
	if got := other.Stats().Bindings; got != crowd {
		b.Fatalf("the other node has %d", got)
	}
	b.Logf("%d taken up by another node in %v", crowd, time.Since(began).Round(time.Millisecond))
	return s, other
}

func BenchmarkShared(b *testing.B) {
	s, _ := crowdedShared(b)
	names := make([][]byte, crowd)
	for i := range names {
		names[i] = []byte(user(i * 7919 % crowd))
	}
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		into, now, i := make([]Binding, 0, 10), time.Now(), 0
		for b.Loop() {
			into = s.Lookup(names[i%crowd], now, into[:0])
			i++
		}
	})
	refresh := func(n int, done func(error)) error {
		return s.Update(user(n*7919%crowd), time.Now(), func(present []Binding) ([]Binding, error) {
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
	for _, rate := range []float64{100, 1000, 3000} {
		b.Run(fmt.Sprintf("%.0f a second", rate), func(b *testing.B) {
			var mu sync.Mutex
			var took []time.Duration
			var failed atomic.Int64
			var all sync.WaitGroup
			began, cpu := time.Now(), spent()
			n := 0
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for b.Loop() {
				for n >= int(time.Since(began).Seconds()*rate) {
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
}
