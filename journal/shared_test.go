package journal

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/tests/server"
	"github.com/actorsip/actorsip/tests/stage"
)

// nodes is how many nodes have a shared journal, each with a client of its own.
type nodes struct {
	t    testing.TB
	etcd *server.Etcd
	log  *stage.Log
}

func newNodes(t testing.TB) *nodes { return &nodes{t, server.StartEtcd(t), new(stage.Log)} }

func (n *nodes) client() *etcd.Client {
	n.t.Helper()
	c, err := etcd.Open(etcd.Config{Endpoints: []string{n.etcd.Endpoint}, Timeout: time.Second})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(c.Close)
	return c
}

func (n *nodes) join(name string) *Shared {
	n.t.Helper()
	s := OpenShared(SharedConfig{Etcd: n.client(), Name: "x", Node: name, Log: slog.New(slog.NewTextHandler(n.log, nil))})
	n.t.Cleanup(s.Close)
	n.wait(name+" has heard of etcd", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.synced })
	return s
}

func (n *nodes) wait(what string, is func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(2 * time.Millisecond) { // nothing announces it
		if time.Now().After(deadline) {
			n.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// written waits until all that was put is in etcd.
func (n *nodes) written(s *Shared) {
	n.t.Helper()
	n.wait("all is written", func() bool { return s.Standing().Waiting == 0 })
}

func take(t testing.TB, s *Shared) map[string][]byte {
	t.Helper()
	all, ok := s.Take(10 * time.Second)
	if st := s.Standing(); !ok || st.Term == 0 || st.Lost {
		t.Fatalf("it is not taken: %v %+v", ok, st)
	}
	return all
}

func wantAll(t testing.TB, all map[string][]byte, want ...string) {
	t.Helper()
	for _, w := range want {
		key, value, _ := strings.Cut(w, "=")
		if string(all[key]) != value {
			t.Errorf("%q is %q, not %q", key, all[key], value)
		}
	}
	if len(all) != len(want) {
		t.Errorf("there are %d keys, not %v", len(all), want)
	}
}

func TestASharedJournalGoesFromNodeToNode(t *testing.T) {
	n := newNodes(t)
	a, b := n.join("a"), n.join("b")
	b.Put("nobody", []byte("stands by"))
	wantAll(t, take(t, a))
	a.Put("one", []byte("1"))
	a.Put("two/with a slash\xff", []byte("2"))
	a.Put("three", []byte("3"))
	n.written(a)
	a.Put("one", []byte("1b"))
	a.Delete("three")
	n.written(a)
	first := a.Standing().Term
	wantAll(t, take(t, b), "one=1b", "two/with a slash\xff=2")
	if now := b.Standing().Term; now <= first {
		t.Errorf("who took it later has the term %d, not more than %d", now, first)
	}
	n.wait("a hears that it has lost it", func() bool { return a.Standing().Lost })
	a.Put("one", []byte("of the past"))
	b.Put("four", []byte("4"))
	n.written(b)
	a.Leave()
	a.Put("one", []byte("of the past"))
	wantAll(t, take(t, a), "one=1b", "two/with a slash\xff=2", "four=4")
}

// A node that was paused and hears nothing cannot change what another one has.
func TestAHolderThatDoesNotKnowThatItHasLostChangesNothing(t *testing.T) {
	n := newNodes(t)
	a, b := n.join("a"), n.join("b")
	take(t, a)
	a.Put("one", []byte("1"))
	n.written(a)
	a.follower.Stop()
	take(t, b)
	a.Put("one", []byte("of the past"))
	a.Delete("one")
	a.Put("two", []byte("of the past"))
	if st := a.Standing(); st.Lost {
		t.Fatal("it knows, and this test shows nothing")
	}
	if err := a.write(a.Standing().Term); err != etcd.ErrChanged {
		t.Fatalf("etcd took what it has written: %v", err)
	}
	b.Put("three", []byte("3"))
	n.written(b)
	wantAll(t, take(t, n.join("c")), "one=1", "three=3")
}

func TestWhatIsPutWhileEtcdIsAwayIsWrittenWhenItIsBack(t *testing.T) {
	n := newNodes(t)
	a := n.join("a")
	take(t, a)
	a.Put("one", []byte("1"))
	a.Put("two", []byte("2"))
	n.written(a)
	n.etcd.Kill()
	for i := range 1000 {
		a.Put("one", []byte(fmt.Sprint(i)))
		a.Put(fmt.Sprint("short", i), []byte("a call of a moment"))
		a.Delete(fmt.Sprint("short", i))
	}
	a.Delete("two")
	n.wait("the log says so", func() bool { return strings.Contains(n.log.String(), "is not written") })
	if st := a.Standing(); st.Waiting > 10 || st.Lost {
		t.Errorf("while etcd is away, %+v", st)
	}
	n.etcd.Start()
	n.written(a)
	wantAll(t, take(t, n.join("b")), "one=999")
	if text := n.log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "is written again") {
		t.Errorf("the log says\n%s", text)
	}
}

// The addresses come while etcd is away: audio is not to wait for it.
func TestAJournalIsTakenFromMemoryWhileEtcdIsAway(t *testing.T) {
	n := newNodes(t)
	a, b := n.join("a"), n.join("b")
	take(t, a)
	a.Put("one", []byte("1"))
	n.written(a)
	before := a.Standing().Term
	n.wait("b has heard of it", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.there) == 1 })
	n.etcd.Kill()
	all, ok := b.Take(10 * time.Millisecond)
	if st := b.Standing(); !ok || st.Term <= before || st.Lost {
		t.Fatalf("taken without etcd: %v %+v, before %d", ok, st, before)
	}
	wantAll(t, all, "one=1")
	b.Put("two", []byte("2"))
	n.etcd.Start()
	n.written(b)
	if st := b.Standing(); st.Lost || st.Term <= before {
		t.Errorf("when etcd is back: %+v", st)
	}
	n.wait("a hears that it has lost it", func() bool { return a.Standing().Lost })
	wantAll(t, take(t, n.join("c")), "one=1", "two=2")
}

