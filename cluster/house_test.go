package cluster

import (
	"context"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"
)

// knows waits until a node has that many members that can be told something.
func (h *host) knows(t testing.TB, n int) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); len(h.Members()) != n; wait(nil, time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d members, want %d", len(h.Members()), n)
		}
	}
}

func TestNothingIsLeftOfANodeThatLeaves(t *testing.T) {
	ca := newAuthority(t)
	etcd := startEtcd(t, "127.0.0.1", "")
	round := func() {
		a, b := free(t, "127.0.0.1"), free(t, "127.0.0.2")
		ha, hb := newHost(t, ca, "a", a, b), newHost(t, ca, "b", b, a)
		ha.knows(t, 2)
		hb.knows(t, 2)
		for ha.Tell(ha.ByID(ID("b")), sinkPath, wrapperspb.Bytes([]byte("x"))) != nil {
			wait(nil, time.Millisecond)
		}
		<-hb.heard
		ha.Leave()
		hb.Leave()

		cfg := Config{Name: "lab", Node: "e", Listen: netip.MustParseAddrPort(a), Etcd: Etcd{Endpoints: []string{etcd.addr}}, TLS: ca.files("e", "lab")}
		c, err := Join(t.Context(), cfg, newActors())
		if err != nil {
			t.Fatal(err)
		}
		c.Leave()
		c.Leave()
	}
	round()
	goroutines, files := settled(t, 0, 0)
	for range 10 {
		round()
	}
	g, f := settled(t, goroutines, files)
	if g > goroutines+2 || f > files+1 {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines and %d files, before ten more nodes %d and %d\n%s", g, f, goroutines, files, buf[:runtime.Stack(buf, true)])
	}
}

// settled waits until there are no more than that, or for three seconds.
func settled(t testing.TB, goroutines, files int) (int, int) {
	t.Helper()
	for until := time.Now().Add(3 * time.Second); ; wait(nil, 10*time.Millisecond) {
		g := runtime.NumGoroutine()
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("this system does not tell its open files: ", err)
		}
		if time.Now().After(until) || goroutines > 0 && g <= goroutines && len(fds) <= files {
			return g, len(fds)
		}
	}
}

// A peer that is paused reads nothing. Who tells it something must not wait for it, and what waits must not grow without end.
func TestTellNeverWaitsForAPausedNode(t *testing.T) {
	ca := newAuthority(t)
	a, b := free(t, "127.0.0.1"), free(t, "127.0.0.2")
	h := newHost(t, ca, "a", a, b)
	n := start(t, script{Node: "b", Listen: b, Peers: []string{a, b}, TLS: ca.files("b", "lab")}, "")
	h.knows(t, 2)
	m := h.ByID(ID("b"))
	n.cmd.Process.Signal(syscall.SIGSTOP)
	var worst time.Duration
	refused, told := 0, 0
	msg := wrapperspb.Bytes(make([]byte, 64<<10))
	for range 10000 {
		began := time.Now()
		err := h.Tell(m, sinkPath, msg)
		worst = max(worst, time.Since(began))
		if err != nil {
			refused++
		} else {
			told++
		}
	}
	if most := maxBytes/len(msg.Value) + 200; refused == 0 || told > most {
		t.Errorf("%d messages were taken and %d refused for a node that reads nothing; at most %d fit", told, refused, most)
	}
	if worst > time.Second { // a Tell that waited would wait until the node wakes; the rest is the machine
		t.Errorf("Tell took %v", worst)
	}
	t.Logf("%d taken, %d refused, the longest Tell took %v", told, refused, worst)
	h.knows(t, 1)
	if err := h.Tell(m, sinkPath, msg); err == nil {
		t.Error("a node that is gone can be told something")
	}
	n.cmd.Process.Signal(syscall.SIGCONT)
	n.rejoins()
	h.knows(t, 2)
}

// The connection of a process that dies breaks at once: who tells it something knows long before it is no member any more.
func TestTellKnowsADeadNodeBeforeItIsMissed(t *testing.T) {
	ca := newAuthority(t)
	a, b := free(t, "127.0.0.1"), free(t, "127.0.0.2")
	h := newHost(t, ca, "a", a, b)
	n := start(t, script{Node: "b", Listen: b, Peers: []string{a, b}, TLS: ca.files("b", "lab")}, "")
	h.knows(t, 2)
	m := h.ByID(ID("b"))
	for h.Tell(m, sinkPath, wrapperspb.Bytes(nil)) != nil {
		wait(nil, time.Millisecond)
	}
	began := time.Now()
	n.cmd.Process.Kill()
	for h.Tell(m, sinkPath, wrapperspb.Bytes(nil)) == nil {
		wait(nil, time.Millisecond)
	}
	if d := time.Since(began); d > time.Second || len(h.Members()) != 2 {
		t.Errorf("it took %v to know that a node is dead; members: %d", d, len(h.Members()))
	} else {
		t.Logf("a dead node is away after %v", d.Round(time.Millisecond))
	}
}

