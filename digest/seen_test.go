package digest

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

func at(ms int64) time.Time { return time.UnixMilli(ms) }

func TestRequestsMayOvertakeOneAnotherOnceEach(t *testing.T) {
	s := newSeen(8, time.Minute, at(1))
	n := nonce{id: 7, at: 100}
	now := at(200)
	order := []uint32{3, 1, 2, 20, 10, 5, 21}
	for _, nc := range order[:5] {
		if v := s.use(n, nc, uint64(nc)*1000, now); v != OK {
			t.Fatalf("%d: %s", nc, v)
		}
	}
	for _, nc := range order[:5] { // 20 is the highest: 4 and below have left the window
		want := OK
		if nc < 5 {
			want = Replayed
		}
		if v := s.use(n, nc, uint64(nc)*1000, now); v != want {
			t.Errorf("%d again: %s, want %s", nc, v, want)
		}
		if v := s.use(n, nc, uint64(nc)*1000+1, now); v != Replayed {
			t.Errorf("%d of another request: %s", nc, v)
		}
	}
	for _, nc := range order[5:] {
		if v := s.use(n, nc, 1, now); v != OK {
			t.Errorf("%d, which is new: %s", nc, v)
		}
	}
	if v := s.use(n, 1<<32-1, 1, now); v != OK {
		t.Error("the last count:", v)
	}
	if v := s.use(n, 1<<32-window, 1, now); v != OK {
		t.Error("and the first below it that counts:", v)
	}
}

// The table against a list of all that was used: whatever it forgets is stale, nothing is accepted twice.
func TestNothingIsAcceptedTwiceHoweverManyNoncesThereAre(t *testing.T) {
	const size, maxAge = 64, 1000
	s := newSeen(size, maxAge*time.Millisecond, at(0))
	type use struct {
		n  nonce
		nc uint32
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	accepted := map[use]uint64{}
	var nonces []nonce
	counts := map[Verdict]int{}
	for ms := int64(1); ms < 60000; ms++ {
		now := at(ms)
		nonces = append(nonces, nonce{id: rnd.Uint64(), at: ms})
		n := nonces[max(0, len(nonces)-1-rnd.IntN(1+rnd.IntN(1000)))] // most are new
		u, request := use{n, 1 + uint32(rnd.IntN(4))}, 1+rnd.Uint64N(3)
		v := s.use(u.n, u.nc, request, now)
		counts[v]++
		was, again := accepted[u]
		if v == OK && again && was != request {
			t.Fatalf("at %d: nonce of %d, count %d was used by %d, and now by %d", ms, n.at, u.nc, was, request)
		}
		if v == OK {
			accepted[u] = request
		}
	}
	if counts[OK] < 5000 || counts[Stale] < 1000 || counts[Replayed] < 100 {
		t.Errorf("the test does not try enough: %v", counts)
	}
}

// A phone that answers its challenge at once gets in, though the table is far too small for all.
func TestAFreshNonceFindsAPlace(t *testing.T) {
	s := newSeen(1024, 5*time.Minute, at(0))
	refused := 0
	for ms := int64(1); ms < 100000; ms++ {
		if s.use(nonce{id: rand.Uint64(), at: ms}, 1, 1, at(ms+20)) != OK {
			refused++
		}
	}
	if refused > 0 {
		t.Errorf("%d of 100000 nonces were stale when they were 20 ms old", refused)
	}
}

func TestOldNoncesMakeWayWithoutMakingOthersStale(t *testing.T) {
	s := newSeen(ways, time.Second, at(0))
	for i := range uint64(ways) {
		s.use(nonce{id: i, at: 1000}, 1, 1, at(1000))
	}
	if v := s.use(nonce{id: 100, at: 2001}, 1, 1, at(2001)); v != OK {
		t.Fatal(v)
	}
	if v := s.use(nonce{id: 101, at: 1001}, 1, 1, at(2001)); v != OK {
		t.Error("made after all that were forgotten:", v)
	}
}

func TestOneOfManyGoroutinesUsesANonce(t *testing.T) {
	s := newSeen(64, time.Minute, at(0))
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[uint64]int{}
	for g := range uint64(8) {
		wg.Go(func() {
			for i := range uint64(1000) {
				if s.use(nonce{id: i, at: int64(i) + 1}, 1, g+1, at(2000)) == OK {
					mu.Lock()
					won[i]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for i, n := range won {
		if n > 1 {
			t.Errorf("nonce %d was used by %d requests", i, n)
		}
	}
}
