package location

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/stage"
)

// childOf names the file to the process that is going to be killed.
const childOf = "ACTORSIP_LOCATION_TEST"

func TestMain(m *testing.M) {
	if place := os.Getenv(childOf); place != "" {
		child(place)
	}
	if endpoint := os.Getenv(nodeOf); endpoint != "" {
		node(endpoint)
	}
	os.Exit(m.Run())
}

const subscribers = 5000

// child registers as fast as it can, each subscriber again and again with the next CSeq, every fourth time not at all; it
// says on standard output which registration was acknowledged, and goes on until it is killed.
func child(place string) {
	l, err := Open(Config{File: place})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	free := make(chan struct{}, 2000)
	for n := 0; ; n++ {
		free <- struct{}{}
		who, round := n%subscribers, n/subscribers
		err := l.Update(user(who), time.Now(), func(present []Binding) ([]Binding, error) {
			return ofRound(who, round), nil
		}, func(err error) {
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			mu.Lock()
			fmt.Fprintln(out, who, round)
			_ = out.Flush()
			mu.Unlock()
			<-free
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func ofRound(who, round int) []Binding {
	if (who+round)%4 == 3 {
		return nil
	}
	b := phone(fmt.Sprint(who))
	b.CSeq, b.Expires = uint32(round), time.Now().Add(time.Hour)
	return []Binding{b}
}

// A process is killed again and again at its full rate: what it had acknowledged is there, and the file is good.
func TestWhatWasAcknowledgedSurvivesKill9(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		place := path(t)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childOf+"="+place)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		last, count := map[int]int{}, 0
		lines := bufio.NewScanner(out)
		var killer *time.Timer
		var began time.Time
		for lines.Scan() {
			if killer == nil { // from the first acknowledgement on
				began = time.Now()
				killer = time.AfterFunc(time.Duration(300+round*37)*time.Millisecond, func() { _ = cmd.Process.Kill() })
			}
			var who, seq int
			if n, _ := fmt.Sscan(lines.Text(), &who, &seq); n != 2 {
				continue // cut by the kill
			}
			last[who] = seq
			count++
		}
		rate := float64(count) / time.Since(began).Seconds()
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the child ended with %v", err)
		}
		verify(t, place, last)
		t.Logf("%d updates of %d subscribers were acknowledged, %.0f a second", count, len(last), rate)
	}
}

func verify(t *testing.T, place string, last map[int]int) {
	t.Helper()
	if len(last) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	log := new(stage.Log)
	l, err := Open(Config{File: place, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for who, round := range last {
		got := l.Lookup([]byte(user(who)), time.Now(), nil)
		switch {
		case len(got) == 1 && int(got[0].CSeq) >= round && got[0].Contact == phone(fmt.Sprint(who)).Contact:
		case len(got) == 0 && len(ofRound(who, round)) == 0: // gone, as acknowledged
		case len(got) == 0 && len(ofRound(who, round+1)) == 0: // gone, and who said so was not told any more
		default:
			t.Fatalf("round %d of subscriber %d was acknowledged, there is %+v", round, who, got)
		}
	}
	if log.String() != "" {
		t.Fatalf("after a kill: %s", log)
	}
}
