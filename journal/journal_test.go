package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// text is a log that may be read while it is written.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// begin opens a journal that writes without a pause; the test closes it.
func begin(t testing.TB, path string) (*Journal, *text) {
	t.Helper()
	log := &text{}
	j, err := open(path, slog.New(slog.NewTextHandler(log, nil)), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j, log
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "media.journal") }

func flush(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
}

// has tells whether a journal has exactly these.
func has(t testing.TB, j *Journal, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for key, value := range j.All() {
		got[key] = string(value)
	}
	if !maps.Equal(got, want) {
		t.Fatalf("the journal has %v, want %v", got, want)
	}
}

func TestWhatWasPutIsThereAfterAClose(t *testing.T) {
	path := file(t)
	j, _ := begin(t, path)
	has(t, j, map[string]string{})
	j.Put("a", []byte("1"))
	j.Put("b", []byte("2"))
	j.Put("empty", nil)
	j.Put("a", []byte("3"))
	j.Delete("b")
	j.Delete("nobody")
	want := map[string]string{"a": "3", "empty": ""}
	has(t, j, want)
	j.Close()
	j.Close() // a second Close does nothing

	j, log := begin(t, path)
	has(t, j, want)
	j.Delete("a")
	j.Put("c", []byte("4"))
	flush(t, j)
	j.Close()
	again, _ := begin(t, path)
	has(t, again, map[string]string{"c": "4", "empty": ""})
	if log.String() != "" {
		t.Errorf("the log has %s", log)
	}
}

// Media addresses of calls are nobody else's business.
func TestTheFileIsItsOwnersAlone(t *testing.T) {
	path := file(t)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	begin(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
}

func TestASecondOpenerIsRefused(t *testing.T) {
	path := file(t)
	j, _ := begin(t, path)
	j.Put("a", []byte("1"))
	flush(t, j)
	began := time.Now()
	_, err := Open(path, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "another process holds it") {
		t.Fatalf("the second opener heard %v", err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("it waited %v", d)
	}
	if _, err := os.Stat(path + ".damaged"); err == nil {
		t.Error("a journal in use was moved aside")
	}
	j.Put("b", []byte("2"))
	flush(t, j)
	j.Close()
	j, _ = begin(t, path)
	has(t, j, map[string]string{"a": "1", "b": "2"})
}

func TestAFileThatCannotBeHadIsSaid(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none", "journal"), t.TempDir()} {
		_, err := Open(path, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Stat(path + ".damaged"); err == nil {
			t.Errorf("%s was moved aside", path)
		}
	}
}

// A disk that is slow sees the newest value of a key and none before.
func TestValuesOfOneKeyAreWrittenTogether(t *testing.T) {
	path := file(t)
	j, err := open(path, slog.New(slog.DiscardHandler), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	j.Put("other", nil)
	flush(t, j) // now it rests
	for n := range 100_000 {
		j.Put("a", fmt.Append(nil, n))
		key := fmt.Sprint("short ", n)
		j.Put(key, make([]byte, 300))
		j.Delete(key)
		if n%1000 == 0 {
			j.mu.Lock()
			if len(j.dirty) > 10_000 { // as many as one rest and one transaction meet
				t.Errorf("%d keys wait to be written", len(j.dirty))
			}
			j.mu.Unlock()
		}
	}
	flush(t, j)
	has(t, j, map[string]string{"a": "99999", "other": ""})
	j.Close()
	again, _ := begin(t, path)
	has(t, again, map[string]string{"a": "99999", "other": ""})
}

func TestAKeyThatCannotBeKeptHarmsNoOther(t *testing.T) {
	j, log := begin(t, file(t))
	j.Put("", []byte("1"))
	j.Put(strings.Repeat("k", 32769), []byte("1"))
	long := strings.Repeat("k", 32768)
	j.Put(long, []byte("2"))
	flush(t, j)
	has(t, j, map[string]string{long: "2"})
	if j.Failed() != 2 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("%d failed, the log has %s", j.Failed(), log)
	}
}

func TestManyMayPut(t *testing.T) {
	path := file(t)
	j, _ := begin(t, path)
	const writers, each = 8, 2000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				key := fmt.Sprintf("%d %d", w, n%50)
				switch {
				case n%3 == 2:
					j.Delete(key)
				default:
					j.Put(key, fmt.Append(nil, n))
				}
				if n%500 == 0 {
					_ = j.Flush()
					j.All()
				}
			}
		})
	}
	wg.Wait()
	want := map[string]string{}
	for key, value := range j.All() {
		want[key] = string(value)
	}
	flush(t, j)
	j.Close()
	again, _ := begin(t, path)
	has(t, again, want)
}

func TestAFlushOfAClosedJournalComesBack(t *testing.T) {
	j, _ := begin(t, file(t))
	j.Close()
	j.Put("a", nil)
	if err := j.Flush(); err == nil {
		t.Fatal("a closed journal says that it has written")
	}
}

func TestNothingIsLeftOfAJournal(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		j, _ := begin(t, file(t))
		j.Put("a", nil)
		flush(t, j)
		j.Close()
	}
	for deadline := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

// Calls come and go, 1000 of them at a time: the file grows to what they need, and no more.
func TestTheFileDoesNotGrowByChurn(t *testing.T) {
	path := file(t)
	j, _ := begin(t, path)
	value := make([]byte, 300)
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const calls, together = 100_000, 1000
	for n := range calls {
		j.Put(fmt.Sprintf("call %d", n), value)
		if n >= together {
			j.Delete(fmt.Sprintf("call %d", n-together))
		}
		if n%50 == 0 {
			flush(t, j)
		}
	}
	flush(t, j)
	if len(j.All()) != together || size() > 4<<20 {
		t.Errorf("%d calls of %d bytes need a file of %d bytes", len(j.All()), len(value), size())
	}
	t.Logf("%d bytes for %d keys after %d put and deleted in %d transactions", size(), together, calls, calls/50)
}

func BenchmarkPut(b *testing.B) {
	j, err := Open(file(b), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprintf("call %d", i)
	}
	value := make([]byte, 300)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		j.Put(keys[n%len(keys)], value)
		n++
	}
}

// BenchmarkTransaction is one change of one of 1000 keys, brought to the kernel.
func BenchmarkTransaction(b *testing.B) {
	j, _ := begin(b, file(b))
	value := make([]byte, 300)
	for n := range 1000 {
		j.Put(fmt.Sprint(n), value)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		j.Put(fmt.Sprint(n%1000), value)
		flush(b, j)
		n++
	}
}
