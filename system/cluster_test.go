package system

import (
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/cluster"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
)

// Packets wait for nodes that are not seen yet by one that has joined just now. They must not by one that tries to, and fails, again and
// again.
func TestANodeThatCannotJoinHasNobodyWait(t *testing.T) {
	s := alone()
	s.legs = message.NewLegs(nil)
	n := &nodes{system: s}
	n.joined.Store(int64(-time.Hour))
	if _, err := n.join(t.Context()); err == nil {
		t.Fatal("it has joined without a name")
	}
	if n.Settling(77) {
		t.Error("packets wait")
	}
}

// Whoever drains and takes it back at one time, and joins meanwhile: what the others know is what this node says last.
func TestTheLastWordOnDrainingIsTheLatest(t *testing.T) {
	s := alone()
	s.legs = message.NewLegs(nil)
	dir := t.TempDir()
	authority := stage.NewAuthority(t)
	pair := authority.Issue(t, dir, "a", "lab")
	s.config = Config{Node: "a", Cluster: Cluster{
		Name: "lab", Listen: netip.MustParseAddrPort("127.0.0.1:0"), Peers: []string{"127.0.0.1:1"},
		TLS: ClusterTLS{Cert: pair.Cert, Key: pair.Key, CA: authority.File},
	}}
	s.nodes = &nodes{system: s, known: map[string][]fact{}}
	c, err := s.nodes.join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Leave()
	s.nodes.now.Store(c)
	seen := make(chan cluster.Member, 16)
	c.Watch(func(_, now []cluster.Member) { seen <- now[0] })
	for i := range 2000 {
		var all sync.WaitGroup
		all.Go(func() { s.Drain(true) })
		all.Go(func() { s.Drain(false) })
		all.Go(s.nodes.drain)
		all.Wait()
		if err := c.SetFacts([]byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
		m := <-seen
		for string(m.Facts) != strconv.Itoa(i) {
			m = <-seen
		}
		if is := s.draining.Load(); m.Draining != is {
			t.Fatalf("in turn %d it drains: %t, and the others were told otherwise", i, is)
		}
	}
}
