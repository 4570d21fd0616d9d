package location

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// lapses collects what Expired hears of.
type lapses struct {
	mu    sync.Mutex
	heard map[string]int
	come  chan struct{}
}

func (s *lapses) hear(aor string, b Binding) {
	s.mu.Lock()
	s.heard[aor+" "+b.Contact]++
	s.mu.Unlock()
	select {
	case s.come <- struct{}{}:
	default:
	}
}

func (s *lapses) wait(t *testing.T, n int) {
	t.Helper()
	for {
		s.mu.Lock()
		got := len(s.heard)
		s.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-s.come:
		case <-time.After(20 * time.Second):
			t.Fatalf("%d of %d have lapsed", got, n)
		}
	}
}

func listen() *lapses { return &lapses{heard: map[string]int{}, come: make(chan struct{}, 1)} }

func TestALapsedBindingIsGoneAtOnceAndToldOnce(t *testing.T) {
	both(t, func(t *testing.T, file string) {
		told := listen()
		l, c, log := begin(t, Config{File: file, Expired: told.hear})
		short := with(phone("short"), func(b *Binding) { b.Expires = start.Add(time.Minute) })
		bind(t, l, "sip:a@example.com", short, phone("long"))
		bind(t, l, "sip:b@example.com", short)
		bind(t, l, "sip:c@example.com", short)
		bind(t, l, "sip:c@example.com", with(short, func(b *Binding) { b.Expires = start.Add(2 * time.Minute) })) // a refresh
		bind(t, l, "sip:d@example.com", phone("d"))
		bind(t, l, "sip:d@example.com", with(short, func(b *Binding) { b.Expires = start.Add(time.Second) })) // sooner than before
		c.move(time.Minute - 1)
		if got := l.Lookup([]byte("sip:b@example.com"), c.now(), nil); len(got) != 1 {
			t.Fatal("lapsed too early")
		}
		c.move(1)
		has(t, l, "sip:a@example.com", phone("long"))
		has(t, l, "sip:b@example.com")
		told.wait(t, 3)
		bind(t, l, "sip:x@example.com", phone("x")) // with it the file knows of what has lapsed
		if s := l.Stats(); s.Expired != 3 || s.Bindings != 3 || s.Registrations != 3 {
			t.Errorf("%+v", s)
		}
		c.move(time.Minute)
		told.wait(t, 4)
		for what, n := range told.heard {
			if n != 1 {
				t.Errorf("%s has lapsed %d times", what, n)
			}
		}
		l.Close()
		if file == Off {
			return
		}
		c.past.Store(0) // a process that would take up anything
		l = beginAt(t, Config{File: file}, c, log)
		has(t, l, "sip:a@example.com", phone("long"))
		has(t, l, "sip:b@example.com")
		has(t, l, "sip:d@example.com")
	})
}

func TestAnUpdateTellsWhatHasLapsedBeforeIt(t *testing.T) {
	told := listen()
	l, c, _ := begin(t, Config{File: path(t), Expired: told.hear})
	bind(t, l, "sip:a@example.com", with(phone("old"), func(b *Binding) { b.Expires = start.Add(time.Second) }))
	release := hold(t, l)
	waits := updating(t, l, "sip:b@example.com", to(phone("b")))
	taken(t, l)
	for range 3 { // each sees what lapsed; nothing is swept while the disk hangs
		c.move(time.Second)
		waits = updating(t, l, "sip:a@example.com", func(present []Binding) ([]Binding, error) {
			if len(present) > 1 || len(present) == 1 && present[0].Contact == phone("old").Contact {
				t.Errorf("there is %+v", present)
			}
			return []Binding{phone("new")}, nil
		})
	}
	release()
	if err := heard(t, waits); err != nil {
		t.Fatal(err)
	}
	told.wait(t, 1)
	c.move(10 * time.Second)
	bind(t, l, "sip:c@example.com")
	if s := l.Stats(); s.Expired != 1 || s.Bindings != 2 || told.heard["sip:a@example.com "+phone("old").Contact] != 1 {
		t.Fatalf("%+v, told %v", s, told.heard)
	}
}

