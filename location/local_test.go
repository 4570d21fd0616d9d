package location

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/actorsip/actorsip/boltfile"
	"github.com/actorsip/actorsip/tests/stage"
)

// clock is a clock that stands until it is moved.
type clock struct{ past atomic.Int64 }

func (c *clock) now() time.Time       { return start.Add(time.Duration(c.past.Load())) }
func (c *clock) move(d time.Duration) { c.past.Add(int64(d)) }

func path(t testing.TB) string { return filepath.Join(t.TempDir(), "bindings.db") }

// begin opens a store by a clock that stands, in a hurry. It is closed when the test ends.
func begin(t testing.TB, cfg Config) (*Local, *clock, *stage.Log) {
	t.Helper()
	c, log := new(clock), new(stage.Log)
	return beginAt(t, cfg, c, log), c, log
}

func beginAt(t testing.TB, cfg Config, c *clock, log *stage.Log) *Local {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	l, err := open(cfg, tuning{sweep: time.Millisecond}, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func heard(t testing.TB, told <-chan error) error {
	t.Helper()
	select {
	case err := <-told:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
		return nil
	}
}

// updating starts an update whose outcome can be received.
func updating(t testing.TB, l *Local, aor string, change Change) <-chan error {
	t.Helper()
	told := make(chan error, 2) // room for a second, forbidden call
	if err := l.Update(aor, l.now(), change, func(err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	return told
}

func to(bindings ...Binding) Change {
	return func([]Binding) ([]Binding, error) { return bindings, nil }
}

func bind(t testing.TB, l *Local, aor string, bindings ...Binding) {
	t.Helper()
	if err := heard(t, updating(t, l, aor, to(bindings...))); err != nil {
		t.Fatal(err)
	}
}

func has(t testing.TB, l *Local, aor string, want ...Binding) {
	t.Helper()
	if got := l.Lookup([]byte(aor), l.now(), nil); !equal(got, want) {
		t.Fatalf("%s has %+v, want %+v", aor, got, want)
	}
}

// hold keeps the disk from being written until release is called.
func hold(t testing.TB, l *Local) (release func()) {
	t.Helper()
	tx, err := l.file.db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = tx.Rollback() })
	t.Cleanup(release)
	return release
}

// grow says how many bytes the file may have: 1 is a disk that is full, 0 one that is not.
func grow(t testing.TB, l *Local, most int) {
	t.Helper()
	release := hold(t, l)
	l.file.db.MaxSize = most
	release()
}

// taken waits until the keeper has what waited so far in hand.
func taken(t testing.TB, l *Local) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Microsecond) { // nothing announces it
		l.mu.Lock()
		waits := len(l.pending)
		l.mu.Unlock()
		if waits == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is written")
		}
	}
}

func both(t *testing.T, test func(t *testing.T, file string)) {
	t.Run("file", func(t *testing.T) { test(t, path(t)) })
	t.Run("memory", func(t *testing.T) { test(t, Off) })
}

func with(b Binding, change func(*Binding)) Binding {
	change(&b)
	return b
}

func TestTheBestBindingIsFirst(t *testing.T) {
	both(t, func(t *testing.T, file string) {
		l, _, _ := begin(t, Config{File: file})
		low := with(phone("low"), func(b *Binding) { b.Q = 100 })
		first := with(phone("first"), func(b *Binding) { b.Updated = start.Add(-time.Second) })
		second := phone("second")
		bind(t, l, "sip:a@example.com", low, first, second)
		has(t, l, "sip:a@example.com", first, second, low)
		second.Updated = start.Add(time.Second) // a refresh: the CANCEL of an INVITE goes where that went
		bind(t, l, "sip:a@example.com", first, second, low)
		has(t, l, "sip:a@example.com", first, second, low)
		has(t, l, "sip:A@example.com")
		has(t, l, "")
		bind(t, l, "sip:a@example.com")
		has(t, l, "sip:a@example.com")
		if s := l.Stats(); s.Bindings != 0 || s.Registrations != 0 || s.Waiting != 0 || s.Kept != 3 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestUpdatesOfOneAddressFollowEachOther(t *testing.T) {
	both(t, func(t *testing.T, file string) {
		l, _, _ := begin(t, Config{File: file, MaxPerAOR: 1000})
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for n := range 100 {
					told := updating(t, l, "sip:a@example.com", func(present []Binding) ([]Binding, error) {
						return append(present, phone(fmt.Sprintf("%d-%d", i, n))), nil
					})
					if n%10 == 0 {
						_ = heard(t, told)
					}
				}
			})
		}
		all.Wait()
		bind(t, l, "sip:b@example.com")
		if got := l.Lookup([]byte("sip:a@example.com"), l.now(), nil); len(got) != 400 {
			t.Fatalf("400 additions made %d bindings", len(got))
		}
	})
}

