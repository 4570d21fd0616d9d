package tests

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// sipp calls by one node of a cluster, which is stopped and started again meanwhile. sipp knows no other node: it sends again to this one
// until it is back. sipp is not who is called: it gives a call up when a copy of the INVITE comes behind its ACK.
func TestSippLosesNoCallByANodeThatIsRestarted(t *testing.T) {
	if _, err := exec.LookPath("sipp"); err != nil {
		t.Skip("there is no sipp on this machine: apt-get install sip-tester")
	}
	const perSecond, long = 50, 2 * time.Second
	calls := perSecond * 8
	r := newRing(t, "", all3, all3, all3)
	dir, n := t.TempDir(), r.nodes[0]
	over := make(chan struct{})
	var called sync.WaitGroup
	called.Go(func() { answerAll(r.callee, over) })
	defer func() { close(over); called.Wait() }()
	scenario, err := filepath.Abs("peers/sipp/uac.xml")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithTimeout(t.Context(), 2*time.Minute)
	defer end()
	said := &bytes.Buffer{}
	caller := exec.CommandContext(ctx, "sipp", "-sf", scenario, "-key", "domain", "example.com", r.callee.Addr().String(), "-rsa", n.inside.String(),
		"-i", "127.0.0.1", "-p", fmt.Sprint(r.caller.Addr().Port()), "-r", fmt.Sprint(perSecond), "-m", fmt.Sprint(calls),
		"-d", fmt.Sprint(long.Milliseconds()), "-trace_stat", "-stf", "caller.csv", "-fd", "1", "-nostdin")
	caller.Dir, caller.Stdout, caller.Stderr = dir, said, said
	r.caller.Free()
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		<-time.After(2500 * time.Millisecond)
		down := time.Now()
		n.told(t, syscall.SIGTERM)
		n.leavesWithin(t, 5*time.Second)
		n.start(r)
		t.Logf("it was away for %v", time.Since(down).Round(time.Millisecond))
	}
	if err := caller.Wait(); err != nil {
		t.Errorf("sipp ended badly: %v\n%s", err, said)
	}
	text, err := os.ReadFile(filepath.Join(dir, "caller.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last, got := strings.Split(lines[len(lines)-1], ";"), map[string]int{}
	for i, name := range strings.Split(lines[0], ";") {
		if i < len(last) {
			if v, err := strconv.Atoi(last[i]); err == nil {
				got[name] = v
			}
		}
	}
	if got["SuccessfulCall(C)"] != calls || got["FailedCall(C)"] != 0 {
		t.Errorf("of %d calls %d succeeded and %d failed", calls, got["SuccessfulCall(C)"], got["FailedCall(C)"])
	}
	t.Logf("%d calls, %d retransmissions", got["SuccessfulCall(C)"], got["Retransmissions(C)"])
}

// answerAll answers each request, and each copy of it, with 200, until it is over.
func answerAll(phone *ua.Phone, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		default:
		}
		m, came := phone.Next(50 * time.Millisecond)
		if !came || m.Method() == "ACK" {
			continue
		}
		body := ""
		if m.Method() == "INVITE" {
			body = silence
		}
		phone.Send(phone.Response(m, 200, ua.Options{Body: body}).Raw, m.Source)
	}
}
