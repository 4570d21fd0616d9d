package limit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func subject(t testing.TB, s string) Subject {
	t.Helper()
	who, err := ParseSubject(s)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func nets(texts ...string) (all []netip.Prefix) {
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func add(t testing.TB, b *Bans, who string, d time.Duration) {
	t.Helper()
	if err := b.Add(0, subject(t, who), "test", d); err != nil {
		t.Fatal(err)
	}
}

func isBanned(b *Bans, now time.Duration, a string) bool {
	return b.HasSource(now, netip.MustParseAddr(a))
}

func TestABanHoldsForItsNetworkAndItsTime(t *testing.T) {
	b := Open(0, Options{Max: 100})
	if isBanned(b, 0, "192.0.2.7") || b.HasUser(0, []byte("alice")) {
		t.Fatal("somebody is banned from the start")
	}
	add(t, b, "192.0.2.7", time.Minute)
	add(t, b, "198.51.100.0/24", time.Hour)
	add(t, b, "2001:db8::1", time.Hour)
	add(t, b, "2001:db8:ffff::/48", 0)
	add(t, b, "2001:db9::9/128", 0)
	add(t, b, "user:alice@example.com", time.Hour)
	for a, want := range map[string]bool{
		"192.0.2.7": true, "192.0.2.8": false, "::ffff:192.0.2.7": true,
		"198.51.100.0": true, "198.51.100.255": true, "198.51.101.0": false,
		"2001:db8::ffff:1": true, "2001:db8:0:1::1": false, "2001:db8::1%lo": true,
		"2001:db8:ffff:1::1": true, "2001:db8:fffe::1": false, "2001:db9::9": true, "2001:db9::8": false,
	} {
		if isBanned(b, time.Second, a) != want {
			t.Errorf("%s: want %v", a, want)
		}
	}
	if !b.HasUser(1, []byte("alice@example.com")) || b.HasUser(1, []byte("bob@example.com")) {
		t.Error("not alice, or bob too")
	}
	later := time.Minute + time.Second
	if isBanned(b, later, "192.0.2.7") || !isBanned(b, later, "198.51.100.1") {
		t.Error("a minute later")
	}
	if isBanned(b, 2*time.Hour, "198.51.100.1") || !isBanned(b, 1e6*time.Hour, "2001:db9::9") {
		t.Error("hours later")
	}
	if b.HasSource(0, netip.Addr{}) {
		t.Error("no address is banned")
	}
}

func TestAListTellsWhoWhyAndUntilWhen(t *testing.T) {
	b := Open(0, Options{Max: 100})
	add(t, b, "192.0.2.7", time.Hour)
	add(t, b, "198.51.100.0/24", 0)
	add(t, b, "user:bob", time.Minute)
	isBanned(b, 0, "192.0.2.7")
	isBanned(b, 0, "192.0.2.7")
	got := ""
	for _, e := range b.List(0) {
		got += fmt.Sprintf("%v %s %v %d,", e.Subject, e.Why, e.Until.IsZero(), e.Hits)
	}
	if want := "user:bob test false 0,192.0.2.7 test false 2,198.51.100.0/24 test true 0,"; got != want {
		t.Errorf("%s\n%s", got, want)
	}
	if b.Delete(0, subject(t, "203.0.113.1")) || !b.Delete(0, subject(t, "192.0.2.7")) || !b.Delete(0, subject(t, "user:bob")) {
		t.Error("Delete told the wrong thing")
	}
	if isBanned(b, 0, "192.0.2.7") || b.HasUser(0, []byte("bob")) {
		t.Error("banned after Delete")
	}
	if b.Delete(0, subject(t, "192.0.2.7")) {
		t.Error("deleted twice")
	}
	if n := len(b.List(time.Hour)); n != 1 {
		t.Errorf("%d are left", n)
	}
}

func TestOffencesBanWhoCommitsThem(t *testing.T) {
	b := Open(0, Options{Max: 100})
	w := b.Watch("scanners", Offence{After: 10, Within: time.Minute, For: 10 * time.Minute}, 1000)
	a, other := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8")
	now := time.Hour
	for n := range 10 {
		w.StrikeSource(now, other)
		if n == 5 {
			now += time.Minute // the other's time is over, and so is this one's
		}
		if got := w.StrikeSource(now+time.Duration(n)*5*time.Second, a); got && n < 9 {
			t.Fatalf("banned after %d", n+1)
		}
	}
	if b.HasSource(now, a) || b.HasSource(now, other) {
		t.Fatal("banned for what was too long ago")
	}
	now += time.Hour
	for n := range 10 {
		if got := w.StrikeSource(now+time.Duration(n)*6*time.Second, a); got != (n == 9) {
			t.Fatalf("offence %d: %v", n+1, got)
		}
	}
	now += time.Minute
	if !b.HasSource(now, a) || b.HasSource(now, other) {
		t.Error("the wrong one is banned")
	}
	l := b.List(now)
	if len(l) != 1 || l[0].Why != "scanners" || l[0].Strikes != 10 || l[0].ByHand || l[0].Until.Sub(l[0].Since) != 10*time.Minute {
		t.Errorf("%+v", l)
	}
	if b.HasSource(now+10*time.Minute, a) {
		t.Error("banned for longer than it should")
	}
	for n := range 10 {
		if got := w.StrikeUser(now, []byte("bob")); got != (n == 9) {
			t.Fatalf("offence %d of a user: %v", n+1, got)
		}
	}
	if !b.HasUser(now, []byte("bob")) {
		t.Error("bob is not banned")
	}
	if w.StrikeUser(now, nil) || w.StrikeUser(now, make([]byte, longestUser+1)) || w.StrikeSource(now, netip.Addr{}) {
		t.Error("nobody is banned")
	}
}

func TestATrustedNetworkIsNeverBanned(t *testing.T) {
	b := Open(0, Options{Max: 100, Trusted: nets("10.1.2.3/8", "2001:db8:1::/48")})
	w := b.Watch("x", Offence{After: 1, Within: time.Second, For: time.Minute}, 10)
	for _, a := range []string{"10.255.0.1", "::ffff:10.0.0.1", "2001:db8:1::9"} {
		if !b.IsTrusted(netip.MustParseAddr(a)) || w.StrikeSource(0, netip.MustParseAddr(a)) || isBanned(b, 0, a) {
			t.Errorf("%s was banned", a)
		}
	}
	for _, s := range []string{"10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "10.0.0.0/24", "2001:db8::/32", "2001:db8:1:2::3/128"} {
		err := b.Add(0, subject(t, s), "x", 0)
		if !errors.Is(err, ErrTrusted) || !strings.HasPrefix(err.Error(), subject(t, s).String()+" cannot be banned: it would ban a trusted network, ") {
			t.Errorf("%s: %v", s, err)
		}
	}
	if !w.StrikeSource(0, netip.MustParseAddr("192.0.2.1")) || b.Len() != 1 {
		t.Error("another one is not")
	}
}

func TestSubjectsThatCannotBeAreSaid(t *testing.T) {
	for text, want := range map[string]string{
		"":             `"" is no address, no network and no user; write 192.0.2.7, 192.0.2.0/24 or user:alice@example.com`,
		"example.com":  `"example.com" is no address, no network and no user; write 192.0.2.7, 192.0.2.0/24 or user:alice@example.com`,
		"192.0.2.0/33": `"192.0.2.0/33" is no network; write it as 192.0.2.0/24 or 2001:db8::/48`,
		"::/0x":        `"::/0x" is no network; write it as 192.0.2.0/24 or 2001:db8::/48`,
		"user:":        `"user:" names no user; write user:alice@example.com`,
		"::ffff:0:0/8": `"::ffff:0:0/8" has IPv4 addresses and others; write the IPv4 network`,
	} {
		if _, err := ParseSubject(text); err == nil || err.Error() != want {
			t.Errorf("%s:\n%v\n%s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "192.0.2.7/24": "192.0.2.0/24", "[2001:db8::7]": "2001:db8::/64", "2001:db8::7/128": "2001:db8::7/128",
		"::ffff:192.0.2.7/120": "192.0.2.0/24", "::ffff:192.0.2.7": "192.0.2.7", "user:a b": "user:a b", "fe80::1%eth0": "fe80::/64",
	} {
		s := subject(t, text)
		if s.String() != want || subject(t, want) != s {
			t.Errorf("%s is %v", text, s)
		}
	}
	b := Open(0, Options{})
	for _, s := range []Subject{{}, {Net: netip.MustParsePrefix("192.0.2.0/24"), User: "x"}, {User: strings.Repeat("x", longestUser+1)}} {
		if err := b.Add(0, s, "", 0); !errors.Is(err, errNoOne) {
			t.Errorf("%v: %v", s, err)
		}
	}
	if err := b.Add(0, Subject{User: "x"}, "", -1); !errors.Is(err, errBanTime) {
		t.Error(err)
	}
	for _, o := range []Offence{{0, time.Second, time.Minute}, {10_001, time.Second, time.Minute}, {1, 0, time.Minute}, {1, time.Second, 0}, {1, time.Second, 9000 * time.Hour}} {
		if o.Validate() == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	if err := (Offence{10, time.Minute, time.Hour}).Validate(); err != nil {
		t.Error(err)
	}
}

// Who has very many addresses and earns a ban with each frees none that was banned before, and memory has its bound.
func TestAFloodOfBansFreesNobody(t *testing.T) {
	const room = 1000
	b := Open(0, Options{Max: room})
	w := b.Watch("flood", Offence{After: 1, Within: time.Second, For: time.Hour}, 1000)
	first := netip.MustParseAddr("192.0.2.1")
	w.StrikeSource(0, first)
	add(t, b, "198.51.100.0/24", 0)
	var before, after runtime.MemStats
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 1_000_000 {
		if n == room*2 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		w.StrikeSource(time.Duration(n), source4(1<<31|r.Uint32()))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<18 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if b.Len() != room || b.Refused() == 0 {
		t.Errorf("%d bans, %d refused", b.Len(), b.Refused())
	}
	if !b.HasSource(1, first) || !isBanned(b, 1, "198.51.100.9") {
		t.Error("a flood of bans has freed somebody")
	}
	// By hand there is room nevertheless.
	for n := range 10 {
		if err := b.Add(1, subject(t, fmt.Sprintf("203.0.113.%d", n)), "by hand", time.Hour); err != nil || !isBanned(b, 1, fmt.Sprintf("203.0.113.%d", n)) {
			t.Fatal(err)
		}
	}
	if b.Len() != room {
		t.Errorf("%d bans", b.Len())
	}
	// When theirs are over there is room again.
	later := 2 * time.Hour
	if !w.StrikeSource(later, first) || !b.HasSource(later, first) || b.Len() > 13 {
		t.Errorf("later there are %d", b.Len())
	}
}

func TestBansByHandAloneFillTheRoom(t *testing.T) {
	b := Open(0, Options{Max: 64})
	made := 0
	for n := range 100 {
		switch err := b.Add(0, Subject{Net: sourceOf(source4(uint32(n)))}, "", 0); {
		case err == nil:
			made++
		case !errors.Is(err, ErrNoRoom):
			t.Fatal(err)
		}
	}
	if made > 64 || made < 56 || b.Len() != made {
		t.Errorf("%d were made, there are %d", made, b.Len())
	}
}

// An automatic ban neither shortens nor takes over one that was made by hand.
func TestABanByHandStays(t *testing.T) {
	b := Open(0, Options{Max: 64})
	w := b.Watch("auto", Offence{After: 1, Within: time.Second, For: time.Minute}, 10)
	add(t, b, "192.0.2.1", 0)
	w.StrikeSource(0, netip.MustParseAddr("192.0.2.1"))
	if l := b.List(0); len(l) != 1 || !l[0].ByHand || !l[0].Until.IsZero() {
		t.Errorf("%+v", l)
	}
	// Once it is over, the automatic one stands.
	add(t, b, "192.0.2.1", time.Second)
	w.StrikeSource(2*time.Second, netip.MustParseAddr("192.0.2.1"))
	if l := b.List(2 * time.Second); len(l) != 1 || l[0].ByHand || l[0].Why != "auto" {
		t.Errorf("%+v", l)
	}
}

// A flood of offenders with made-up addresses bans none that has not committed the offences itself.
func TestNobodyIsBannedForWhatOthersDid(t *testing.T) {
	b := Open(0, Options{Max: 100_000})
	w := b.Watch("x", Offence{After: 3, Within: time.Minute, For: time.Hour}, 700)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200_000 {
		w.StrikeSource(time.Duration(n)*time.Millisecond, source6(r.Uint64(), 0))
	}
	if b.Len() != 0 {
		t.Errorf("%d are banned for one offence each", b.Len())
	}
}

// Readers and those who ban, delete and list do so at once.
func TestBansAreAskedWhileTheyChange(t *testing.T) {
	b := Open(0, Options{Max: 200, Trusted: nets("10.0.0.0/8")})
	w := b.Watch("x", Offence{After: 2, Within: time.Second, For: time.Second}, 100)
	always := netip.MustParseAddr("192.0.2.1")
	add(t, b, "192.0.2.1", 0)
	var readers, writers sync.WaitGroup
	var done atomic.Bool
	for range 2 {
		readers.Go(func() {
			for n := uint32(0); !done.Load(); n++ {
				if !b.HasSource(time.Duration(n), always) {
					t.Error("a ban in force was not seen")
					return
				}
				b.HasSource(time.Duration(n), source4(n%1000))
				b.HasUser(time.Duration(n), []byte("bob"))
			}
		})
	}
	for lane := range 2 {
		writers.Go(func() {
			for n := range 20_000 {
				now := time.Duration(n) * time.Millisecond
				w.StrikeSource(now, source4(uint32(n%1000)))
				switch n % 50 {
				case lane:
					_ = b.Add(now, Subject{Net: sourceOf(source4(uint32(n)))}, "", time.Second)
				case 10:
					b.Delete(now, Subject{Net: sourceOf(source4(uint32(n % 1000)))})
				case 20:
					b.List(now)
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
}

func TestAskingAllocatesNothing(t *testing.T) {
	b := Open(0, Options{})
	add(t, b, "192.0.2.1", 0)
	add(t, b, "192.0.3.0/24", 0)
	add(t, b, "2001:db8::/48", 0)
	add(t, b, "user:bob", 0)
	w := b.Watch("x", Offence{After: 10_000, Within: time.Second, For: time.Second}, 100)
	user := []byte("bob")
	n := uint32(0)
	if a := testing.AllocsPerRun(1000, func() {
		n++
		b.HasSource(1, source4(n))
		b.HasSource(1, source6(uint64(n), 1))
		b.HasUser(1, user)
		w.StrikeSource(1, source4(n))
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func BenchmarkBanned(b *testing.B) {
	for _, bans := range []int{0, 1, 10_000} {
		b.Run(fmt.Sprint(bans, " bans"), func(b *testing.B) {
			list := Open(0, Options{})
			for n := range bans {
				_ = list.Add(0, Subject{Net: sourceOf(source4(uint32(n)))}, "", 0)
			}
			b.ReportAllocs()
			n := uint32(1 << 31)
			for b.Loop() {
				n++
				list.HasSource(1, source4(n))
			}
		})
	}
}

func BenchmarkStrike(b *testing.B) {
	w := Open(0, Options{}).Watch("x", Offence{After: 1000, Within: time.Second, For: time.Second}, 1<<16)
	b.ReportAllocs()
	n := uint32(0)
	for b.Loop() {
		n++
		w.StrikeSource(time.Duration(n), source4(n))
	}
}
