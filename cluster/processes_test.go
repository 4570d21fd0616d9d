package cluster

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// scene is three nodes, by etcd or by a list.
type scene struct {
	t       *testing.T
	ca      *authority
	etcd    *etcdServer
	addrs   []string
	a, b, c *node
}

// byBoth runs a test with etcd and with a static list.
func byBoth(t *testing.T, test func(t *testing.T, s *scene)) {
	t.Parallel() // they wait most of the time
	t.Run("etcd", func(t *testing.T) {
		t.Parallel()
		s := &scene{t: t, ca: newAuthority(t), etcd: startEtcd(t, "127.0.0.1", "")}
		s.rise()
		test(t, s)
	})
	t.Run("list", func(t *testing.T) {
		t.Parallel()
		s := &scene{t: t, ca: newAuthority(t)}
		s.rise()
		test(t, s)
	})
}

// script is that of a node at an address.
func (s *scene) script(name, addr string) script {
	x := script{Node: name, Listen: addr, TLS: s.ca.files(name, name, "lab"), Lease: 2 * time.Second}
	if s.etcd != nil {
		x.Etcd = []string{s.etcd.addr}
	} else {
		x.Peers = s.addrs
	}
	return x
}

// rise starts all three and waits until each sees all.
func (s *scene) rise() {
	s.t.Helper()
	for i := 1; i <= 3; i++ {
		s.addrs = append(s.addrs, free(s.t, fmt.Sprintf("127.0.0.%d", i)))
	}
	s.a = start(s.t, s.script("a", s.addrs[0]), "")
	s.b = start(s.t, s.script("b", s.addrs[1]), "")
	began := time.Now()
	s.c = start(s.t, s.script("c", s.addrs[2]), "")
	up := time.Now()
	s.agree(s.a, s.b, s.c)
	s.t.Logf("a third node has joined after %v and is seen by all after %v more", up.Sub(began).Round(time.Millisecond), time.Since(up).Round(time.Millisecond))
}

// agree waits until all of these see all of these.
func (s *scene) agree(nodes ...*node) (last time.Time) {
	s.t.Helper()
	for _, n := range nodes {
		if l := n.sees(nodes...); l.at.After(last) {
			last = l.at
		}
	}
	return last
}

func TestAKilledNodeIsMissed(t *testing.T) {
	byBoth(t, func(t *testing.T, s *scene) {
		began := time.Now()
		s.c.cmd.Process.Kill()
		t.Logf("a killed node is no member any more after %v", s.agree(s.a, s.b).Sub(began).Round(time.Millisecond))

		// The same name at another address is another life.
		began = time.Now()
		s.c = start(t, s.script("c", free(t, "127.0.0.4")), "")
		t.Logf("its name is back at another address after %v", s.agree(s.a, s.b, s.c).Sub(began).Round(time.Millisecond))

		// And at the same address, at once, without waiting for anybody to miss it.
		began = time.Now()
		s.b.cmd.Process.Kill()
		s.b.cmd.Wait()
		s.b = start(t, s.script("b", s.addrs[1]), "")
		t.Logf("a killed node that is started again at once is back after %v", s.agree(s.a, s.b, s.c).Sub(began).Round(time.Millisecond))
	})
}

func TestANodeThatLeavesIsGoneAtOnce(t *testing.T) {
	byBoth(t, func(t *testing.T, s *scene) {
		s.a.order("drain")
		for _, n := range []*node{s.b, s.c} {
			n.wait("draining a", func(text string) bool { return strings.HasPrefix(text, "view a-=") })
		}
		began := time.Now()
		s.c.order("leave")
		for _, n := range []*node{s.a, s.b} {
			n.wait("view without c", func(text string) bool { return strings.HasPrefix(text, "view ") && !strings.Contains(text, "c=") })
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("it took %v to leave", d)
		} else {
			t.Logf("a node that leaves is no member any more after %v", d.Round(time.Millisecond))
		}
		s.c.wait("left", func(text string) bool { return strings.HasPrefix(text, "left ") })
	})
}

// A paused node is given up; when it wakes it must find out before it does anything with what it had.
func TestANodeThatWakesFromALongPauseIsFenced(t *testing.T) {
	byBoth(t, func(t *testing.T, s *scene) {
		began := time.Now()
		s.b.cmd.Process.Signal(syscall.SIGSTOP)
		t.Logf("a paused node is no member any more after %v", s.agree(s.a, s.c).Sub(began).Round(time.Millisecond))
		time.Sleep(time.Until(began.Add(10 * time.Second))) // the pause is what is tested
		began = time.Now()
		s.b.cmd.Process.Signal(syscall.SIGCONT)
		fenced, joined := s.b.rejoins()
		t.Logf("it was fenced %v after it woke (%s), joined again after %v", fenced.at.Sub(began).Round(time.Millisecond), fenced.text, joined.at.Sub(began).Round(time.Millisecond))
		t.Logf("there is one view %v after it woke", s.agree(s.a, s.b, s.c).Sub(began).Round(time.Millisecond))
	})
}

