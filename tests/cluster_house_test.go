package tests

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// ring is a cluster of processes on loopback addresses of their own, with one key file, between two phones.
type ring struct {
	caller, callee *ua.Phone
	nodes          []*ringNode
	ports          [5]string // of inside, outside, web, tcp and remoting: the same on each node
}

// ringNode is one process of a ring.
type ringNode struct {
	*process
	t    testing.TB
	host netip.Addr
	in   []string // what runs it where it is
	file string   // its configuration
	log  string
	out  *bufio.Reader
	web  netip.AddrPort // its leg for WebSockets
	tcp  netip.AddrPort // and that for TCP
}

// newRing starts a node for each of those roles, and waits until all know all. more are further top-level keys.
func newRing(t testing.TB, more string, roles ...string) *ring {
	t.Helper()
	return startRing(t, more, "", "", roles...)
}

// startRing is newRing whose legs have further keys. found says how nodes find one another, and their keys; default: by a list, and
// each has a copy of a key file.
func startRing(t testing.TB, more, leg, found string, roles ...string) *ring {
	t.Helper()
	return startRingAt(t, loopback{}, more, leg, found, roles...)
}

// site is where phones and nodes are.
type site interface {
	phones() string              // IP address
	node(i int) netip.Addr       // of its legs
	remoting(i int) netip.Addr   // where it is reached by other nodes
	runner(i int) (run []string) // what runs a program there; nil: nothing
}

// loopback is all of them on this machine.
type loopback struct{}

func (loopback) phones() string              { return "127.0.0.1" }
func (loopback) node(i int) netip.Addr       { return netip.AddrFrom4([4]byte{127, 0, 0, byte(11 + i)}) }
func (l loopback) remoting(i int) netip.Addr { return l.node(i) }
func (loopback) runner(int) []string         { return nil }

// startRingAt is startRing at some site.
func startRingAt(t testing.TB, at site, more, leg, found string, roles ...string) *ring {
	t.Helper()
	r := &ring{caller: ua.New(t, at.phones()+":0"), callee: ua.New(t, at.phones()+":0")}
	authority, keys, dir := stage.NewAuthority(t), stage.KeyFile(t, "ring"), t.TempDir()
	var peers []string
	for i := range r.ports {
		r.ports[i] = steadyPort(t, "127.0.0.11")
	}
	for i := range roles {
		peers = append(peers, fmt.Sprintf("%q", fmt.Sprintf("%s:%s", at.remoting(i), r.ports[4])))
	}
	if !strings.Contains(more, "media:") {
		more += "\nmedia: {relay: true, closed: 100ms, journal: media.db}\n"
	}
	copied := found == ""
	if copied {
		found = "peers: [" + strings.Join(peers, ", ") + "]"
	}
	for i, role := range roles {
		name := string(rune('a' + i))
		n := &ringNode{t: t, host: at.node(i), in: at.runner(i), file: filepath.Join(dir, name, "actorsip.yaml"), log: filepath.Join(dir, name+".log")}
		pair := authority.Issue(t, dir, name, "ring")
		own := filepath.Join(dir, name, "keys.yaml")
		text, err := os.ReadFile(keys)
		if err == nil {
			err = os.Mkdir(filepath.Dir(own), 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		if copied {
			write(t, own, string(text))
		}
		write(t, n.file, fmt.Sprintf(`
node: %s
lanes: 2
legs:
  - {name: inside, listen: "udp:%[2]s:%[3]s", reach: [%[8]q]%[16]s}
  - {name: outside, listen: "udp:%[2]s:%[4]s", reach: [%[9]q]%[16]s}
  - {name: web, listen: "ws:%[2]s:%[5]s"%[16]s}
  - {name: line, listen: "tcp:%[2]s:%[6]s"%[16]s}
next_hops: {"*": "sip:%[9]s"}
admin: {listen: "%[2]s:0"}
cluster:
  name: ring
  listen: "%[17]s:%[7]s"
  %[10]s
  roles: [%[11]s]
  tls: {cert: %[12]q, key: %[13]q, ca: %[14]q}
%[15]s
`, name, n.host, r.ports[0], r.ports[1], r.ports[2], r.ports[3], r.ports[4], r.caller.Addr(), r.callee.Addr(), found, role,
			pair.Cert, pair.Key, authority.File, more, leg, at.remoting(i)))
		r.nodes = append(r.nodes, n)
	}
	for _, n := range r.nodes {
		n.launch()
	}
	for _, n := range r.nodes {
		n.await(r)
	}
	r.together()
	return r
}

// all3 is the roles of a node that takes SIP and relays.
const all3 = "signalling, media"

// start starts a node's process again.
func (n *ringNode) start(r *ring) {
	n.launch()
	n.await(r)
}

// launch starts a node's process.
func (n *ringNode) launch() {
	n.t.Helper()
	path, err := binary()
	if err != nil {
		n.t.Fatal(err, path)
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		n.t.Fatal(err)
	}
	defer log.Close()
	run := append(n.in[:len(n.in):len(n.in)], path, "serve", "--config", n.file)
	n.process = &process{Cmd: exec.Command(run[0], run[1:]...)}
	n.Stderr = log
	out, err := n.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		n.t.Fatal(err)
	}
	p := n.process
	n.t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
		text, _ := os.ReadFile(n.log)
		if bytes.Contains(text, []byte("panic")) || bytes.Contains(text, []byte("DATA RACE")) {
			n.t.Errorf("node %s has panicked, or raced", n.host)
		}
		if n.t.Failed() && len(text) > 0 {
			n.t.Logf("node %s said\n%s", n.host, text[max(0, len(text)-8000):])
		}
	})
	n.out = bufio.NewReader(out)
}

