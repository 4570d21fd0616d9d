package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// full is a journal file with a few hundred entries, closed.
func full(t *testing.T) []byte {
	t.Helper()
	path := file(t)
	j, _ := begin(t, path)
	for n := range 300 {
		j.Put(fmt.Sprint("call ", n), bytes.Repeat([]byte{'v'}, 300))
		if n%20 == 0 {
			flush(t, j)
		}
	}
	for n := range 100 {
		j.Delete(fmt.Sprint("call ", n))
	}
	j.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestADamagedFileIsMovedAside(t *testing.T) {
	raw := full(t)
	foreign := filepath.Join(t.TempDir(), "foreign")
	db, err := bolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err }); err != nil {
		t.Fatal(err)
	}
	db.Close()
	theirs, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	for name, damaged := range map[string][]byte{
		"one byte":            {0},
		"text":                []byte("this is no journal\n"),
		"zeros":               make([]byte, 1<<16),
		"of another program":  theirs,
		"cut in the metas":    raw[:page],
		"cut behind them":     raw[:2*page],
		"cut within":          raw[:len(raw)/4],
		"zeros in the middle": append(append(bytes.Clone(raw[:2*page]), make([]byte, len(raw)-3*page)...), raw[len(raw)-page:]...),
		"noise in the middle": append(append(bytes.Clone(raw[:2*page]), bytes.Repeat([]byte{0xa5}, len(raw)-2*page)...), raw[len(raw)-page:]...),
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t)
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			j, log := begin(t, path)
			has(t, j, map[string]string{})
			j.Put("a", []byte("1"))
			flush(t, j)
			if !strings.Contains(log.String(), "the journal is damaged") {
				t.Errorf("the log has %q", log)
			}
			if aside, err := os.ReadFile(path + ".damaged"); err != nil || !bytes.Equal(aside, damaged) {
				t.Errorf("aside are %d bytes of %d: %v", len(aside), len(damaged), err)
			}
			j.Close()
			j, _ = begin(t, path)
			has(t, j, map[string]string{"a": "1"})
		})
	}
}

// Each page in turn is overwritten: whatever the journal makes of it, it opens and writes.
func TestNoDamagedPageEndsTheProcess(t *testing.T) {
	raw, page := full(t), os.Getpagesize()
	for name, noise := range map[string][]byte{
		"zeros": make([]byte, page), "ones": bytes.Repeat([]byte{0xff}, page), "another page": raw[3*page : 4*page],
	} {
		moved := 0
		for at := 0; at < len(raw); at += page {
			path := file(t)
			if err := os.WriteFile(path, append(append(bytes.Clone(raw[:at]), noise...), raw[at+page:]...), 0o600); err != nil {
				t.Fatal(err)
			}
			j, err := open(path, slog.New(slog.DiscardHandler), 0)
			if err != nil {
				t.Fatalf("%s for page %d: %v", name, at/page, err)
			}
			j.Put("a", []byte("1"))
			flush(t, j)
			j.Close()
			if _, err := os.Stat(path + ".damaged"); err == nil {
				moved++
			}
		}
		t.Logf("%s: %d of %d pages made the file damaged", name, moved, len(raw)/page)
	}
}

// The file loses its pages while the journal has it open: the next write panics. The journal gives the file up and
// writes another one with all that is alive.
func TestAPanicCostsTheFileAndNoEntry(t *testing.T) {
	path := file(t)
	j, log := begin(t, path)
	want := map[string]string{}
	for n := range 300 {
		key := fmt.Sprint("call ", n)
		j.Put(key, []byte("value"))
		want[key] = "value"
	}
	flush(t, j)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	j.Put("call 1", []byte("newer"))
	j.Delete("call 2")
	want["call 1"] = "newer"
	delete(want, "call 2")
	for deadline := time.Now().Add(10 * time.Second); j.Flush() != nil; { // until it was tried again
		if time.Now().After(deadline) {
			t.Fatalf("it is not written again: %s", log)
		}
		time.Sleep(time.Millisecond) // nothing announces the next attempt
	}
	if j.Failed() == 0 || !strings.Contains(log.String(), "the file is damaged") || !strings.Contains(log.String(), "written again") {
		t.Errorf("%d failed, the log has %s", j.Failed(), log)
	}
	has(t, j, want)
	j.Close()
	again, _ := begin(t, path)
	has(t, again, want)
}

// A disk that is full is said once, and nothing that waits for it grows without bound.
func TestAFullDisk(t *testing.T) {
	path := file(t)
	j, log := begin(t, path)
	j.Put("first", []byte("1"))
	flush(t, j)
	j.mu.Lock()
	j.db.MaxSize = 1 // bbolt refuses to grow the file, as a full disk does
	j.mu.Unlock()
	const calls = 20_000
	value := make([]byte, 3000)
	for n := range calls { // each call begins and ends while nothing can be written; 200 are up at a time
		j.Put(fmt.Sprint("call ", n), value)
		if n >= 200 {
			j.Delete(fmt.Sprint("call ", n-200))
		}
		if n == 1000 {
			if err := j.Flush(); err == nil {
				t.Fatal("a full disk takes it")
			}
		}
	}
	if err := j.Flush(); err == nil {
		t.Fatal("a full disk takes it")
	}
	j.mu.Lock()
	waiting, alive := len(j.dirty), len(j.alive)
	j.mu.Unlock()
	if alive != 201 || waiting > 2*alive {
		t.Errorf("%d keys are alive, %d wait for a full disk", alive, waiting)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "calls go on") {
		t.Errorf("%d lines in the log: %s", n, log)
	}
	if j.Failed() < 2 {
		t.Errorf("%d attempts failed", j.Failed())
	}
	j.Delete("first")
	j.writer.Stop() // with it the last attempt
	j.mu.Lock()
	j.db.MaxSize = 0
	j.mu.Unlock()
	if err := j.write(); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for n := calls - 200; n < calls; n++ {
		want[fmt.Sprint("call ", n)] = string(value)
	}
	has(t, j, want)
	j.Close()
	again, _ := begin(t, path)
	has(t, again, want)
}
