package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// many is as many calls as the machine carries beside their phones, at 50 packets a second each way.
func many() int {
	if raced || runtime.NumCPU() < 2 {
		return 40
	}
	return 300
}

// The machine that has the media addresses loses its power, with all calls of the place. The other one has them again, on the same
// ports, and nobody says a word of SIP. Then the first one comes back, stands by, and gets the addresses again.
func TestCallsGoOnWhereTheirMediaAddressesGo(t *testing.T) {
	calls := many()
	p := newPair(t)
	a, b := p.both()
	c := p.crowd(a, calls)
	a.is(true, 2*calls)
	b.is(false, 0)
	messages := c.board.heard.Load()

	a.die()
	c.again("the power of a has failed", time.Second)
	b.is(true, 2*calls)

	a.boot()
	a.route(50)
	a.serve()
	a.knows(b)
	a.is(false, 0)
	b.is(true, 2*calls)
	c.pauses()
	b.resign()
	c.again("b gives the addresses away", time.Second)
	a.is(true, 2*calls)
	b.is(false, 0)
	b.knows(a)

	if now := c.board.heard.Load(); now != messages {
		t.Errorf("%d SIP messages came to the phones", now-messages)
	}
	c.ended()
	p.kept(calls)
	c.hangUp()
	a.is(true, 0)
	p.kept(0)
}

// The process alone is killed. Its machine gives the addresses away, and gets no calls back when it is started again.
func TestCallsGoOnWhenTheirNodeIsKilled(t *testing.T) {
	const calls = 100
	p := newPair(t)
	a, b := p.both()
	c := p.crowd(a, calls)
	p.kept(calls)
	c.pauses()
	a.crash()
	c.again("the process of a is killed", time.Second)
	b.is(true, 2*calls)
	a.serve()
	a.knows(b)
	a.is(false, 0)
	c.ended()
	c.hangUp()
	b.is(true, 0)
	p.kept(0)
}

// A node is paused while the addresses go to the other one. When it wakes it is told, changes nothing of what is the other's, and stands by.
func TestAPausedNodeThatHasLostItsPlaceStandsBy(t *testing.T) {
	const calls = 20
	p := newPair(t)
	a, b := p.both()
	c := p.crowd(a, calls)
	p.kept(calls)
	if err := a.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.pauses()
	a.resign()
	c.again("a is paused, and its router gives the addresses away", time.Second)
	b.is(true, 2*calls)
	if err := a.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	a.is(false, 0)
	a.knows(b)
	c.again("a is awake", time.Second)
	b.is(true, 2*calls)
	c.ended()
	p.kept(calls)
	c.hangUp()
	b.is(true, 0)
	p.kept(0)
}

// The etcd may have been on the machine that has failed: audio does not wait for it, and what happens meanwhile is written later.
func TestAPlaceIsTakenWhileEtcdIsAway(t *testing.T) {
	const calls = 20
	p := newPair(t)
	a, b := p.both()
	c := p.crowd(a, calls)
	p.kept(calls)
	p.etcd.Kill()
	a.die()
	c.again("a and etcd have failed", 1500*time.Millisecond)
	b.is(true, 2*calls)
	c.ended()
	for _, hang := range c.hang[:calls/2] {
		hang()
	}
	b.is(true, calls)
	p.etcd.Start()
	p.kept(calls / 2)
	c.hangUp()
	b.is(true, 0)
	p.kept(0)
}

// A call that begins while the place is on its way waits for it, and is not refused.
func TestACallThatBeginsWhileItsPlaceMovesIsAnswered(t *testing.T) {
	p := newPair(t)
	a, b := p.both()
	a.die()
	alice, bob := ua.Hear(t, p.own.String()+":0"), ua.Hear(t, p.own.String()+":0")
	caller := p.caller.Invite("sip:bob@example.com", ua.Options{Proxy: b.inside, Body: alice.Describe()})
	invite := p.callee.Receive()
	bob.To(only(t, invite))
	p.callee.Answer(invite, 200, ua.Options{Body: bob.Describe()})
	ok := caller.Response()
	if ok.Status() != 200 || only(t, ok).Addr() != p.media[0] || only(t, invite).Addr() != p.media[1] {
		t.Fatalf("the call was answered\n%s", ok.Raw)
	}
	alice.To(only(t, ok))
	caller.Ack(ok)
	p.callee.Receive()
	k := &talk{alice: alice, bob: bob}
	k.heardBothWays(t)
	b.is(true, 2)
}

// Offers and answers may come by any node, be it the one that has the place or one that stands by: a call keeps its ports, wherever
// the place is.
func TestACallKeepsItsPortsByWhicheverNode(t *testing.T) {
	p := newPair(t)
	a, b := p.both()
	alice, bob := ua.Hear(t, p.own.String()+":0"), ua.Hear(t, p.own.String()+":0")
	caller := p.caller.Invite("sip:bob@example.com", ua.Options{Proxy: b.inside, Body: alice.Describe()})
	invite := p.callee.Receive()
	p.callee.Answer(invite, 200, ua.Options{Body: bob.Describe()})
	ok := caller.Response()
	caller.Ack(ok)
	p.callee.Receive()
	at, away := only(t, ok), only(t, invite)
	alice.To(at)
	bob.To(away)
	k := &talk{alice: alice, bob: bob}
	k.heardBothWays(t)
	a.is(true, 2)
	again := func(what string, by *machine) {
		t.Helper()
		caller.Request("INVITE", ua.Options{Proxy: by.inside, Body: alice.Describe()})
		m := p.callee.Receive()
		p.callee.Answer(m, 200, ua.Options{Body: bob.Describe()})
		r := caller.Response()
		if r.Status() != 200 || only(t, r) != at || only(t, m) != away {
			t.Fatalf("%s: the offer was answered\n%s", what, r.Raw)
		}
		caller.Request("ACK", ua.Options{Proxy: by.inside})
		p.callee.Receive()
		k.heardBothWays(t)
	}
	again("by the node that stands by", b)
	again("by the one that has the place", a)
	p.kept(1)
	a.resign()
	b.is(true, 2)
	a.knows(b)
	again("by the one that stands by now", a)
	again("by the one that has the place now", b)
	caller.Request("BYE", ua.Options{Proxy: a.inside})
	p.callee.Answer(p.callee.Receive(), 200, ua.Options{})
	caller.Response()
	b.is(true, 0)
	p.kept(0)
}

// The configuration of the router daemon that the manual shows is one that it takes.
func TestTheRouterConfigurationOfTheManualIsRight(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```keepalived\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the manual shows none")
	}
	p := newPair(t)
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	write(t, file, strings.ReplaceAll(string(block[1]), "eth1", "eth0"))
	if out, err := exec.Command("ip", "netns", "exec", p.Space("a"), "keepalived", "-t", "-l", "-f", file).CombinedOutput(); err != nil {
		t.Errorf("it says %v: %s", err, out)
	}
}
