package cluster

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is rosters that hear one another as far as there is a way between them, in a time of their own.
type world struct {
	t     *testing.T
	now   time.Time
	nodes map[string]*roster
	cut   func(from, to string) bool
	sleep map[string]bool
}

const silence = 1500 * time.Millisecond

func newWorld(t *testing.T, names ...string) *world {
	w := &world{t: t, now: time.Unix(1e9, 0), nodes: map[string]*roster{}, cut: func(_, _ string) bool { return false }, sleep: map[string]bool{}}
	for _, n := range names {
		w.join(n, n+":1")
	}
	return w
}

func (w *world) join(name, addr string) {
	w.now = w.now.Add(time.Millisecond)
	w.nodes[name] = newRoster(card{Cluster: "lab", Node: name, Life: newLife(w.now), Address: addr}, silence, false, w.now)
}

// pass lets time pass, with beats.
func (w *world) pass(d time.Duration) {
	names := []string{}
	for n := range w.nodes {
		names = append(names, n)
	}
	slices.Sort(names)
	for until := w.now.Add(d); w.now.Before(until); {
		w.now = w.now.Add(300 * time.Millisecond)
		for _, n := range names {
			if !w.sleep[n] && w.nodes[n].fenced == "" {
				w.nodes[n].tick(w.now)
			}
		}
		for _, from := range names {
			for _, to := range names {
				if from != to && !w.sleep[from] && !w.sleep[to] && !w.cut(from, to) && w.nodes[from].fenced == "" {
					w.nodes[to].hear(w.nodes[from].beat(), w.now)
				}
			}
		}
	}
}

// sees checks whom a node sees besides itself.
func (w *world) sees(name string, want ...string) {
	w.t.Helper()
	var got []string
	for n := range w.nodes[name].members {
		got = append(got, n)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.t.Errorf("%s sees %v, want %v", name, got, want)
	}
}

func (w *world) isFenced(name string, want bool) {
	w.t.Helper()
	if why := w.nodes[name].fenced; (why != "") != want {
		w.t.Errorf("node %s: fenced %q, want %v", name, why, want)
	}
}

func TestSilenceEndsAMembership(t *testing.T) {
	w := newWorld(t, "a", "b", "c")
	w.pass(time.Second)
	w.sees("a", "b", "c")
	w.sleep["c"] = true
	w.pass(1200 * time.Millisecond)
	w.sees("a", "b", "c")
	w.pass(900 * time.Millisecond)
	w.sees("a", "b")
	w.sees("b", "a")
}

// The paused node has the oldest life of a cluster of two: it must not win because of that.
func TestWhoSleptIsFencedEvenOfTwo(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.pass(time.Second)
	w.sleep["a"] = true
	w.pass(10 * time.Second)
	w.sees("b")
	w.sleep["a"] = false
	w.pass(time.Second)
	w.isFenced("a", true)
	w.isFenced("b", false)
	w.join("a", "a:1")
	w.pass(time.Second)
	w.sees("a", "b")
	w.sees("b", "a")
}

func TestTheSmallerSideOfACutIsFenced(t *testing.T) {
	w := newWorld(t, "a", "b", "c", "d", "e")
	w.pass(time.Second)
	side := func(n string) bool { return n <= "b" }
	w.cut = func(from, to string) bool { return side(from) != side(to) }
	w.pass(5 * time.Second)
	w.sees("a", "b")
	w.sees("c", "d", "e")
	w.cut = func(_, _ string) bool { return false }
	w.pass(time.Second)
	for n, want := range map[string]bool{"a": true, "b": true, "c": false, "d": false, "e": false} {
		w.isFenced(n, want)
	}
	w.join("a", "a:1")
	w.join("b", "b:1")
	w.pass(2 * time.Second)
	w.sees("a", "b", "c", "d", "e")
	w.sees("c", "a", "b", "d", "e")
}