// RFC 3261 §10.3: a binding is visible when it is committed, not before.
func TestNothingIsSeenThatIsNotOnDisk(t *testing.T) {
	l, _, _ := begin(t, Config{File: path(t)})
	release := hold(t, l)
	first := updating(t, l, "sip:a@example.com", to(phone("first")))
	taken(t, l)
	second := updating(t, l, "sip:a@example.com", func(present []Binding) ([]Binding, error) {
		if !equal(present, []Binding{phone("first")}) {
			t.Errorf("the second update sees %+v", present)
		}
		return append(present, phone("second")), nil
	})
	third := updating(t, l, "sip:a@example.com", func(present []Binding) ([]Binding, error) {
		if len(present) != 2 {
			t.Errorf("the third update sees %+v", present)
		}
		return present[:1], nil
	})
	has(t, l, "sip:a@example.com")
	if s := l.Stats(); s.Waiting != 3 || s.Bindings != 1 {
		t.Errorf("%+v", s)
	}
	select {
	case err := <-first:
		t.Fatalf("told %v before it is on disk", err)
	default:
	}
	release()
	for _, told := range []<-chan error{first, second, third} {
		if err := heard(t, told); err != nil {
			t.Fatal(err)
		}
	}
	has(t, l, "sip:a@example.com", phone("first"))
}

func TestAChangeThatRefusesChangesNothing(t *testing.T) {
	both(t, func(t *testing.T, file string) {
		l, _, _ := begin(t, Config{File: file})
		bind(t, l, "sip:a@example.com", phone("a"))
		stale := errors.New("an older CSeq")
		refuse := func(present []Binding) ([]Binding, error) { present[0].Contact = "other"; return nil, stale }
		if err := l.Update("sip:a@example.com", l.now(), refuse, func(error) { t.Error("told") }); err != stale {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = l.Update("sip:a@example.com", l.now(), func([]Binding) ([]Binding, error) { panic("a bug") }, nil)
		}()
		has(t, l, "sip:a@example.com", phone("a"))
		bind(t, l, "sip:b@example.com", phone("b"))
	})
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	both(t, func(t *testing.T, file string) {
		l, c, _ := begin(t, Config{File: file, MaxBindings: 5, MaxPerAOR: 3})
		refused := func(want error, aor string, bindings ...Binding) {
			t.Helper()
			if err := l.Update(aor, l.now(), to(bindings...), func(error) { t.Error("told") }); !errors.Is(err, want) {
				t.Fatalf("%v, want %v", err, want)
			}
		}
		long := with(phone("a"), func(b *Binding) { b.Contact = strings.Repeat("x", maxBinding) })
		refused(ErrTooLong, "sip:a@example.com", long)
		refused(ErrTooLong, strings.Repeat("a", maxAOR+1), phone("a"))
		refused(ErrTooLong, "", phone("a"))
		refused(ErrTooMany, "sip:a@example.com", phone("1"), phone("2"), phone("3"), phone("4"))
		bind(t, l, "sip:a@example.com", phone("1"), phone("2"), phone("3"))
		refused(ErrFull, "sip:b@example.com", phone("1"), phone("2"), phone("3"))
		bind(t, l, "sip:b@example.com", phone("1"), with(phone("2"), func(b *Binding) { b.Expires = start.Add(time.Minute) }))
		refused(ErrFull, "sip:c@example.com", phone("1"))
		bind(t, l, "sip:a@example.com", phone("4"), phone("5"), phone("6")) // no more than before
		bind(t, l, "sip:a@example.com", phone("4"), phone("5"))
		bind(t, l, "sip:c@example.com", phone("1"))
		refused(ErrFull, "sip:d@example.com", phone("1"))
		c.move(time.Minute)
		for deadline := time.Now().Add(10 * time.Second); l.Stats().Bindings != 4; time.Sleep(time.Millisecond) { // until it is swept
			if time.Now().After(deadline) {
				t.Fatalf("%+v", l.Stats())
			}
		}
		bind(t, l, "sip:d@example.com", phone("1"))
	})
}

