package tests

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// draining is a configuration file for a proxy with media that waits for its calls.
func draining(t testing.TB, caller, callee *ua.Phone, timeout string) string {
	t.Helper()
	path := relaying(t, caller, callee, ", closed: 100ms")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(text)+"drain: {timeout: "+timeout+"}\n")
	return path
}

// told sends a process a signal.
func (p *process) told(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// isReady is what /readyz says.
func (p *process) isReady(t testing.TB) bool {
	t.Helper()
	r, err := http.Get(p.admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// leavesWithin waits for the end of a process.
func (p *process) leavesWithin(t testing.TB, most time.Duration) {
	t.Helper()
	over := make(chan error, 1)
	go func() { over <- p.Wait() }()
	select {
	case err := <-over:
		if err != nil {
			t.Fatalf("it left with %v", err)
		}
	case <-time.After(most):
		t.Fatalf("it is still there after %v", most)
	}
}

// A process that is told to leave says so at once, serves its calls and those that come all the same, and ends with the last of them.
func TestAProcessWaitsForItsCalls(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	p := serve(t, draining(t, caller, callee, "1m"))
	k := p.call(t, caller, callee, plain)
	p.told(t, syscall.SIGTERM)
	eventually(t, 5*time.Second, "it is not ready", func() bool { return !p.isReady(t) })
	k.bob.Quiet(2500 * time.Millisecond) // longer than it stays without a call
	k.heardBothWays(t, "still")
	late := p.call(t, caller, callee, plain)
	late.heardBothWays(t, "late")
	bye(t, k.caller, callee)
	if st := p.status(t); st.Ready || !st.Draining {
		t.Errorf("its status is %+v", st)
	}
	bye(t, late.caller, callee)
	p.leavesWithin(t, 10*time.Second)
}

func TestAProcessWaitsNoLongerThanItMay(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	p := serve(t, draining(t, caller, callee, "1s"))
	p.call(t, caller, callee, plain)
	p.told(t, syscall.SIGTERM)
	p.leavesWithin(t, 10*time.Second)
}

// Who cannot wait says so again, or as people do at a terminal.
func TestAProcessThatDrainsCanBeEnded(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
		p := serve(t, draining(t, caller, callee, "1h"))
		p.call(t, caller, callee, plain)
		p.told(t, syscall.SIGTERM)
		eventually(t, 5*time.Second, "it is not ready", func() bool { return !p.isReady(t) })
		p.told(t, s)
		p.leavesWithin(t, 5*time.Second)
	}
}

func TestDrainingCanBeUndone(t *testing.T) {
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	p := serve(t, file(t, caller, callee))
	for _, undo := range []bool{false, false, true, true} {
		args := []string{"drain", "--admin", p.admin}
		if undo {
			args = append(args, "--undo")
		}
		if out, code := actorsip(t, args...); code != 0 || p.isReady(t) != undo {
			t.Errorf("%v: it said %s, and is ready: %t", args, out, p.isReady(t))
		}
	}
}

// New calls that come to a node that drains have their media on another one. Those that it has already stay until their next offer, and
// leave with it.
func TestMediaLeaveANodeThatDrains(t *testing.T) {
	r := newRing(t, "", all3, all3)
	a, b := r.nodes[0], r.nodes[1]
	old, refused := r.call(t, a), r.call(t, a)
	if old.at.Addr() != a.host {
		t.Fatalf("the media of a call by %s are at %s", a.host, old.at)
	}
	drains := func(want bool) func() bool {
		return func() bool {
			for _, m := range b.status(t).Cluster.Members {
				if !m.Self {
					return m.Draining == want
				}
			}
			return false
		}
	}
	if out, code := actorsip(t, "drain", "--admin", a.admin); code != 0 || !strings.Contains(out, "2 calls have their media here") {
		t.Fatalf("it said %s", out)
	}
	eventually(t, 5*time.Second, "the other node knows", drains(true))
	k := r.call(t, a)
	if k.at.Addr() != b.host || k.away.Addr() != b.host {
		t.Errorf("the media of a new call are at %s and %s", k.at, k.away)
	}
	k.heardBothWays(t)
	old.heardBothWays(t, "still")
	old.by(t, b, "INFO", "", "")
	old.heardBothWays(t, "still")
	for i, by := range []*ringNode{b, a, b} { // the dialog names the node that drains all its life
		was := old.at
		old.offer(t, by, a)
		if old.at.Addr() != b.host || old.away.Addr() != b.host || i > 0 && old.at != was {
			t.Errorf("the media of an old call went from %s to %s", was, old.at)
		}
		old.heardBothWays(t, "there")
	}
	refused.talk.caller.Request("INVITE", ua.Options{Proxy: a.inside, Body: refused.alice.Describe()})
	r.callee.Answer(refused.expect(t, "INVITE"), 488, ua.Options{})
	if m := refused.talk.caller.Response(); m.Status() != 488 {
		t.Errorf("488 was expected, not\n%s", m.Raw)
	}
	refused.talk.caller.Request("ACK", ua.Options{Proxy: a.inside})
	refused.expect(t, "ACK")
	refused.heardBothWays(t, "as before")
	refused.bye(t, b)
	old.bye(t, a)
	if out, code := actorsip(t, "drain", "--undo", "--admin", a.admin); code != 0 {
		t.Fatalf("it said %s", out)
	}
	eventually(t, 5*time.Second, "the other node knows", drains(false))
	again := r.call(t, a)
	if again.at.Addr() != a.host {
		t.Errorf("the media of a call by a node that drains no more are at %s", again.at)
	}
	for _, call := range []*ringTalk{k, again} {
		call.bye(t, a)
	}
}
