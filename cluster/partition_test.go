package cluster

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// network is three machines, each a network namespace, and a switch between them that is one, too.
type network struct {
	t      testing.TB
	prefix string
}

func newNetwork(t testing.TB) *network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces are made by root only")
	}
	n := &network{t: t, prefix: "as" + rand.Text()[:8]}
	if out, err := exec.Command("ip", "netns", "add", n.prefix).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %s", out)
	}
	t.Cleanup(func() {
		for _, name := range []string{n.space("a"), n.space("b"), n.space("c"), n.prefix} {
			exec.Command("ip", "netns", "del", name).Run()
		}
	})
	n.ip("-n", n.prefix, "link", "add", "switch", "type", "bridge")
	n.ip("-n", n.prefix, "link", "set", "switch", "up")
	for i, m := range []string{"a", "b", "c"} {
		n.ip("netns", "add", n.space(m))
		n.ip("-n", n.prefix, "link", "add", "port-"+m, "type", "veth", "peer", "name", "eth0", "netns", n.space(m))
		n.ip("-n", n.prefix, "link", "set", "port-"+m, "master", "switch", "up")
		n.ip("-n", n.space(m), "link", "set", "lo", "up")
		n.ip("-n", n.space(m), "link", "set", "eth0", "up")
		n.ip("-n", n.space(m), "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "eth0")
	}
	return n
}

func (n *network) space(machine string) string { return n.prefix + machine }

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %v: %v %s", args, err, out)
	}
}

// cut takes a machine's port at the switch down, or up.
func (n *network) cut(machine, state string) {
	n.t.Helper()
	n.ip("-n", n.prefix, "link", "set", "port-"+machine, state)
}

// A is cut off, alone: it must come back as another life, and those who were two must notice nothing of their own.
func TestAfterACutThereIsOneMembership(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"etcd", "list"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			net := newNetwork(t)
			s := &stage{t: t, ca: newAuthority(t)}
			if mode == "etcd" {
				s.etcd = startEtcd(t, "10.77.0.3", net.space("c"))
			}
			for i := 1; i <= 3; i++ {
				s.addrs = append(s.addrs, free(t, fmt.Sprintf("10.77.0.%d", i)))
			}
			s.a = start(t, s.script("a", s.addrs[0]), net.space("a"))
			s.b = start(t, s.script("b", s.addrs[1]), net.space("b"))
			s.c = start(t, s.script("c", s.addrs[2]), net.space("c"))
			s.agree(s.a, s.b, s.c)

			net.cut("a", "down")
			began := time.Now()
			t.Logf("the two see each other alone after %v", s.agree(s.b, s.c).Sub(began).Round(time.Millisecond))
			if mode == "etcd" { // nobody but etcd gives up members: it sees them as silent
				s.a.wait("silent b and c", func(text string) bool { return strings.HasPrefix(text, "view ") && strings.Count(text, "?=") == 2 })
			} else {
				s.a.sees(s.a)
			}
			time.Sleep(3 * time.Second) // a cut lasts

			net.cut("a", "up")
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
	s := &stage{t: t, ca: newAuthority(t)}
	net.ip("-n", net.space("c"), "addr", "add", "10.77.0.9/24", "dev", "eth0")
	s.etcd = startEtcd(t, "10.77.0.9", net.space("c"))
	for i := 1; i <= 3; i++ {
		s.addrs = append(s.addrs, free(t, fmt.Sprintf("10.77.0.%d", i)))
	}
	s.a = start(t, s.script("a", s.addrs[0]), net.space("a"))
	s.b = start(t, s.script("b", s.addrs[1]), net.space("b"))
	s.c = start(t, s.script("c", s.addrs[2]), net.space("c"))
	s.agree(s.a, s.b, s.c)

	net.ip("-n", net.space("a"), "route", "add", "blackhole", "10.77.0.9/32")
	began := time.Now()
	s.agree(s.b, s.c)
	given := time.Now()
	l := s.a.wait("fence", func(text string) bool { return strings.HasPrefix(text, "fenced ") })
	t.Logf("given up after %v, and fenced %v after that: %s", given.Sub(began).Round(time.Millisecond), l.at.Sub(given).Round(time.Millisecond), l.text)
	net.ip("-n", net.space("a"), "route", "del", "blackhole", "10.77.0.9/32")
	joined := s.a.wait("joined", func(text string) bool { return strings.HasPrefix(text, "joined ") })
	s.a.life, s.a.view = strings.TrimPrefix(joined.text, "joined "), ""
	s.agree(s.a, s.b, s.c)
}