func TestOfTwoEqualSidesOneStays(t *testing.T) {
	w := newWorld(t, "a", "b", "c", "d")
	w.pass(time.Second)
	side := func(n string) bool { return n == "a" || n == "c" }
	w.cut = func(from, to string) bool { return side(from) != side(to) }
	w.pass(5 * time.Second)
	w.cut = func(_, _ string) bool { return false }
	w.pass(time.Second)
	w.isFenced("a", false) // the oldest life
	w.isFenced("c", false)
	w.isFenced("b", true)
	w.isFenced("d", true)
}

// Only one pair misses each other. Whoever is given up by one is given up by all, so that there is one view.
func TestABrokenPairLeavesOneView(t *testing.T) {
	w := newWorld(t, "a", "b", "c")
	w.pass(time.Second)
	w.cut = func(from, to string) bool { return from == "a" && to == "c" || from == "c" && to == "a" }
	w.pass(5 * time.Second)
	out := 0
	for _, n := range []string{"a", "b", "c"} {
		if w.nodes[n].fenced != "" {
			out++
		}
	}
	if out != 1 {
		t.Fatalf("%d nodes were fenced", out)
	}
	for n, r := range w.nodes {
		if r.fenced == "" && len(r.members) != 1 {
			t.Errorf("node %s sees %v", n, r.members)
		}
	}
}

func TestANameBelongsToWhoHasItFirst(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.pass(time.Second)
	life := w.nodes["a"].members["b"].Life
	imposter := newRoster(card{Cluster: "lab", Node: "b", Life: newLife(w.now), Address: "elsewhere:1"}, silence, false, w.now)
	w.nodes["a"].hear(imposter.beat(), w.now)
	if got := w.nodes["a"].members["b"].Life; got != life {
		t.Error("a living node lost its name to another one")
	}
	// At the same address it is the same machine: the earlier process is dead.
	imposter.own.Address = "b:1"
	w.nodes["a"].hear(imposter.beat(), w.now)
	if got := w.nodes["a"].members["b"].Life; got != imposter.own.Life {
		t.Error("a node that was started again is not known by its new life")
	}
	if !w.nodes["a"].hear(w.nodes["b"].beat(), w.now) {
		t.Error("the earlier life is not told that it is over")
	}
}

func TestALifeThatLeftDoesNotComeBack(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.pass(time.Second)
	late := w.nodes["b"].beat()
	last := w.nodes["b"].beat()
	last.Leaving = true
	w.nodes["a"].hear(last, w.now)
	w.sees("a")
	w.nodes["a"].hear(late, w.now)
	w.sees("a")
}

func TestAnotherClusterIsNotHeard(t *testing.T) {
	w := newWorld(t, "a")
	other := newRoster(card{Cluster: "other", Node: "b", Life: newLife(w.now)}, silence, false, w.now)
	w.nodes["a"].hear(other.beat(), w.now)
	w.sees("a")
}

func TestIDsAreTheSameEverywhereAndNeverZero(t *testing.T) {
	for node, want := range map[string]uint16{"a": 52512, "node-1": 26439} {
		if got := ID(node); got != want {
			t.Errorf("the id of %s is %d, was %d: tokens of other nodes name nobody any more", node, got, want)
		}
	}
	for i := range 100000 {
		if ID(string(rune(i))) == 0 {
			t.Fatal(i)
		}
	}
}