// A short pause is nobody's death.
func TestAShortPauseIsForgiven(t *testing.T) {
	byBoth(t, func(t *testing.T, s *scene) {
		s.b.cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(700 * time.Millisecond) // the pause is what is tested
		s.b.cmd.Process.Signal(syscall.SIGCONT)
		time.Sleep(2 * time.Second) // nothing announces that nothing happens
		for _, n := range []*node{s.a, s.b, s.c} {
			n.order("status")
			n.wait("status", func(text string) bool {
				if strings.HasPrefix(text, "fenced") || strings.HasPrefix(text, "view") && strings.Count(text, "=") != 3 {
					t.Errorf("node %s: %s", n.name, text)
				}
				return strings.HasPrefix(text, "status")
			})
		}
	})
}

func TestMembersStayWhileEtcdIsAway(t *testing.T) {
	t.Parallel()
	s := &scene{t: t, ca: newAuthority(t), etcd: startEtcd(t, "127.0.0.1", "")}
	s.rise()
	s.etcd.kill()
	away := time.Now()
	time.Sleep(8 * time.Second) // four times the lease: what is tested is that nothing happens
	s.a.order("tell c 1000 100")
	s.c.wait("messages while etcd is away", func(text string) bool { return strings.HasPrefix(text, "got 1000 ") })
	s.etcd.start()
	back := time.Now()
	time.Sleep(8 * time.Second) // gravestones would come after twice the lease
	for _, n := range []*node{s.a, s.b, s.c} {
		n.order("status")
		n.wait("status", func(text string) bool {
			if strings.HasPrefix(text, "view") || strings.HasPrefix(text, "fenced") {
				t.Errorf("etcd was away for %v; node %s: %s", back.Sub(away), n.name, text)
			}
			return strings.HasPrefix(text, "status")
		})
	}
	// And etcd decides again.
	began := time.Now()
	s.c.cmd.Process.Kill()
	t.Logf("a node killed after etcd was back is no member any more after %v", s.agree(s.a, s.b).Sub(began).Round(time.Millisecond))
}

// An etcd that comes back without its data, or with old ones, counts its revisions from below what the nodes have seen.
func TestMembersStayWhenEtcdHasLostItsData(t *testing.T) {
	t.Parallel()
	s := &scene{t: t, ca: newAuthority(t), etcd: startEtcd(t, "127.0.0.1", "")}
	s.rise()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{s.etcd.addr}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := client.Put(t.Context(), "/actorsip/lab/cluster/unknown", ""); err != nil {
			t.Fatal(err)
		}
	}
	client.Close()
	s.etcd.kill()
	if err := os.RemoveAll(s.etcd.dir); err != nil {
		t.Fatal(err)
	}
	s.b.cmd.Process.Signal(syscall.SIGSTOP) // it comes back later than the others
	s.etcd.start()
	time.Sleep(2500 * time.Millisecond) // longer than a lease, shorter than the time that all get
	s.b.cmd.Process.Signal(syscall.SIGCONT)
	time.Sleep(6 * time.Second) // what is tested is that nothing happens
	for _, n := range []*node{s.a, s.b, s.c} {
		n.order("status")
		n.wait("status", func(text string) bool {
			if strings.HasPrefix(text, "fenced") || strings.HasPrefix(text, "view") && strings.Count(text, "=") != 3 {
				t.Errorf("node %s: %s", n.name, text)
			}
			return strings.HasPrefix(text, "status")
		})
	}
	began := time.Now()
	s.c.cmd.Process.Kill()
	t.Logf("a node killed after that is no member any more after %v", s.agree(s.a, s.b).Sub(began).Round(time.Millisecond))
}

// A node that dies while etcd is away is missed when etcd is back.
func TestANodeThatDiesWhileEtcdIsAwayIsMissedLater(t *testing.T) {
	t.Parallel()
	s := &scene{t: t, ca: newAuthority(t), etcd: startEtcd(t, "127.0.0.1", "")}
	s.rise()
	s.etcd.kill()
	s.c.cmd.Process.Kill()
	for _, n := range []*node{s.a, s.b} {
		n.wait("silent c", func(text string) bool { return strings.HasPrefix(text, "view ") && strings.Contains(text, " c?=") })
	}
	s.etcd.start()
	began := time.Now()
	t.Logf("etcd was back for %v when it was no member any more", s.agree(s.a, s.b).Sub(began).Round(time.Millisecond))
}

// Batches of large messages are what the library's own endpoints lose whole.
func TestLargeMessagesArrive(t *testing.T) {
	s := &scene{t: t, ca: newAuthority(t)}
	s.rise()
	s.a.order("tell b 2000 65536")
	s.c.order("tell b 2000 65536")
	s.b.wait("all messages", func(text string) bool { return text == fmt.Sprintf("got 4000 %d", 4000*65536) })
	for _, n := range []*node{s.a, s.c} {
		l := n.wait("told", func(text string) bool { return strings.HasPrefix(text, "told ") })
		t.Log(l.text)
	}
	s.agree(s.a, s.b, s.c)
}