// await waits for the ready line of a node.
func (n *ringNode) await(r *ring) {
	n.t.Helper()
	line, err := n.out.ReadString('\n')
	m := regexp.MustCompile(`; admin (\S+)`).FindStringSubmatch(line)
	if err != nil || m == nil {
		text, _ := os.ReadFile(n.log)
		n.t.Fatalf("no ready line: %q %v\n%s", line, err, text)
	}
	at := func(port string) netip.AddrPort { return netip.MustParseAddrPort(n.host.String() + ":" + port) }
	n.inside, n.outside, n.admin = at(r.ports[0]), at(r.ports[1]), m[1]
	n.web, n.tcp = at(r.ports[2]), at(r.ports[3])
}

// together waits until each living node sees all others alive.
func (r *ring) together() {
	living := 0
	for _, n := range r.nodes {
		if n.process.ProcessState == nil {
			living++
		}
	}
	for _, n := range r.nodes {
		if n.process.ProcessState == nil {
			eventually(n.t, 10*time.Second, fmt.Sprintf("node %s sees %d nodes", n.host, living), func() bool { return n.sees() == living })
		}
	}
}

// sees is how many nodes are alive as this one has it, itself with them.
func (n *ringNode) sees() (alive int) {
	if c := n.status(n.t).Cluster; c != nil {
		for _, m := range c.Members {
			if m.Alive {
				alive++
			}
		}
	}
	return alive
}

// leased is how many pairs of ports a node has leased.
func (n *ringNode) leased() (pairs int) {
	if m := n.status(n.t).Media; m != nil {
		for _, pool := range m.Ports {
			pairs += pool.Leased
		}
	}
	return pairs
}

// metric is the sum of what /metrics says under that name, of the lines that have the label.
func (n *ringNode) metric(name, label string) (sum float64) {
	n.t.Helper()
	resp, err := http.Get(n.admin + "/metrics")
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		line := s.Text()
		rest, is := strings.CutPrefix(line, name)
		if !is || rest == "" || rest[0] != '{' && rest[0] != ' ' || !strings.Contains(rest, label) {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v); err != nil {
			n.t.Fatal(line, err)
		}
		sum += v
	}
	return sum
}

// ringTalk is a call through a ring, with media.
type ringTalk struct {
	talk
	*ring
	at, away netip.AddrPort // the relay's ports as the caller and the callee see them
}

// call sets up a call by the legs of one node.
func (r *ring) call(t testing.TB, by *ringNode) *ringTalk {
	t.Helper()
	k := &ringTalk{ring: r}
	k.house = &house{caller: r.caller, callee: r.callee}
	k.alice, k.bob = ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	k.talk.caller = r.caller.Invite("sip:bob@example.com", ua.Options{Proxy: by.inside, Body: k.alice.Describe()})
	invite := r.callee.Receive()
	k.talk.callee = r.callee.Answer(invite, 200, ua.Options{Body: k.bob.Describe()})
	ok := k.talk.caller.Response()
	if ok.Status() != 200 {
		t.Fatalf("the call was answered\n%s", ok.Raw)
	}
	k.talk.caller.Ack(ok)
	k.expect(t, "ACK")
	k.at, k.away = only(t, ok), only(t, invite)
	k.alice.To(k.at)
	k.bob.To(k.away)
	return k
}

// expect is the next request that the callee gets.
func (k *ringTalk) expect(t testing.TB, method string) ua.Message {
	t.Helper()
	m := k.ring.callee.Receive()
	if m.Method() != method {
		t.Fatalf("the callee expected %s, not\n%s", method, m.Raw)
	}
	return m
}

// by sends a request within the dialog by a node, and has it answered. What was offered and answered is given as both got it.
func (k *ringTalk) by(t testing.TB, n *ringNode, method, offer, answer string) (request, response ua.Message) {
	t.Helper()
	k.talk.caller.Request(method, ua.Options{Proxy: n.inside, Body: offer})
	request = k.expect(t, method)
	k.ring.callee.Answer(request, 200, ua.Options{Body: answer})
	if response = k.talk.caller.Response(); response.Status() != 200 {
		t.Fatalf("%s by %s was answered\n%s", method, n.host, response.Raw)
	}
	return request, response
}

// offer is a new offer and answer by a node; the media go where it says from then on.
func (k *ringTalk) offer(t testing.TB, n, ack *ringNode) {
	t.Helper()
	request, response := k.by(t, n, "INVITE", k.alice.Describe(), k.bob.Describe())
	k.talk.caller.Request("ACK", ua.Options{Proxy: ack.inside})
	k.expect(t, "ACK")
	k.at, k.away = only(t, response), only(t, request)
	k.alice.To(k.at)
	k.bob.To(k.away)
}

// bye ends the call by a node.
func (k *ringTalk) bye(t testing.TB, n *ringNode) {
	t.Helper()
	k.by(t, n, "BYE", "", "")
}