func TestAWatcherThatPanicsHearsTheNextChange(t *testing.T) {
	ca := newAuthority(t)
	a, b := free(t, "127.0.0.1"), free(t, "127.0.0.2")
	h := newHost(t, ca, "a", a, b)
	sizes := make(chan int, 100)
	last := -1
	h.Watch(func(old, now []Member) {
		if last >= 0 && len(old) != last {
			t.Errorf("a change from %d members after one to %d", len(old), last)
		}
		last = len(now)
		sizes <- len(now)
		panic("poison")
	})
	hb := newHost(t, ca, "b", b, a)
	for <-sizes != 2 {
	}
	hb.Leave()
	for <-sizes != 1 {
	}
}

// With etcd a second node of a name is not let in while the first one lives.
func TestANameThatIsTakenIsRefused(t *testing.T) {
	ca := newAuthority(t)
	etcd := startEtcd(t, "127.0.0.1", "")
	cfg := Config{
		Name: "lab", Node: "a", Listen: netip.MustParseAddrPort("127.0.0.1:0"), Lease: 2 * time.Second,
		Etcd: Etcd{Endpoints: []string{etcd.addr}}, TLS: ca.files("a", "lab"),
	}
	first, err := Join(t.Context(), cfg, newActors())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Leave()
	began := time.Now()
	if second, err := Join(t.Context(), cfg, newActors()); err == nil {
		second.Leave()
		t.Error("two nodes of one name")
	} else {
		t.Logf("after %v: %v", time.Since(began), err)
	}
	select {
	case <-first.Fenced():
		t.Error("the first one was fenced")
	default:
	}
}

func TestJoiningWithoutEtcdSaysSo(t *testing.T) {
	ca := newAuthority(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := Join(ctx, Config{
		Name: "lab", Node: "a", Listen: netip.MustParseAddrPort("127.0.0.1:0"),
		Etcd: Etcd{Endpoints: []string{free(t, "127.0.0.1")}}, TLS: ca.files("a", "lab"),
	}, newActors())
	if err == nil {
		t.Fatal("joined without etcd")
	}
	t.Log(err)
}

func TestAnIncompleteConfigurationIsRefused(t *testing.T) {
	ca := newAuthority(t)
	good := Config{Name: "lab", Node: "a", Listen: netip.MustParseAddrPort("127.0.0.1:0"), Peers: []string{"127.0.0.2:1"}, TLS: ca.files("a", "lab")}
	for name, spoil := range map[string]func(*Config){
		"no name":           func(c *Config) { c.Name = "" },
		"a name with slash": func(c *Config) { c.Node = "a/b" },
		"no peers":          func(c *Config) { c.Peers = nil },
		"etcd and peers":    func(c *Config) { c.Etcd.Endpoints = []string{"127.0.0.1:1"} },
		"any address":       func(c *Config) { c.Listen = netip.MustParseAddrPort("0.0.0.0:7000") },
		"too many facts":    func(c *Config) { c.Facts = make([]byte, MaxFacts+1) },
		"no certificate":    func(c *Config) { c.TLS.Cert = "" },
		"no authority":      func(c *Config) { c.TLS.CA = c.TLS.Key },
		"a short lease":     func(c *Config) { c.Lease = time.Second },
		"a short silence":   func(c *Config) { c.Silence = c.Beat },
	} {
		c := good
		c.Beat = 300 * time.Millisecond
		spoil(&c)
		if err := c.complete(); err == nil {
			t.Errorf("%s: it was accepted", name)
		}
	}
	if err := good.complete(); err != nil || !slices.Equal(good.TLS.Names, []string{"lab"}) {
		t.Error(err)
	}
}

func BenchmarkTell(b *testing.B) {
	ca := newAuthority(b)
	x, y := free(b, "127.0.0.1"), free(b, "127.0.0.2")
	h, other := newHost(b, ca, "a", x, y), newHost(b, ca, "b", y, x)
	other.knows(b, 2)
	h.knows(b, 2)
	m, msg := h.ByID(ID("b")), wrapperspb.Bytes(make([]byte, 600))
	b.ReportAllocs()
	for b.Loop() {
		for h.Tell(m, sinkPath, msg) != nil {
			runtime.Gosched()
		}
		select {
		case <-other.heard:
		default:
		}
	}
}

// All that a cluster has in etcd is below its own name, whatever that is: another's may be called as a part of it.
func TestAClustersKeysAreBelowItsName(t *testing.T) {
	for _, name := range []string{"lab", "cluster", "keys", "bindings", "members", ".", ".."} {
		g, err := newRegister(Etcd{Endpoints: []string{"127.0.0.1:1"}, Prefix: "/actorsip/"}, name, time.Second, card{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{g.memberKey("a"), g.goneKey("a"), g.lastKey("a")} {
			if rest, below := strings.CutPrefix(key, "/actorsip/"+name+"/cluster/"); !below || strings.Count(rest, "/") != 1 {
				t.Errorf("cluster %s has a key %s", name, key)
			}
		}
		g.close(false)
	}
}