// Whatever was cut, paused and killed: when all can hear one another again, those who were fenced join again, and there is one view.
func TestAfterAnyTroubleThereIsOneView(t *testing.T) {
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 0))
		names := []string{"a", "b", "c", "d", "e"}[:2+random.IntN(4)]
		w := newWorld(t, names...)
		w.pass(time.Second)
		rejoin := func() {
			for _, n := range names {
				if w.nodes[n].fenced != "" {
					w.join(n, n+":1")
				}
			}
		}
		for range 12 {
			broken := map[string]bool{}
			for _, from := range names {
				for _, to := range names {
					broken[from+to] = random.IntN(4) == 0 // one way only, too
				}
				w.sleep[from] = random.IntN(5) == 0
			}
			w.cut = func(from, to string) bool { return broken[from+to] }
			if n := names[random.IntN(len(names))]; random.IntN(3) == 0 {
				w.join(n, n+":1") // killed and started again
			}
			w.pass(time.Duration(random.IntN(4000)) * time.Millisecond)
			rejoin()
		}
		w.sleep, w.cut = map[string]bool{}, func(_, _ string) bool { return false }
		calm := 0
		for range 20 {
			w.pass(time.Second)
			rejoin()
		}
		for _, n := range names {
			if len(w.nodes[n].members) != len(names)-1 {
				t.Errorf("seed %d: node %s sees %d of %d others 20 s after all was well", seed, n, len(w.nodes[n].members), len(names)-1)
				continue
			}
			for _, e := range w.nodes[n].members {
				if e.Life != w.nodes[e.Node].own.Life {
					t.Errorf("seed %d: node %s sees an earlier life of %s", seed, n, e.Node)
				}
			}
			calm++
		}
		if calm < len(names) {
			return
		}
	}
}

// Each start of a node leaves a gravestone for a day. A node that starts again and again must not keep the others busy with them.
func TestManyGravestonesAreReadOnce(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := newRoster(card{Cluster: "lab", Node: "a", Life: newLife(now)}, silence, true, now)
	all := &ledger{gone: map[string]bool{}}
	for i := range 2 * mostGone {
		all.gone[newLife(now.Add(time.Duration(i)*time.Second-24*time.Hour))] = true
	}
	r.list(all.listing(), now)
	turn := r.turn
	r.list(all.listing(), now.Add(time.Second))
	if r.turn != turn {
		t.Errorf("%d lives were given up again", r.turn-turn)
	}
	latest := slices.Max(slices.Collect(maps.Keys(all.gone)))
	if _, known := r.gone[latest]; !known {
		t.Error("the latest is not known")
	}
	g := &register{prefix: "/lab/"}
	for life := range all.gone {
		g.remove(all, g.goneKey(life))
	}
	if n := len(all.gone); n > 0 {
		t.Errorf("%d gravestones are remembered that are not there any more", n)
	}
}

// An etcd that was restored has the card of an earlier life of this node, until the lease loop has put the present one there.
func TestAnEarlierLifeOfItsOwnFencesNobody(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := newRoster(card{Cluster: "lab", Node: "a", Life: newLife(now), Address: "a:1"}, silence, true, now)
	r.list(listing{cards: []card{{Node: "a", Life: newLife(now.Add(-time.Hour)), Address: "a:1"}}}, now)
	if r.fenced != "" {
		t.Errorf("fenced: %s", r.fenced)
	}
	r.list(listing{cards: []card{{Node: "a", Life: newLife(now.Add(time.Hour)), Address: "elsewhere:1"}}}, now)
	if r.fenced == "" {
		t.Error("a later life has its name, and it goes on")
	}
}

// A life whose name has gone to a later one can never come back: what it says is refused, as that of one with a gravestone.
func TestALifeWhoseNameIsAnothersIsGivenUp(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := newRoster(card{Cluster: "lab", Node: "a", Life: newLife(now)}, silence, true, now)
	first := card{Node: "b", Life: newLife(now), Address: "b:1"}
	later := card{Node: "b", Life: newLife(now.Add(time.Minute)), Address: "elsewhere:1"}
	r.list(listing{cards: []card{first}}, now)
	r.list(listing{cards: []card{later}}, now)
	if _, gone := r.gone[first.Life]; !gone {
		t.Error("it is still heard")
	}
	r.list(listing{cards: []card{first}}, now) // of an etcd that was restored
	if _, gone := r.gone[later.Life]; gone {
		t.Error("the later one was given up for the earlier one")
	}
}