func TestAStoreMadeSmallerKeepsWhatItHas(t *testing.T) {
	file := path(t)
	l, c, log := begin(t, Config{File: file})
	for i := range 20 {
		bind(t, l, fmt.Sprintf("sip:u%d@example.com", i), phone("1"), phone("2"))
	}
	l.Close()
	l = beginAt(t, Config{File: file, MaxBindings: 3, MaxPerAOR: 1}, c, log)
	for i := range 20 {
		aor := fmt.Sprintf("sip:u%d@example.com", i)
		has(t, l, aor, phone("1"), phone("2"))
		bind(t, l, aor, phone("2"), phone("1")) // a refresh
	}
	if err := l.Update("sip:x@example.com", l.now(), to(phone("1")), nil); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
}

func TestADiskThatHangsIsWaitedForByFew(t *testing.T) {
	l, _, _ := begin(t, Config{File: path(t)})
	release := hold(t, l)
	var told atomic.Int64
	all := make(chan struct{})
	for i := range maxWaiting {
		err := l.Update(fmt.Sprintf("sip:%d@example.com", i%1000), l.now(), to(phone("a")), func(error) {
			if told.Add(1) == maxWaiting {
				close(all)
			}
		})
		if err != nil {
			t.Fatal(i, err)
		}
	}
	if err := l.Update("sip:a@example.com", l.now(), to(phone("a")), nil); err != ErrBusy {
		t.Fatal(err)
	}
	release()
	<-all
	bind(t, l, "sip:a@example.com", phone("a"))
}

func TestCloseKeepsWhatWaits(t *testing.T) {
	file := path(t)
	l, c, log := begin(t, Config{File: file})
	release := hold(t, l)
	first := updating(t, l, "sip:a@example.com", to(phone("a")))
	taken(t, l)
	second := updating(t, l, "sip:b@example.com", to(phone("b")))
	closed := make(chan struct{})
	go func() { defer close(closed); l.Close() }()
	for l.Update("sip:c@example.com", l.now(), func([]Binding) ([]Binding, error) { return nil, ErrUnknown }, nil) != ErrClosed {
		time.Sleep(time.Millisecond) // nothing announces that Close has begun
	}
	release()
	if err := errors.Join(heard(t, first), heard(t, second)); err != nil {
		t.Fatal(err)
	}
	<-closed
	l.Close()
	has(t, l, "sip:b@example.com", phone("b"))
	if list := l.List("", "", 10, l.now()); len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	l = beginAt(t, Config{File: file}, c, log)
	has(t, l, "sip:a@example.com", phone("a"))
	has(t, l, "sip:b@example.com", phone("b"))
}

func TestAnOperatorRemovesOneContactOrAll(t *testing.T) {
	both(t, func(t *testing.T, file string) {
		l, _, _ := begin(t, Config{File: file})
		bind(t, l, "sip:a@example.com", phone("1"), phone("2"))
		remove := func(contact string) error {
			told := make(chan error, 1)
			if err := Remove(l, "sip:a@example.com", contact, l.now(), func(err error) { told <- err }); err != nil {
				return err
			}
			return heard(t, told)
		}
		if err := remove("sip:other@example.com"); err != ErrUnknown {
			t.Fatal(err)
		}
		if err := remove(phone("1").Contact); err != nil {
			t.Fatal(err)
		}
		has(t, l, "sip:a@example.com", phone("2"))
		if err := remove(""); err != nil {
			t.Fatal(err)
		}
		has(t, l, "sip:a@example.com")
		if err := remove(""); err != ErrUnknown {
			t.Fatal(err)
		}
	})
}

