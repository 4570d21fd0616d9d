package cluster

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// remembers checks what a node knows of nodes that were members.
func (w *world) remembers(name string, want ...string) {
	w.t.Helper()
	var got []string
	for _, f := range newView(nil, w.nodes[name].latest(), nil).former {
		got = append(got, string(f.Facts))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s remembers %q, want %q", name, got, want)
	}
}

// say has a node say something of itself.
func (w *world) say(name, facts string) {
	own := &w.nodes[name].own
	own.Facts = []byte(facts)
	own.Version++
}

// A node that joins while another is dead hears of it from those that knew it, who may have restarted since themselves.
func TestADeadNodeIsKnownToWhoJoinsAfterIt(t *testing.T) {
	w := newWorld(t, "a", "b", "c")
	for _, n := range []string{"a", "b", "c"} {
		w.say(n, "legs of "+n)
	}
	w.pass(time.Second)
	w.say("c", "other legs of c")
	w.pass(time.Second)
	w.remembers("a")
	w.sleep["c"] = true
	w.pass(3 * time.Second)
	w.remembers("a", "other legs of c")
	for _, n := range []string{"b", "a"} {
		w.join(n, n+":1")
		w.remembers(n)
		w.pass(3 * time.Second)
		w.remembers("a", "other legs of c")
		w.remembers("b", "other legs of c")
	}
	w.join("c", "c:1")
	w.sleep["c"] = false
	w.say("c", "legs of c")
	w.pass(3 * time.Second)
	w.remembers("a")
	w.remembers("b")
	w.sleep["c"] = true
	w.pass(3 * time.Second)
	w.remembers("b", "legs of c")
}

// However often it is told on, it is forgotten a day after it was a member.
func TestADeadNodeIsForgottenAfterADay(t *testing.T) {
	w := newWorld(t, "a", "b", "c")
	w.say("c", "legs of c")
	w.pass(time.Second)
	w.sleep["c"] = true
	w.pass(3 * time.Second)
	for range 23 {
		w.now = w.now.Add(time.Hour) // both have slept
		w.join("a", "a:1")
		w.pass(time.Second)
		w.join("b", "b:1")
		w.pass(3 * time.Second)
	}
	w.remembers("a", "legs of c")
	w.remembers("b", "legs of c")
	w.now = w.now.Add(time.Hour)
	w.join("a", "a:1")
	w.join("b", "b:1")
	w.pass(3 * time.Second)
	w.remembers("a")
	w.remembers("b")
}

// What is remembered of nodes has bounds, and so has a beat.
func TestWhatIsRememberedHasBounds(t *testing.T) {
	w := newWorld(t, "a")
	r := w.nodes["a"]
	for i := range 2 * mostFormer {
		r.remember(Former{Node: fmt.Sprint(i), Facts: make([]byte, MaxFacts/4), Until: w.now.Add(time.Duration(i+1) * time.Minute)}, w.now)
	}
	if len(r.former) != mostFormer || r.former[fmt.Sprint(2*mostFormer-1)].Node == "" {
		t.Errorf("%d are remembered, the latest: %v", len(r.former), r.latest()[0].Node)
	}
	r.own.Facts = make([]byte, MaxFacts)
	b := r.beat()
	if x, err := b.letter(); err != nil || len(x.data) > maxBeat || len(b.Former) != 4 {
		t.Errorf("a beat has %d bytes, and %d nodes in it: %v", len(x.data), len(b.Former), err)
	}
	for _, f := range []Former{
		{Node: "a", Facts: []byte("x"), Until: w.now.Add(30 * time.Hour)},
		{Node: "late", Facts: []byte("x"), Until: w.now},
		{Node: "none", Until: w.now.Add(time.Hour)},
	} {
		if r.remember(f, w.now); r.former[f.Node].Node != "" {
			t.Errorf("%s is remembered", f.Node)
		}
	}
	if r.remember(Former{Node: "fast", Facts: []byte("x"), Until: w.now.Add(1000 * time.Hour)}, w.now); r.former["fast"].Until.After(w.now.Add(goneFor)) {
		t.Error("a clock that is wrong has a node remembered for ever")
	}
}

// With etcd what a node said last is there when nobody is left who has heard it.
func TestEtcdRemembersADeadNode(t *testing.T) {
	ca, etcd := newAuthority(t), startEtcd(t, "127.0.0.1", "")
	join := func(name, facts string) *Cluster {
		c, err := Join(t.Context(), Config{
			Name: "lab", Node: name, Listen: netip.MustParseAddrPort(free(t, "127.0.0.1")), Etcd: Etcd{Endpoints: []string{etcd.addr}},
			TLS: ca.files(name, "lab"), Facts: []byte(facts),
		}, newActors())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Leave)
		return c
	}
	former := func(c *Cluster) (all string) {
		for _, f := range c.Former() {
			all += f.Node + ": " + string(f.Facts) + "\n"
		}
		return all
	}
	await := func(c *Cluster, want string) {
		t.Helper()
		for until := time.Now().Add(10 * time.Second); former(c) != want; wait(nil, time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("it remembers %q, want %q", former(c), want)
			}
		}
	}
	c := join("c", "legs of c")
	if err := c.SetFacts([]byte("other legs of c")); err != nil {
		t.Fatal(err)
	}
	a := join("a", "legs of a")
	for until := time.Now().Add(10 * time.Second); !strings.HasPrefix(string(a.ByID(ID("c")).Facts), "other"); wait(nil, time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("new facts are not heard of")
		}
	}
	if former(a) != "" {
		t.Errorf("while c is there it is remembered: %q", former(a))
	}
	c.Leave()
	await(a, "c: other legs of c\n")
	a.Leave()
	b := join("b", "legs of b")
	await(b, "a: legs of a\nc: other legs of c\n")
	join("c", "new legs of c")
	await(b, "a: legs of a\n")
}