func TestWhatLapsedWhileNobodyWasThereIsDropped(t *testing.T) {
	place := path(t)
	l, c, log := begin(t, Config{File: place})
	bind(t, l, "sip:a@example.com", with(phone("a"), func(b *Binding) { b.Expires = start.Add(time.Second) }), phone("b"))
	bind(t, l, "sip:c@example.com", with(phone("c"), func(b *Binding) { b.Expires = start.Add(time.Second) }))
	l.Close()
	c.move(time.Second)
	for range 2 {
		l = beginAt(t, Config{File: place, Expired: func(aor string, b Binding) { t.Errorf("%s has lapsed", aor) }}, c, log)
		has(t, l, "sip:a@example.com", phone("b"))
		if s := l.Stats(); s.Bindings != 1 || s.Registrations != 1 {
			t.Fatalf("%+v", s)
		}
		bind(t, l, "sip:d@example.com")
		l.Close()
		c.past.Store(0)
		f, found, err := openFile(place, slog.New(slog.DiscardHandler))
		if err != nil || len(found) != 1 {
			t.Fatalf("the file has %d registrations: %v", len(found), err)
		}
		f.close()
		c.move(time.Second)
	}
}

// Many that lapse in one moment hold up no update.
func TestAWaveOfLapsesIsSweptBitByBit(t *testing.T) {
	told := listen()
	l, c, _ := begin(t, Config{File: Off, Expired: told.hear})
	const many = 10 * mostSwept
	done := make(chan error, many)
	for i := range many {
		b := with(phone("a"), func(b *Binding) { b.Expires = start.Add(time.Second) })
		if err := l.Update(fmt.Sprintf("sip:%d@example.com", i), l.now(), to(b), func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range many {
		if err := heard(t, done); err != nil {
			t.Fatal(err)
		}
	}
	l.Close() // this test sweeps itself
	c.move(time.Second)
	for i := range 10 {
		if more := l.sweep(c.now(), l.drop); !more || len(told.heard) != (i+1)*mostSwept {
			t.Fatalf("sweep %d: %d have lapsed, more=%v", i, len(told.heard), more)
		}
	}
	if l.sweep(c.now(), l.drop) || l.Stats().Bindings != 0 || l.Stats().Registrations != 0 {
		t.Fatalf("%+v", l.Stats())
	}
}

// Refreshes, and times of expiry that come ever sooner, do not fill the diary.
func TestTheDiaryDoesNotGrow(t *testing.T) {
	l, c, _ := begin(t, Config{File: Off})
	const users = 100
	refresh := func(expires time.Duration) {
		for i := range users {
			b := with(phone("a"), func(b *Binding) { b.Expires = c.now().Add(expires) })
			told := updating(t, l, fmt.Sprintf("sip:%d@example.com", i), to(b))
			if i == users-1 {
				_ = heard(t, told)
			}
		}
	}
	for range 100 {
		refresh(time.Hour)
		c.move(time.Second)
	}
	for n := range 200 {
		refresh(time.Hour - time.Duration(n)*10*time.Second)
	}
	for range 20 {
		refresh(10 * time.Second)
		c.move(5 * time.Second) // the sweep looks, and finds it refreshed
	}
	l.Close()
	if n := len(l.diary.calendar); n > 2*users+fewStale+users {
		t.Fatalf("%d appointments for %d users", n, users)
	}
	valid := map[string]bool{}
	for _, a := range l.diary.calendar {
		if r := l.table.appointed(a); r != nil {
			valid[r.name] = true
		}
	}
	if len(valid) != users || len(valid)+l.diary.stale != len(l.diary.calendar) {
		t.Fatalf("%d appointments, %d stale, %d valid", len(l.diary.calendar), l.diary.stale, len(valid))
	}
}
