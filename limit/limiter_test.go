package limit

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"
)

func source4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// source6 is in the nth /64, and in it the given host.
func source6(n uint64, host uint64) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], n)
	binary.BigEndian.PutUint64(b[8:], host)
	return netip.AddrFrom16(b)
}

func TestABurstIsTakenAndComesBackWithTime(t *testing.T) {
	l := NewLimiter(Rate{Count: 10, Per: time.Second, Burst: 5}, 1000)
	a := source4(0x0a000001)
	now := time.Hour
	for n := range 5 {
		if _, ok := l.TakeSource(now, a); !ok {
			t.Fatalf("token %d of the burst is refused", n)
		}
	}
	wait, ok := l.TakeSource(now, a)
	if ok || wait != 100*time.Millisecond {
		t.Fatalf("the sixth: %v, wait %v", ok, wait)
	}
	if _, ok := l.TakeSource(now+wait-1, a); ok {
		t.Error("it came before its time")
	}
	if _, ok := l.TakeSource(now+wait, a); !ok {
		t.Error("it did not come after the wait that was told")
	}
	for n := range 6 {
		if _, ok := l.TakeSource(now+time.Hour, a); ok != (n < 5) {
			t.Errorf("after a rest, token %d: %v", n, ok)
		}
	}
}

func TestSourcesAndUsersDoNotShareABucket(t *testing.T) {
	l := NewLimiter(Rate{Count: 1, Per: time.Minute}, 1000)
	for n, a := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"} {
		if _, ok := l.TakeSource(0, netip.MustParseAddr(a)); !ok {
			t.Errorf("source %d has no token of its own", n)
		}
	}
	for _, same := range []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::ffff", "2001:db8::1%eth0"} {
		if _, ok := l.TakeSource(0, netip.MustParseAddr(same)); ok {
			t.Errorf("%s counts as another source", same)
		}
	}
	for _, u := range []string{"alice@a", "alice@b", ""} {
		_, first := l.TakeUser(0, []byte(u))
		if _, again := l.TakeUser(0, []byte(u)); !first || again {
			t.Errorf("%q: %v, then %v", u, first, again)
		}
	}
}

// A million sources that nobody has seen before, 100 000 a second, while one that is known sends 1000 a second and a
// phone sends one each two seconds.
func TestAFloodOfSourcesFreesNobodyAndBlocksNobodyElse(t *testing.T) {
	for _, family := range []string{"IPv4", "IPv6"} {
		t.Run(family, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			made := func() netip.Addr {
				if family == "IPv4" {
					return source4(r.Uint32())
				}
				return source6(r.Uint64(), r.Uint64())
			}
			l := NewLimiter(Rate{Count: 10, Per: time.Second, Burst: 20}, 1<<16)
			attacker, phone := made(), made()
			passed, slowRefused, strangersRefused := 0, 0, 0
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			const total, perSecond = 1_000_000, 100_000
			for n := range total {
				now := time.Duration(n) * time.Second / perSecond
				if _, ok := l.TakeSource(now, made()); !ok {
					strangersRefused++
				}
				if n%(perSecond/1000) == 0 {
					if _, ok := l.TakeSource(now, attacker); ok {
						passed++
					}
				}
				if n%(2*perSecond) == 0 {
					if _, ok := l.TakeSource(now, phone); !ok {
						slowRefused++
					}
				}
			}
			runtime.ReadMemStats(&after)
			if most := 20 + 10*total/perSecond + 1; passed > most || passed < most/2 {
				t.Errorf("10 seconds at 1000/s: %d passed, at most %d should", passed, most)
			}
			if slowRefused > 0 {
				t.Errorf("a slow source was refused %d times", slowRefused)
			}
			if strangersRefused > 0 {
				t.Errorf("%d of the strangers were refused", strangersRefused)
			}
			if grown := after.Mallocs - before.Mallocs; grown > 100 {
				t.Errorf("%d allocations for %d sources", grown, total)
			}
			if l.Size() > 1<<20 {
				t.Errorf("65536 buckets have %d bytes", l.Size())
			}
		})
	}
}

// Beyond what the buckets can hold all get no more than buckets × rate, and who floods gains nothing.
func TestASaturatedLimiterStillLimits(t *testing.T) {
	const buckets, rate, burst = 1000, 10, 20
	l := NewLimiter(Rate{Count: rate, Per: time.Second, Burst: burst}, buckets)
	r := rand.New(rand.NewPCG(3, 4))
	attacker := source4(7)
	const seconds, perSecond = 10, 100_000
	strangers, own := 0, 0
	for n := range seconds * perSecond {
		now := time.Duration(n) * time.Second / perSecond
		if _, ok := l.TakeSource(now, source4(r.Uint32())); ok {
			strangers++
		}
		if n%100 == 0 {
			if _, ok := l.TakeSource(now, attacker); ok {
				own++
			}
		}
	}
	if most := buckets * (burst + rate*seconds); strangers+own > most {
		t.Errorf("%d passed, at most %d should", strangers+own, most)
	}
	if own > burst+rate*seconds+1 {
		t.Errorf("the attacker got %d", own)
	}
	// A while later it is as if nothing had been.
	if _, ok := l.TakeSource((seconds+burst/rate+1)*time.Second, source4(8)); !ok {
		t.Error("a stranger is refused after the flood")
	}
}

