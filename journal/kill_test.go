package journal

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// childOf names the file to the process that is going to be killed.
const childOf = "ACTORSIP_JOURNAL_TEST"

func TestMain(m *testing.M) {
	if path := os.Getenv(childOf); path != "" {
		child(path)
	}
	os.Exit(m.Run())
}

// child puts entries, says on standard output which were flushed, and goes on until it is killed.
func child(path string) {
	j, err := open(path, slog.New(slog.DiscardHandler), 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := 0; ; n++ {
		for i := range 100 {
			j.Put(fmt.Sprintf("steady %d", i), value(n, i))
			j.Put(fmt.Sprintf("passing %d", n*100+i), value(n, i))
			j.Delete(fmt.Sprintf("passing %d", n*100+i-500))
		}
		if err := j.Flush(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

func value(round, n int) []byte {
	return fmt.Appendf(nil, "%d %d %s", round, n, strings.Repeat("v", 300))
}

// A process is killed again and again, at any moment of a write: what it had flushed is there, and the file is good.
func TestWhatWasFlushedSurvivesKill9(t *testing.T) {
	path := file(t)
	rounds := 15
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
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
		flushed, lines := -1, bufio.NewScanner(out)
		killer := time.AfterFunc(time.Duration(150+round*7)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &flushed); err != nil {
				t.Fatal(err)
			}
		}
		killer.Stop()
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the child ended with %v", err)
		}
		verify(t, path, flushed)
	}
}

func verify(t *testing.T, path string, flushed int) {
	t.Helper()
	j, log := begin(t, path)
	defer j.Close()
	if log.String() != "" {
		t.Fatalf("after a kill: %s", log)
	}
	all := j.All()
	for i := range 100 {
		var round, n int
		got := string(all[fmt.Sprintf("steady %d", i)])
		_, err := fmt.Sscan(got, &round, &n)
		if flushed >= 0 && (err != nil || n != i || round < flushed || got != string(value(round, i))) {
			t.Fatalf("round %d was flushed, there is %.20q of entry %d", flushed, got, i)
		}
		if p, known := all[fmt.Sprintf("passing %d", flushed*100+i)]; flushed >= 0 && (!known || string(p) != string(value(flushed, i))) {
			t.Fatalf("an entry of round %d is %.20q", flushed, p)
		}
	}
	for key := range all {
		j.Delete(key) // the next child begins with nothing
	}
	t.Logf("%d rounds were flushed, %d entries are there", flushed+1, len(all))
}
