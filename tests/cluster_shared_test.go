package tests

import (
	"fmt"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/server"
	"github.com/actorsip/actorsip/tests/ua"
)

// sharing is a ring whose nodes share bindings and keys by an etcd.
type sharing struct {
	*ring
	etcd *server.Etcd
	cseq uint32
}

// share starts three nodes that have a secret and an etcd, and no key file.
func share(t *testing.T, whenAway string) *sharing {
	t.Helper()
	e := server.StartEtcd(t)
	found := byEtcd(t, e) + "\n  when_away: " + whenAway
	return &sharing{etcd: e, ring: startRing(t, "", ", registrar: {domains: [example.org], min_expires: 1s}", found, all3, all3, all3)}
}

// byEtcd has the nodes of a ring find one another by an etcd, and have their keys there.
func byEtcd(t *testing.T, e *server.Etcd) (found string) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, strings.Repeat("a secret of a ring\n", 3))
	return fmt.Sprintf("etcd: {endpoints: [%q]}\n  secret: %q", strings.TrimPrefix(e.Endpoint, "http://"), secret)
}

// register has a phone register a user, with the next CSeq, and gives the status of the answer.
func (s *sharing) register(p *ua.Phone, at netip.AddrPort, user, contact string, expires int) int {
	s.cseq++
	sent := p.Request("REGISTER", "sip:example.org", ua.Options{
		Proxy: at, Contact: contact, To: aor(user), CallID: user, CSeq: s.cseq, Headers: []string{fmt.Sprint("Expires: ", expires)},
	})
	m, _ := p.Until(func(m ua.Message) bool {
		return m.Status() != 0 && m.CSeq() == sent.CSeq() && m.First("Call-ID") == user
	})
	return m.Status()
}

func aor(user string) string { return "<sip:" + user + "@example.org>" }

// knows waits until a node has a user's registration, or has it no more.
func (n *ringNode) knows(t *testing.T, user string, is bool) {
	t.Helper()
	eventually(t, 5*time.Second, fmt.Sprintf("node %s knows %s: %v", n.host, user, is), func() bool { return n.has(t, user) == is })
}

func (n *ringNode) has(t *testing.T, user string) bool {
	return len(n.bindings(t)["sip:"+user+"@example.org"]) == 1
}

// called has the callee call a user by a node, who takes the call, and then hangs up by another node.
func (s *sharing) called(t *testing.T, user string, p *ua.Phone, on *ua.Connection, contact string, by, then *ringNode) {
	t.Helper()
	call := s.callee.Invite("sip:"+user+"@example.org", ua.Options{Proxy: by.outside})
	m, came := p.Next(5 * time.Second)
	if !came {
		t.Fatalf("a call for %s by %s did not come: %q", user, by.host, s.callee.Pending())
	}
	if m.Method() != "INVITE" || m.On != on {
		t.Fatalf("a call for %s by %s was expected, not\n%s", user, by.host, m.Raw)
	}
	p.Answer(m, 200, ua.Options{Contact: contact})
	if m := call.Response(); m.Status() != 200 {
		t.Fatalf("a call for %s by %s was answered\n%s", user, by.host, m.Raw)
	}
	for _, method := range []string{"ACK", "BYE"} {
		call.Request(method, ua.Options{Proxy: then.outside})
		if m = p.Receive(); m.Method() != method || m.On != on {
			t.Fatalf("%s was expected, not\n%s", method, m.Raw)
		}
	}
	p.Answer(m, 200, ua.Options{})
	if m := call.Response(); m.Status() != 200 {
		t.Fatalf("the BYE was answered\n%s", m.Raw)
	}
}

// refused has a call for a user by a node be answered so.
func (s *sharing) refused(t *testing.T, user string, by *ringNode, status int) {
	t.Helper()
	if m := s.callee.Invite("sip:"+user+"@example.org", ua.Options{Proxy: by.outside}).Response(); m.Status() != status {
		t.Fatalf("a call for %s by %s was answered\n%s", user, by.host, m.Raw)
	}
}