// An emptied bucket is driven out of its place by others, and its owner comes back: at no moment may he take more than
// his rate and his burst.
func TestWhoIsDrivenOutComesBackWithHisDebt(t *testing.T) {
	const interval, burst = int64(time.Second), 5
	for round := range uint64(200) {
		l := NewLimiter(Rate{Count: 1, Per: time.Second, Burst: burst}, ways) // one place
		r := rand.New(rand.NewPCG(5, round))
		taken, began := map[uint32][]int64{}, int64(0)
		now := began
		for range 5000 {
			now += r.Int64N(interval / 20)
			key := uint32(r.IntN(3 * ways))
			if _, ok := l.TakeSource(time.Duration(now), source4(key)); ok {
				taken[key] = append(taken[key], now)
			}
		}
		for key, at := range taken {
			for i := range at {
				for j := i; j < len(at); j++ {
					if most := burst + (at[j]-at[i])/interval + 1; int64(j-i+1) > most {
						t.Fatalf("key %d took %d within %v", key, j-i+1, time.Duration(at[j]-at[i]))
					}
				}
			}
		}
	}
}

// Lanes whose clocks differ a little share one rate.
func TestAllLanesTogetherHaveOneRate(t *testing.T) {
	const lanes, each = 4, 50_000
	l := NewLimiter(Rate{Count: 100, Per: time.Second}, 1000)
	a := source4(1)
	var wg sync.WaitGroup
	passed := make([]int, lanes)
	for lane := range lanes {
		wg.Go(func() {
			for n := range each {
				now := time.Duration(n)*time.Second*10/each + time.Duration(lane)*time.Millisecond
				if _, ok := l.TakeSource(now, a); ok {
					passed[lane]++
				}
				l.TakeSource(now, source4(uint32(n*lanes+lane)))
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range passed {
		sum += n
	}
	if sum > 100+1000+1 || sum < 900 {
		t.Errorf("%d lanes passed %d in ten seconds at 100/s", lanes, sum)
	}
}

func TestRatesThatCannotBeAreSaid(t *testing.T) {
	for text, want := range map[string]string{
		"10":             `"10" is no rate; write it as 10/s, 100/m or 5/30s`,
		"x/s":            `"x/s" is no rate; write it as 10/s, 100/m or 5/30s`,
		"1/fortnight":    `"1/fortnight" is no rate: "fortnight" is no time; write it as 10/s, 100/m or 5/30s`,
		"0/s":            `"0/s" cannot be used: a rate of less than one is a block; write a whole number before the slash`,
		"-1/s":           `"-1/s" cannot be used: a rate of less than one is a block; write a whole number before the slash`,
		"1/0s":           `"1/0s" cannot be used: a rate needs a time above zero, as 10/s or 5/30s`,
		"2000000/s":      `"2000000/s" cannot be used: a rate of more than a million a second limits nothing`,
		"1/200h":         `"1/200h" cannot be used: a bucket would need more than a week to fill; use a ban for that`,
		"1000000/1000ns": `"1000000/1000ns" cannot be used: a rate of more than a million a second limits nothing`,
	} {
		if _, err := ParseRate(text); err == nil || err.Error() != want {
			t.Errorf("%s:\n%v\n%s", text, err, want)
		}
	}
	if err := (Rate{Count: 1, Per: time.Hour, Burst: 1 << 62}).Validate(); err != errTooSlow {
		t.Error(err)
	}
	for text, want := range map[string]Rate{
		"10/s": {Count: 10, Per: time.Second}, "100/m": {Count: 100, Per: time.Minute}, "5/30s": {Count: 5, Per: 30 * time.Second},
		"1000/h": {Count: 1000, Per: time.Hour},
	} {
		r, err := ParseRate(text)
		if err != nil || r != want || r.String() != text {
			t.Errorf("%s is %+v, written %v: %v", text, r, r, err)
		}
	}
}

func TestTakingAllocatesNothing(t *testing.T) {
	l := NewLimiter(Rate{Count: 10, Per: time.Second}, 1000)
	user := []byte("alice@example.com")
	n := uint32(0)
	if a := testing.AllocsPerRun(1000, func() {
		n++
		l.TakeSource(time.Duration(n), source4(n))
		l.TakeSource(time.Duration(n), source6(uint64(n), 1))
		l.TakeUser(time.Duration(n), user)
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, sources := range []uint32{1, 1000, 1 << 20} {
		b.Run(fmt.Sprint(sources, " sources"), func(b *testing.B) {
			l := NewLimiter(Rate{Count: 10, Per: time.Second}, 1<<16)
			b.ReportAllocs()
			n := uint32(0)
			for b.Loop() {
				n++
				l.TakeSource(time.Duration(n)*1000, source4(n*2654435761%sources))
			}
		})
	}
	b.Run("user", func(b *testing.B) {
		l := NewLimiter(Rate{Count: 10, Per: time.Second}, 1<<16)
		user := []byte("alice@example.com")
		b.ReportAllocs()
		n := uint32(0)
		for b.Loop() {
			n++
			l.TakeUser(time.Duration(n)*1000, user)
		}
	})
	b.Run("two lanes", func(b *testing.B) {
		l := NewLimiter(Rate{Count: 10, Per: time.Second}, 1<<16)
		b.RunParallel(func(pb *testing.PB) {
			n := rand.Uint32()
			for pb.Next() {
				n++
				l.TakeSource(time.Duration(n)*1000, source4(n))
			}
		})
	})
}
