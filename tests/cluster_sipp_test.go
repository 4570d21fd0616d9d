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
	"syscall"
	"testing"
	"time"
)

// sipp calls sipp by one node of a cluster, which is stopped and started again meanwhile. sipp knows no other node: it sends again to this
// one until it is back.
func TestSippLosesNoCallByANodeThatIsRestarted(t *testing.T) {
	if _, err := exec.LookPath("sipp"); err != nil {
		t.Skip("there is no sipp on this machine: apt-get install sip-tester")
	}
	const perSecond, long = 50, 2 * time.Second
	calls := perSecond * 8
	r := newRing(t, "", all3, all3, all3)
	dir, n := t.TempDir(), r.nodes[0]
	from, to := r.caller.Addr(), r.callee.Addr()
	r.caller.Free()
	r.callee.Free()
	run := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		ctx, end := context.WithTimeout(t.Context(), 2*time.Minute)
		t.Cleanup(end)
		cmd, said := exec.CommandContext(ctx, "sipp", append(args, "-nostdin", "-i", "127.0.0.1")...), &bytes.Buffer{}
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, said
	}
	scenario := func(name string) string {
		path, err := filepath.Abs(filepath.Join("peers", "sipp", name+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	callee, _ := run("-sf", scenario("uas"), "-p", fmt.Sprint(to.Port()))
	defer func() { _ = callee.Process.Kill(); _ = callee.Wait() }()
	caller, said := run("-sf", scenario("uac"), "-key", "domain", "example.com", to.String(), "-rsa", n.inside.String(), "-p", fmt.Sprint(from.Port()),
		"-r", fmt.Sprint(perSecond), "-m", fmt.Sprint(calls), "-d", fmt.Sprint(long.Milliseconds()),
		"-trace_stat", "-stf", "caller.csv", "-fd", "1")
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