// Who has registered by one node is found by all: a phone where it is, a client over the connection that one node has. A node that is
// killed takes no registration with it.
func TestNodesShareRegistrations(t *testing.T) {
	s := share(t, "refuse")
	a, b, c := s.nodes[0], s.nodes[1], s.nodes[2]
	if status := s.register(s.caller, a.inside, "alice", "", 600); status != 200 {
		t.Fatalf("the REGISTER was answered %d", status)
	}
	clients := map[string]*ua.Phone{}
	for _, transport := range []string{"tcp", "ws"} {
		p := ua.NewClient(t, transport)
		clients[transport] = p
		if status := s.register(p, a.door(transport), transport, behindNAT(transport), 600); status != 200 {
			t.Fatalf("the REGISTER by %s was answered %d", transport, status)
		}
	}
	for i, n := range []*ringNode{c, b, a} {
		then := []*ringNode{b, a, c}[i]
		n.knows(t, "alice", true)
		s.called(t, "alice", s.caller, nil, "", n, then)
		for transport, p := range clients {
			n.knows(t, transport, true)
			s.called(t, transport, p, p.Connection(a.door(transport)), behindNAT(transport), n, then)
		}
	}
	// who leaves by one node, and who does not come again, is gone everywhere
	s.register(s.caller, b.inside, "bob", "", 600)
	s.register(s.caller, b.inside, "short", "", 2)
	c.knows(t, "bob", true)
	c.knows(t, "short", true)
	if status := s.register(s.caller, a.inside, "bob", "", 0); status != 200 {
		t.Fatalf("the REGISTER was answered %d", status)
	}
	for _, n := range s.nodes {
		n.knows(t, "bob", false)
		n.knows(t, "short", false)
	}
	s.refused(t, "bob", c, 404)

	a.kill(t)
	s.called(t, "alice", s.caller, nil, "", c, b)
	asked := time.Now()
	s.refused(t, "tcp", c, 430) // RFC 5626 §5.3.1: its connection has ended
	if took := time.Since(asked); took > time.Second {
		t.Errorf("a client whose node was killed was looked for for %v", took)
	}
	s.together()
	s.refused(t, "ws", b, 430)
	s.called(t, "alice", s.caller, nil, "", b, c)
	if status := s.register(s.caller, b.inside, "late", "", 600); status != 200 {
		t.Fatalf("the REGISTER was answered %d", status)
	}
	a.start(s.ring)
	s.together()
	for _, user := range []string{"alice", "late"} {
		a.knows(t, user, true)
		s.called(t, user, s.caller, nil, "", a, c)
	}
}

// No node has been given a key file: they have the same keys all the same, and a rotation is of all of them.
func TestNodesShareKeys(t *testing.T) {
	s := share(t, "refuse")
	a, b, c := s.nodes[0], s.nodes[1], s.nodes[2]
	var calls []*ringTalk
	for i := range 6 {
		calls = append(calls, s.call(t, s.nodes[i%3]))
	}
	use := func() {
		t.Helper()
		for i, k := range calls {
			k.by(t, s.nodes[(i+1)%3], "INFO", "", "")
			s.callee.Request("OPTIONS", ua.URI(k.talk.callee.Invite.First("Contact")), ua.Options{Proxy: s.nodes[(i+2)%3].outside})
			m := s.caller.Receive()
			s.caller.Answer(m, 200, ua.Options{})
			if m.Method() != "OPTIONS" || s.callee.Receive().Status() != 200 {
				t.Fatalf("OPTIONS was expected, not\n%s", m.Raw)
			}
		}
	}
	options := s.caller.Compose("OPTIONS", "sip:bob@example.com", ua.Options{})
	token := func(n *ringNode) string {
		s.caller.Send(options.Raw, n.inside)
		return s.callee.Receive().First("Contact")
	}
	before := map[*ringNode]string{}
	for _, n := range s.nodes {
		before[n] = token(n)
	}
	use()
	if out, code := actorsip(t, "keys", "rotate", "--config", b.file, "--delay", "0s"); code != 0 {
		t.Fatalf("keys rotate: %d %s", code, out)
	}
	for _, n := range s.nodes {
		eventually(t, 5*time.Second, n.host.String()+" has the new key in use", func() bool { use(); return token(n) != before[n] })
	}
	out, code := actorsip(t, "keys", "list", "--config", c.file)
	if code != 0 || strings.Count(out, "has all keys") != 3 {
		t.Errorf("keys list: %d %s", code, out)
	}
	fresh := s.call(t, a)
	fresh.by(t, c, "INFO", "", "")
	calls = append(calls, fresh)
	for i, k := range calls {
		k.bye(t, s.nodes[(i+1)%3])
	}
}

