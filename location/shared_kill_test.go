package location

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/tests/server"
)

// nodeOf names the etcd to a process that is a node and is going to be killed.
const nodeOf = "ACTORSIP_LOCATION_NODE"

// node raises the CSeq of subscribers, which other nodes raise too, as fast as it can, and says on standard output which it was
// acknowledged.
func node(endpoint string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c, err := etcd.Open(etcd.Config{Endpoints: []string{endpoint}, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		fail(err)
	}
	s, err := OpenShared(SharedConfig{Config: Config{File: Off}, Etcd: c})
	if err != nil {
		fail(err)
	}
	var mu sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	free := make(chan struct{}, 200)
	for n := 0; ; n++ {
		free <- struct{}{}
		who := n % nodeSubscribers
		var cseq uint32
		err := s.Update(user(who), time.Now(), func(present []Binding) ([]Binding, error) {
			b := phone(fmt.Sprint(who))
			b.CSeq, b.Expires = 1, time.Now().Add(time.Hour)
			if len(present) > 0 {
				b.CSeq = present[0].CSeq + 1
			}
			cseq = b.CSeq
			return []Binding{b}, nil
		}, func(err error) {
			defer func() { <-free }()
			if err != nil {
				return // etcd is away
			}
			mu.Lock()
			fmt.Fprintln(out, who, cseq)
			_ = out.Flush()
			mu.Unlock()
		})
		if err != nil {
			<-free
			<-time.After(time.Millisecond)
		}
	}
}

const nodeSubscribers = 500

// Two nodes that change the same users are killed at their full rate, and etcd before them: all that they were acknowledged is
// there, each CSeq was given once, and the third has it.
func TestWhatANodeWasAcknowledgedSurvivesItsKill9(t *testing.T) {
	e := server.StartEtcd(t)
	third, _ := join(t, e.Endpoint, nil, SharedConfig{})
	var mu sync.Mutex
	last, given, count := map[int]uint32{}, map[[2]int]int{}, 0
	var readers sync.WaitGroup
	for n := range 2 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), nodeOf+"="+e.Endpoint)
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		readers.Add(1)
		go func() {
			defer readers.Done()
			lines, killed := bufio.NewScanner(out), false
			for lines.Scan() {
				if !killed {
					killed = true
					time.AfterFunc(5*time.Second+time.Duration(n)*500*time.Millisecond, func() { _ = cmd.Process.Kill() })
				}
				var who, cseq int
				if n, _ := fmt.Sscan(lines.Text(), &who, &cseq); n != 2 {
					continue
				}
				mu.Lock()
				last[who] = max(last[who], uint32(cseq))
				given[[2]int{who, cseq}]++
				count++
				mu.Unlock()
			}
			_ = cmd.Wait()
		}()
	}
	<-time.After(1500 * time.Millisecond)
	e.Kill()
	<-time.After(500 * time.Millisecond)
	e.Start()
	readers.Wait()
	if count < 500 {
		t.Fatalf("only %d updates were acknowledged", count)
	}
	for who, cseq := range last {
		eventually(t, func() string {
			if got := third.Lookup([]byte(user(who)), time.Now(), nil); len(got) != 1 || got[0].CSeq < cseq {
				return fmt.Sprintf("CSeq %d of subscriber %d was acknowledged, there is %+v", cseq, who, got)
			}
			return ""
		})
	}
	for x, times := range given {
		if times != 1 {
			t.Fatalf("CSeq %d of subscriber %d was given %d times", x[1], x[0], times)
		}
	}
	t.Logf("%d updates were acknowledged", count)
}
