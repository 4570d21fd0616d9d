package limit

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/journal"
)

func openJournal(t testing.TB, path string) (*journal.Journal, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	j, err := journal.Open(path, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j, log
}

func TestBansOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bans")
	j, _ := openJournal(t, path)
	b := Open(0, Options{Store: j, Max: 100})
	w := b.Watch("scanners", Offence{After: 1, Within: time.Second, For: time.Hour}, 10)
	w.StrikeSource(0, netip.MustParseAddr("2001:db8::1"))
	add(t, b, "198.51.100.0/24", 0)
	add(t, b, "192.0.2.1", time.Hour)
	add(t, b, "user:bob", time.Hour)
	add(t, b, "10.0.0.1", time.Hour)
	add(t, b, "203.0.113.1", time.Millisecond)
	add(t, b, "203.0.113.2", time.Hour)
	b.Delete(0, subject(t, "203.0.113.2"))
	before := b.List(0)
	j.Put("nonsense", []byte("{}"))
	j.Put("203.0.113.3", []byte("nonsense"))
	for time.Now().Before(before[0].Since.Add(2 * time.Millisecond)) { // one of them is over by then
		_ = j.Flush()
	}
	j.Close()

	j, _ = openJournal(t, path)
	// The clock of another process, and a network that has come to be trusted.
	b = Open(time.Second, Options{Store: j, Max: 100, Trusted: nets("10.0.0.0/8")})
	got := ""
	for _, e := range b.List(time.Second) {
		got += fmt.Sprintf("%v %s %d %v %v\n", e.Subject, e.Why, e.Strikes, e.ByHand, e.Until.IsZero())
	}
	if want := "192.0.2.1 test 0 true false\nuser:bob test 0 true false\n2001:db8::/64 scanners 1 false false\n198.51.100.0/24 test 0 true true\n"; sorted(got) != sorted(want) {
		t.Errorf("there are\n%swant\n%s", got, want)
	}
	if !isBanned(b, time.Second, "2001:db8::2") || !isBanned(b, time.Minute, "198.51.100.7") || isBanned(b, 2*time.Hour, "192.0.2.1") {
		t.Error("not all is as it was")
	}
	for _, gone := range []string{"nonsense", "203.0.113.1", "203.0.113.2", "203.0.113.3", "10.0.0.1"} {
		if _, there := j.All()[gone]; there {
			t.Errorf("%s is still in the store", gone)
		}
	}
	if n := len(j.All()); n != 4 {
		t.Errorf("%d are in the store", n)
	}
}

func sorted(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		for k := i; k > 0 && lines[k] < lines[k-1]; k-- {
			lines[k], lines[k-1] = lines[k-1], lines[k]
		}
	}
	return strings.Join(lines, "\n")
}

func TestWithLessRoomThanBeforeThoseByHandStay(t *testing.T) {
	j, _ := openJournal(t, filepath.Join(t.TempDir(), "bans"))
	b := Open(0, Options{Store: j, Max: 1000})
	w := b.Watch("x", Offence{After: 1, Within: time.Second, For: time.Hour}, 10)
	for n := range 500 {
		w.StrikeSource(0, source4(uint32(n)))
	}
	add(t, b, "198.51.100.0/24", 0)
	add(t, b, "192.0.2.1", time.Minute)
	b = Open(0, Options{Store: j, Max: 100})
	if b.Len() > 100 || b.Len() < 90 || !isBanned(b, 0, "198.51.100.1") || !isBanned(b, 0, "192.0.2.1") {
		t.Errorf("there are %d", b.Len())
	}
	if n := len(j.All()); n != b.Len() {
		t.Errorf("the store has %d, there are %d", n, b.Len())
	}
}

// childOf names the file to the process that is going to be killed.
const childOf = "ACTORSIP_BANS_TEST"

func TestMain(m *testing.M) {
	if path := os.Getenv(childOf); path != "" {
		child(path)
	}
	os.Exit(m.Run())
}

// child bans, tells which bans are in the file, and goes on until it is killed.
func child(path string) {
	j, err := journal.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	b := Open(0, Options{Store: j})
	w := b.Watch("child", Offence{After: 3, Within: time.Second, For: time.Hour}, 100)
	for n := uint32(0); ; n++ {
		for range 3 {
			w.StrikeSource(0, source4(n))
		}
		if n%100 == 99 {
			if err := j.Flush(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			fmt.Println(n)
		}
	}
}

func TestBansSurviveKill9(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bans")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childOf+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	last := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
			t.Fatal(err)
		}
		if last >= 1000 {
			_ = cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended with %v", err)
	}
	if last < 1000 {
		t.Fatalf("the child came to %d", last)
	}
	j, log := openJournal(t, path)
	if log.Len() > 0 {
		t.Errorf("after the kill: %s", log)
	}
	b := Open(0, Options{Store: j})
	missing := 0
	for n := range last + 1 {
		if !b.HasSource(0, source4(uint32(n))) {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d bans are missing", missing, last+1)
	}
}