func TestAListIsWholeAndInOrder(t *testing.T) {
	l, c, _ := begin(t, Config{File: Off})
	var want []string
	for i := range 300 {
		aor := fmt.Sprintf("sip:u%d@example.com", i)
		b := phone(fmt.Sprint(i))
		if i%3 == 0 {
			b.Expires = start.Add(time.Second)
		} else {
			want = append(want, aor)
		}
		bind(t, l, aor, b)
	}
	bind(t, l, "tel:1", phone("tel"))
	slices.Sort(want)
	at := c.now().Add(time.Second) // a third has lapsed, and was not removed yet
	for _, limit := range []int{1, 7, 200, 1000} {
		var got []string
		after := ""
		for {
			page := l.List("sip:u", after, limit, at)
			if len(page) == 0 {
				break
			}
			if len(page) > limit {
				t.Fatalf("a page of %d has %d", limit, len(page))
			}
			for _, r := range page {
				if len(r.Bindings) != 1 || !strings.Contains(r.AOR, "sip:u"+strings.TrimPrefix(strings.Split(r.Bindings[0].Contact, "@")[0], "sip:")+"@") {
					t.Fatalf("%+v", r)
				}
				got = append(got, r.AOR)
			}
			after = page[len(page)-1].AOR
		}
		if !slices.Equal(got, want) {
			t.Fatalf("pages of %d: %d of %d registrations: %v", limit, len(got), len(want), got)
		}
	}
	if page := l.List("", "", 0, at); len(page) != 0 {
		t.Fatalf("%+v", page)
	}
}

// Whatever many do at once, memory, counters and file say the same in the end.
func TestManyAtOnceAgreeWithTheFile(t *testing.T) {
	file := path(t)
	l, c, log := begin(t, Config{File: file})
	const users = 40
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(w)))
			for n := range 400 {
				aor := fmt.Sprintf("sip:u%d@example.com", random.IntN(users))
				contact := phone(fmt.Sprintf("%d-%d", w, n))
				contact.Expires = c.now().Add(time.Duration(1+random.IntN(50)) * time.Second)
				told := updating(t, l, aor, func(present []Binding) ([]Binding, error) {
					for _, b := range present {
						if !c.now().Before(b.Expires.Add(10 * time.Second)) {
							t.Errorf("a lapsed binding: %+v", b)
						}
					}
					if len(present) > 5 {
						present = present[3:]
					}
					return append(present, contact), nil
				})
				if random.IntN(20) == 0 {
					c.move(time.Second)
				}
				if random.IntN(5) == 0 {
					_ = heard(t, told)
				}
				l.Lookup([]byte(aor), c.now(), nil)
			}
		})
	}
	all.Wait()
	bind(t, l, "sip:last@example.com")
	l.Close()
	list, total := l.List("", "", 1000, c.now()), 0
	for r := range l.table.each {
		total += len(r.bindings())
	}
	s := l.Stats()
	if s.Bindings != total || s.Waiting != 0 || s.Failed != 0 || s.Kept != 1601 {
		t.Fatalf("%+v, and the table has %d bindings", s, total)
	}
	l = beginAt(t, Config{File: file}, c, log)
	again := l.List("", "", 1000, c.now())
	if len(list) == 0 || len(again) != len(list) {
		t.Fatalf("%d registrations before, %d after", len(list), len(again))
	}
	for i := range list {
		if list[i].AOR != again[i].AOR || !equal(list[i].Bindings, again[i].Bindings) {
			t.Fatalf("%+v became %+v", list[i], again[i])
		}
	}
	if log.String() != "" {
		t.Fatal(log)
	}
}

func TestTheConfigurationIsCheckedAtStart(t *testing.T) {
	for _, cfg := range []Config{{}, {File: Off, MaxBindings: -1}, {File: Off, MaxBindings: 1 << 25}, {File: Off, MaxPerAOR: -1}} {
		if _, err := Open(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
	if _, err := Open(Config{File: filepath.Join(t.TempDir(), "no", "such", "folder")}); err == nil {
		t.Error("a file in no folder is taken")
	}
	file := path(t)
	l, _, _ := begin(t, Config{File: file})
	if _, err := Open(Config{File: file}); !errors.Is(err, boltfile.ErrHeld) {
		t.Error(err)
	}
	l.Close()
	db, err := bolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
}
