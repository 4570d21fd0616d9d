package location

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/tests/stage"
)

// full is a file with a few hundred registrations, closed.
func full(t *testing.T) []byte {
	t.Helper()
	place := path(t)
	l, _, _ := begin(t, Config{File: place})
	var last <-chan error
	for n := range 300 {
		last = updating(t, l, user(n), to(phone(fmt.Sprint(n))))
		if n%20 == 0 {
			_ = heard(t, last)
		}
	}
	for n := range 100 {
		last = updating(t, l, user(n), to())
	}
	if err := heard(t, last); err != nil {
		t.Fatal(err)
	}
	l.Close()
	raw, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func user(n int) string { return fmt.Sprintf("sip:user%d@example.com", n) }

func foreign(t *testing.T) []byte {
	t.Helper()
	place := filepath.Join(t.TempDir(), "foreign")
	db, err := bolt.Open(place, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err }); err != nil {
		t.Fatal(err)
	}
	db.Close()
	raw, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestADamagedFileIsMovedAside(t *testing.T) {
	raw, page := full(t), os.Getpagesize()
	for name, damaged := range map[string][]byte{
		"one byte":           {0},
		"text":               []byte("this is no file of bindings\n"),
		"zeros":              make([]byte, 1<<16),
		"of another program": foreign(t),
		"cut in the metas":   raw[:page],
		"cut behind them":    raw[:2*page],
		"cut within":         raw[:len(raw)/4],
		"zeros in the middle": append(append(bytes.Clone(raw[:2*page]), make([]byte, len(raw)-3*page)...),
			raw[len(raw)-page:]...),
	} {
		t.Run(name, func(t *testing.T) {
			place := path(t)
			if err := os.WriteFile(place, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			l, c, log := begin(t, Config{File: place})
			if s := l.Stats(); s.Registrations != 0 {
				t.Fatalf("%+v", s)
			}
			bind(t, l, user(1), phone("1"))
			if !strings.Contains(log.String(), "is damaged") {
				t.Errorf("the log has %q", log)
			}
			if aside, err := os.ReadFile(place + ".damaged"); err != nil || !bytes.Equal(aside, damaged) {
				t.Errorf("aside are %d bytes of %d: %v", len(aside), len(damaged), err)
			}
			l.Close()
			l = beginAt(t, Config{File: place}, c, log)
			has(t, l, user(1), phone("1"))
		})
	}
}

// Each page in turn is overwritten: whatever the store makes of it, it opens, and takes registrations.
func TestNoDamagedPageEndsTheProcess(t *testing.T) {
	raw, page := full(t), os.Getpagesize()
	moved := 0
	noises := [][]byte{make([]byte, page), bytes.Repeat([]byte{0xff}, page), raw[3*page : 4*page]}
	for i := range len(raw) / page {
		for kind, noise := range noises {
			if i > 5 && i%len(noises) != kind { // the first pages meet all of them
				continue
			}
			place, at := path(t), i*page
			if err := os.WriteFile(place, append(append(bytes.Clone(raw[:at]), noise...), raw[at+page:]...), 0o600); err != nil {
				t.Fatal(err)
			}
			l, _, _ := begin(t, Config{File: place})
			bind(t, l, user(250), phone("new"))
			l.Close()
			if _, err := os.Stat(place + ".damaged"); err == nil {
				moved++
			}
		}
	}
	t.Logf("of %d pages, %d made the file damaged", len(raw)/page, moved)
}

func TestADamagedValueCostsOneRegistration(t *testing.T) {
	raw := full(t)
	at := bytes.LastIndex(raw, []byte("sip:222@192.168.178.21")) // the value of an old page may be there too
	for i := bytes.Index(raw, []byte("sip:222@192.168.178.21")); i >= 0 && i <= at; {
		raw[i] ^= 1
		next := bytes.Index(raw[i+1:], []byte("sip:222@192.168.178.21"))
		if next < 0 {
			break
		}
		i += 1 + next
	}
	place := path(t)
	if err := os.WriteFile(place, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	l, c, log := begin(t, Config{File: place})
	has(t, l, user(222))
	has(t, l, user(221), phone("221"))
	if s := l.Stats(); s.Registrations != 199 || !strings.Contains(log.String(), "damaged=1") {
		t.Fatalf("%+v, the log has %s", s, log)
	}
	bind(t, l, user(222), phone("222"))
	l.Close()
	quiet := new(stage.Log)
	l = beginAt(t, Config{File: place}, c, quiet)
	has(t, l, user(222), phone("222"))
	if quiet.String() != "" {
		t.Fatal(quiet)
	}
}

// large is n bindings of three kilobytes each.
func large(n int) (bindings []Binding) {
	for i := range n {
		bindings = append(bindings, with(phone(fmt.Sprint(i)), func(b *Binding) { b.UserAgent = strings.Repeat("x", 3000) }))
	}
	return bindings
}

// RFC 3261 §10.3: what cannot be committed is not there.
func TestAFullDiskChangesNothing(t *testing.T) {
	place := path(t)
	l, c, log := begin(t, Config{File: place})
	bind(t, l, user(0), phone("0"))
	grow(t, l, 1) // bbolt refuses to grow the file, as a full disk does
	release := hold(t, l)
	told := []<-chan error{updating(t, l, user(0), to(large(10)...))} // more than the file has room for
	taken(t, l)
	told = append(told, updating(t, l, user(0), func(present []Binding) ([]Binding, error) { // made of what will not be there
		if len(present) != 10 {
			t.Errorf("there is %+v", present)
		}
		return present[:1], nil
	}))
	told = append(told, updating(t, l, user(1), to(large(10)...)))
	release()
	for n, t1 := range told {
		if err := heard(t, t1); !errors.Is(err, ErrNotKept) {
			t.Fatalf("update %d: %v", n, err)
		}
	}
	has(t, l, user(0), phone("0"))
	has(t, l, user(1))
	if s := l.Stats(); s.Bindings != 1 || s.Registrations != 1 || s.Failed != 3 || s.Waiting != 0 {
		t.Fatalf("%+v", s)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "nobody can register") {
		t.Errorf("%d lines in the log: %s", n, log)
	}
	grow(t, l, 0)
	bind(t, l, user(1), large(10)...)
	if !strings.Contains(log.String(), "written again") {
		t.Errorf("the log has %s", log)
	}
	l.Close()
	l = beginAt(t, Config{File: place}, c, log)
	has(t, l, user(0), phone("0"))
	has(t, l, user(1), large(10)...)
}

// The file loses its pages while the store has it open: the next write panics. The store gives the file up and writes
// another one with all who are registered.
func TestAPanicCostsTheFileAndNoRegistration(t *testing.T) {
	place := path(t)
	l, c, log := begin(t, Config{File: place})
	var last <-chan error
	for n := range 300 {
		last = updating(t, l, user(n), to(phone(fmt.Sprint(n))))
	}
	if err := heard(t, last); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(place, 0); err != nil {
		t.Fatal(err)
	}
	if err := heard(t, updating(t, l, user(1), to(phone("newer")))); !errors.Is(err, ErrNotKept) {
		t.Fatal(err)
	}
	has(t, l, user(1), phone("1"))
	bind(t, l, user(2), phone("newer"))
	bind(t, l, user(3))
	l.Close()
	if !strings.Contains(log.String(), "a new file of bindings was made") {
		t.Errorf("the log has %s", log)
	}
	l = beginAt(t, Config{File: place}, c, new(stage.Log))
	has(t, l, user(1), phone("1"))
	has(t, l, user(2), phone("newer"))
	has(t, l, user(3))
	if s := l.Stats(); s.Registrations != 299 {
		t.Fatalf("%+v", s)
	}
}

// loud panics when it is told of what is wrong.
type loud struct{ slog.Handler }

func (loud) Enabled(context.Context, slog.Level) bool { return true }
func (loud) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "cannot be written") {
		panic("a bug")
	}
	return nil
}

// A write that the keeper panics on is one that failed: who waits for it is told, and the store goes on.
func TestAKeeperThatPanicsLosesOneWrite(t *testing.T) {
	failed := make(chan loop.Ended, 16)
	l, _, _ := begin(t, Config{File: path(t), Log: slog.New(loud{}), Failed: func(e loop.Ended) { failed <- e }})
	bind(t, l, user(1), phone("1"))
	grow(t, l, 1)
	release := hold(t, l)
	told := []<-chan error{updating(t, l, user(0), to(large(10)...))}
	taken(t, l)
	told = append(told, updating(t, l, user(0), to(phone("0"))))
	release()
	for _, t1 := range told {
		if err := heard(t, t1); !errors.Is(err, ErrNotKept) {
			t.Fatalf("it was told %v", err)
		}
	}
	select {
	case e := <-failed:
		if e.Err() == nil {
			t.Fatal(e)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody heard of the panic")
	}
	has(t, l, user(1), phone("1"))
	bind(t, l, user(2), phone("2"))
	has(t, l, user(2), phone("2"))
}

// Whoever is told of a binding may panic: the others are told, and the store goes on.
func TestAListenerThatPanicsIsNotTheStoresEnd(t *testing.T) {
	l, c, log := begin(t, Config{File: Off, Expired: func(string, Binding) { panic("a bug") }})
	short := with(phone("a"), func(b *Binding) { b.Expires = start.Add(time.Second) })
	if err := l.Update(user(1), l.now(), to(short), func(error) { panic("another bug") }); err != nil {
		t.Fatal(err)
	}
	bind(t, l, user(2), phone("2"))
	c.move(time.Second)
	for deadline := time.Now().Add(10 * time.Second); l.Stats().Expired != 1; time.Sleep(time.Millisecond) { // until it is swept
		if time.Now().After(deadline) {
			t.Fatalf("%+v", l.Stats())
		}
	}
	bind(t, l, user(3), phone("3"))
	if !strings.Contains(log.String(), "another bug") {
		t.Errorf("the log has %s", log)
	}
}
