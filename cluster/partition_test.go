package cluster

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/stage"
)

// newNetwork is three machines on one switch.
func newNetwork(t testing.TB) *stage.Network {
	t.Helper()
	n := stage.NewNetwork(t)
	n.Switch("switch")
	for i, m := range []string{"a", "b", "c"} {
		n.Machine(m)
		n.Plug("switch", m, netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)}))
	}
	return n
}

// A is cut off, alone: it must come back as another life, and those who were two must notice nothing of their own.
func TestAfterACutThereIsOneMembership(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"etcd", "list"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			s := &scene{t: t, ca: newAuthority(t)}
			if mode == "etcd" {
				s.etcd = startEtcd(t, "10.77.0.3", net.Space("c"))
			}
			for i := 1; i <= 3; i++ {
				s.addrs = append(s.addrs, free(t, fmt.Sprintf("10.77.0.%d", i)))
			}
			s.a = start(t, s.script("a", s.addrs[0]), net.Space("a"))
			s.b = start(t, s.script("b", s.addrs[1]), net.Space("b"))
			s.c = start(t, s.script("c", s.addrs[2]), net.Space("c"))
			s.agree(s.a, s.b, s.c)

			net.Cut("switch", "a")
			began := time.Now()
			t.Logf("the two see each other alone after %v", s.agree(s.b, s.c).Sub(began).Round(time.Millisecond))
			if mode == "etcd" { // nobody but etcd gives up members: it sees them as silent
				s.a.wait("silent b and c", func(text string) bool { return strings.HasPrefix(text, "view ") && strings.Count(text, "?=") == 2 })
			} else {
				s.a.sees(s.a)
			}
			time.Sleep(3 * time.Second) // a cut lasts

			net.Heal("switch", "a")
			began = time.Now()
			fenced, joined := s.a.rejoins()
			t.Logf("fenced %v after the cut was healed (%s), joined again after %v",
				fenced.at.Sub(began).Round(time.Millisecond), fenced.text, joined.at.Sub(began).Round(time.Millisecond))
			t.Logf("one membership after %v", s.agree(s.a, s.b, s.c).Sub(began).Round(time.Millisecond))
			for _, n := range []*node{s.b, s.c} {
				n.order("status")
				if l := n.wait("status", func(text string) bool { return strings.HasPrefix(text, "status") }); !strings.Contains(l.text, `fenced=""`) {
					t.Errorf("node %s: %s", n.name, l.text)
				}
			}
		})
	}
}

// A node that loses etcd, and nobody else, is given up by etcd. It cannot be told by it, so its peers tell it.
func TestANodeThatEtcdAloneHasLostIsFencedByItsPeers(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	s := &scene{t: t, ca: newAuthority(t)}
	net.IP("-n", net.Space("c"), "addr", "add", "10.77.0.9/24", "dev", "eth0")
	s.etcd = startEtcd(t, "10.77.0.9", net.Space("c"))
	for i := 1; i <= 3; i++ {
		s.addrs = append(s.addrs, free(t, fmt.Sprintf("10.77.0.%d", i)))
	}
	s.a = start(t, s.script("a", s.addrs[0]), net.Space("a"))
	s.b = start(t, s.script("b", s.addrs[1]), net.Space("b"))
	s.c = start(t, s.script("c", s.addrs[2]), net.Space("c"))
	s.agree(s.a, s.b, s.c)

	net.IP("-n", net.Space("a"), "route", "add", "blackhole", "10.77.0.9/32")
	began := time.Now()
	s.agree(s.b, s.c)
	given := time.Now()
	l := s.a.wait("fence", func(text string) bool { return strings.HasPrefix(text, "fenced ") })
	t.Logf("given up after %v, and fenced %v after that: %s", given.Sub(began).Round(time.Millisecond), l.at.Sub(given).Round(time.Millisecond), l.text)
	net.IP("-n", net.Space("a"), "route", "del", "blackhole", "10.77.0.9/32")
	joined := s.a.wait("joined", func(text string) bool { return strings.HasPrefix(text, "joined ") })
	s.a.life, s.a.view = strings.TrimPrefix(joined.text, "joined "), ""
	s.agree(s.a, s.b, s.c)
}