// While etcd is away calls and lookups go on. A REGISTER is refused, or accepted and known to all when etcd is back.
func TestNodesGoOnWithoutEtcd(t *testing.T) {
	for whenAway, status := range map[string]int{"refuse": 503, "accept": 200} {
		t.Run(whenAway, func(t *testing.T) {
			s := share(t, whenAway)
			a, b, c := s.nodes[0], s.nodes[1], s.nodes[2]
			s.register(s.caller, a.inside, "alice", "", 600)
			c.knows(t, "alice", true)
			client := ua.NewClient(t, "tcp")
			s.register(client, a.tcp, "carol", behindNAT("tcp"), 600)
			c.knows(t, "carol", true)
			k := s.call(t, a)
			s.etcd.Kill()
			killed := time.Now()
			serve := func() {
				t.Helper()
				k.by(t, b, "INFO", "", "")
				s.called(t, "alice", s.caller, nil, "", c, b)
				s.called(t, "carol", client, client.Connection(a.tcp), behindNAT("tcp"), c, b)
			}
			serve()
			eventually(t, 15*time.Second, "the REGISTER is answered as it should be", func() bool {
				return s.register(s.caller, a.inside, "bob", "", 600) == status
			})
			t.Logf("a REGISTER is answered %d, %v after etcd was killed", status, time.Since(killed).Round(time.Millisecond))
			for time.Since(killed) < 12*time.Second { // longer than leases of nodes
				serve()
				if !c.status(t).Ready {
					t.Fatal("a node is not ready because etcd is away")
				}
				<-time.After(200 * time.Millisecond)
			}
			if status == 200 {
				s.called(t, "bob", s.caller, nil, "", a, b)
			}
			s.refused(t, "bob", c, 404)
			s.etcd.Start()
			for _, n := range s.nodes {
				if status == 200 {
					eventually(t, 15*time.Second, n.host.String()+" knows bob", func() bool { return n.has(t, "bob") })
					s.called(t, "bob", s.caller, nil, "", n, b)
				}
				n.knows(t, "alice", true)
				n.knows(t, "carol", true)
			}
			eventually(t, 15*time.Second, "a REGISTER is taken again", func() bool { return s.register(s.caller, b.inside, "dave", "", 600) == 200 })
			a.knows(t, "dave", true)
			serve()
			s.together()
			k.bye(t, c)
		})
	}
}

// A node that begins while etcd is away has its copies of keys and bindings, and joins when etcd is back.
func TestANodeBeginsWithoutEtcd(t *testing.T) {
	s := share(t, "refuse")
	a, b, c := s.nodes[0], s.nodes[1], s.nodes[2]
	s.register(s.caller, a.inside, "alice", "", 600)
	c.knows(t, "alice", true)
	k := s.call(t, a)
	<-time.After(2 * time.Second) // its copy is written behind
	s.etcd.Kill()
	c.kill(t)
	c.start(s.ring)
	resp, err := http.Get(c.admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("/readyz said %s", resp.Status)
	}
	s.called(t, "alice", s.caller, nil, "", c, c)
	k.by(t, b, "INFO", "", "")
	if status := s.register(s.caller, c.inside, "bob", "", 600); status != 503 {
		t.Errorf("the REGISTER was answered %d", status)
	}
	s.etcd.Start()
	s.together()
	eventually(t, 15*time.Second, "a REGISTER is taken again", func() bool { return s.register(s.caller, c.inside, "bob", "", 600) == 200 })
	a.knows(t, "bob", true)
	s.called(t, "alice", s.caller, nil, "", c, b)
	k.bye(t, c)
}