// What a node makes of a journal is void when it has taken it without etcd and did not know all.
func TestATakeoverFromMemoryThatMissedSomethingIsVoid(t *testing.T) {
	n := newNodes(t)
	a, b := n.join("a"), n.join("b")
	take(t, a)
	n.wait("b has heard of a", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.holder.Revision != 0 })
	b.follower.Stop()
	a.Put("one", []byte("1"))
	n.written(a)
	if all, ok := b.Take(10 * time.Millisecond); !ok || len(all) != 0 {
		t.Fatal(all, ok)
	}
	b.Put("two", []byte("of its own"))
	entries, revision, err := n.client().List(t.Context(), "media/x/")
	if err != nil {
		t.Fatal(err)
	}
	b.hearAll(entries, revision, false)
	if st := b.Standing(); !st.Void || st.Lost {
		t.Fatalf("it goes on: %+v", st)
	}
	wantAll(t, take(t, n.join("c")), "one=1")
	entries, revision, err = n.client().List(t.Context(), "media/x/")
	if err != nil {
		t.Fatal(err)
	}
	b.hearAll(entries, revision, false)
	if st := b.Standing(); st.Void || !st.Lost {
		t.Errorf("when somebody else has taken it: %+v", st)
	}
}

func TestAnEtcdThatHasForgottenIsToldAnew(t *testing.T) {
	n := newNodes(t)
	a := n.join("a")
	take(t, a)
	for i := range 250 {
		a.Put(fmt.Sprint("call", i), []byte("x"))
	}
	n.written(a)
	n.etcd.Kill()
	n.etcd.Forget()
	n.etcd.Start()
	b := n.join("b")
	n.wait("all is there again", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.there) == 250 && b.holder.Revision != 0 })
	if a.Standing().Lost {
		t.Error("it has lost what nobody else has taken")
	}
	if all := take(t, b); len(all) != 250 {
		t.Errorf("%d calls are there", len(all))
	}
}

func TestAKeyThatIsTooLongIsNotKept(t *testing.T) {
	n := newNodes(t)
	a := n.join("a")
	take(t, a)
	a.Put("good", []byte("1"))
	a.Put(strings.Repeat("k", longestKey+1), []byte("1"))
	a.Put("large", make([]byte, longestValue+1))
	n.written(a)
	if a.Failed() != 2 {
		t.Errorf("%d failures are counted", a.Failed())
	}
	wantAll(t, take(t, n.join("b")), "good=1")
}

// What is left at the end is written before the end.
func TestASharedJournalIsWrittenAtItsEnd(t *testing.T) {
	n := newNodes(t)
	a := n.join("a")
	take(t, a)
	for i := range 1000 {
		a.Put(fmt.Sprint("call", i), []byte("x"))
	}
	a.Close()
	if all := take(t, n.join("b")); len(all) != 1000 {
		t.Errorf("%d calls are there", len(all))
	}
}
