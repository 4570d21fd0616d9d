package tests

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/tests/server"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// pair is two machines, each a network namespace, on one switch with this one, that share a media place. The two addresses of its
// media move between them, by VRRP.
type pair struct {
	t testing.TB
	*stage.Network
	own            netip.Addr // this machine's address there, of phones and etcd
	media          [2]netip.Addr
	caller, callee *ua.Phone
	etcd           *server.Etcd
	machines       []*machine
	dir            string
}

// machine is one of them, with a node and a router daemon.
type machine struct {
	*process // nil while it does not run
	pair     *pair
	name     string
	addr     netip.Addr
	file     string
	log      string
	vrrp     *exec.Cmd
}

func needsNetwork(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces are made by root only")
	}
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("there is no keepalived on this machine: apt-get install keepalived")
	}
}

// newPair makes the machines, and starts nothing on them.
func newPair(t testing.TB) *pair {
	t.Helper()
	needsNetwork(t)
	p := &pair{t: t, Network: stage.NewNetwork(t), dir: t.TempDir()}
	subnet := [4]byte{10, byte(64 + rand.IntN(64)), byte(rand.IntN(256))}
	addr := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{subnet[0], subnet[1], subnet[2], last}) }
	p.own, p.media = addr(9), [2]netip.Addr{addr(101), addr(102)}
	p.Switch("switch")
	p.Plug("switch", stage.This, p.own)
	p.caller, p.callee = ua.New(t, p.own.String()+":0"), ua.New(t, p.own.String()+":0")
	p.etcd = server.StartEtcdAt(t, p.own.String())
	authority, keys := stage.NewAuthority(t), stage.KeyFile(t, "pair")
	for i, name := range []string{"a", "b"} {
		m := &machine{pair: p, name: name, addr: addr(byte(i + 1)), log: filepath.Join(p.dir, name+".log")}
		m.file = filepath.Join(p.dir, name, "actorsip.yaml")
		if err := os.Mkdir(filepath.Dir(m.file), 0o700); err != nil {
			t.Fatal(err)
		}
		p.Machine(name)
		p.Plug("switch", name, m.addr)
		text, err := os.ReadFile(keys)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(filepath.Dir(m.file), "keys.yaml"), string(text))
		pair := authority.Issue(t, p.dir, name, "pair")
		write(t, m.file, fmt.Sprintf(`
node: %s
lanes: 1
legs:
  - {name: inside, listen: "udp:%[2]s:5060", reach: [%[3]q], media: {address: %[5]s}}
  - {name: outside, listen: "udp:%[2]s:5080", reach: [%[4]q], media: {address: %[6]s}}
next_hops: {"*": "sip:%[4]s"}
admin: {listen: "%[2]s:8060"}
cluster:
  name: pair
  listen: "%[2]s:7070"
  etcd: {endpoints: [%[7]q]}
  tls: {cert: %[8]q, key: %[9]q, ca: %[10]q}
media: {relay: true, shared: front, closed: 100ms}
`, name, m.addr, p.caller.Addr(), p.callee.Addr(), p.media[0], p.media[1], strings.TrimPrefix(p.etcd.Endpoint, "http://"), pair.Cert, pair.Key, authority.File))
		p.machines = append(p.machines, m)
	}
	t.Cleanup(func() {
		for _, m := range p.machines {
			m.die()
			m.tell()
		}
	})
	return p
}

// run starts a program on the machine.
func (m *machine) run(program string, args ...string) *exec.Cmd {
	m.pair.t.Helper()
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.pair.t.Fatal(err)
	}
	m.pair.t.Cleanup(func() { _ = log.Close() })
	at := m.pair.On(m.name)
	cmd := exec.Command(at[0], slices.Concat(at[1:], []string{program}, args)...)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

// serve starts the node, and waits until it is ready.
func (m *machine) serve() {
	t := m.pair.t
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err, path)
	}
	m.process = &process{Cmd: m.run(path, "serve", "--config", m.file)}
	m.Stdout = nil
	out, err := m.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	found := regexp.MustCompile(`; admin (\S+)`).FindStringSubmatch(line)
	if err != nil || found == nil {
		t.Fatalf("no ready line: %q %v", line, err)
	}
	m.admin = found[1]
	m.inside, m.outside = netip.AddrPortFrom(m.addr, 5060), netip.AddrPortFrom(m.addr, 5080)
}

// route starts the machine's router daemon: the greater the priority, the rather it has the addresses.
func (m *machine) route(priority int) {
	t := m.pair.t
	t.Helper()
	file := filepath.Join(m.pair.dir, m.name, "keepalived.conf")
	text := fmt.Sprintf("global_defs {\n  router_id %s\n  vrrp_version 3\n  max_auto_priority 50\n}\nvrrp_track_file health {\n  file %s\n}\n", m.name, m.health())
	text += "vrrp_sync_group media {\n  group {\n    inside\n    outside\n  }\n  track_file {\n    health\n  }\n}\n"
	write(t, m.health(), "0")
	for i, leg := range []string{"inside", "outside"} {
		text += fmt.Sprintf("vrrp_instance %s {\n  state BACKUP\n  interface eth0\n  virtual_router_id %d\n  priority %d\n  advert_int 0.1\n  virtual_ipaddress {\n    %s/24\n  }\n}\n",
			leg, 51+i, priority, m.pair.media[i])
	}
	write(t, file, text)
	pid := func(of string) string {
		name := filepath.Join(m.pair.dir, m.name, of+".pid")
		_ = os.Remove(name) // of one that was killed
		return name
	}
	m.vrrp = m.run("keepalived", "-n", "-l", "-P", "-f", file, "-p", pid("keepalived"), "-r", pid("vrrp"))
	if err := m.vrrp.Start(); err != nil {
		t.Fatal(err)
	}
}

// health is the file by which the router daemon knows how its node is: who supervises the node writes it. In a network namespace the
// daemon cannot watch processes itself.
func (m *machine) health() string { return filepath.Join(m.pair.dir, m.name, "health") }

// crash kills the node alone. Who supervises it notices.
func (m *machine) crash() {
	m.pair.t.Helper()
	m.kill(m.pair.t)
	m.process = nil
	write(m.pair.t, m.health(), "-254") // by this much of its priority the machine gives the addresses away
}

// die is what happens to all that runs on the machine when its power fails. Its network port goes with it.
func (m *machine) die() {
	m.pair.Cut("switch", m.name)
	out, _ := exec.Command("ip", "netns", "pids", m.pair.Space(m.name)).Output()
	for _, pid := range strings.Fields(string(out)) {
		_ = exec.Command("kill", "-9", pid).Run()
	}
	for _, cmd := range []*exec.Cmd{m.vrrp, m.cmd()} {
		if cmd != nil {
			_ = cmd.Wait()
		}
	}
	m.vrrp, m.process = nil, nil
}

func (m *machine) cmd() *exec.Cmd {
	if m.process == nil {
		return nil
	}
	return m.process.Cmd
}

// boot gives a machine that has died its power back: it has its own address, and no other.
func (m *machine) boot() {
	m.pair.t.Helper()
	m.pair.IP("-n", m.pair.Space(m.name), "addr", "flush", "dev", "eth0")
	m.pair.IP("-n", m.pair.Space(m.name), "addr", "add", m.addr.String()+"/24", "dev", "eth0")
	m.pair.Heal("switch", m.name)
}

// resign ends the machine's router daemon in order: it gives the addresses away at once.
func (m *machine) resign() {
	m.pair.t.Helper()
	if err := m.vrrp.Process.Signal(os.Interrupt); err != nil {
		m.pair.t.Fatal(err)
	}
	_ = m.vrrp.Wait()
	m.vrrp = nil
}

// tell shows what a machine has said, when the test has failed.
func (m *machine) tell() {
	text, _ := os.ReadFile(m.log)
	if bytes.Contains(text, []byte("panic")) || bytes.Contains(text, []byte("DATA RACE")) {
		m.pair.t.Errorf("machine %s has panicked, or raced", m.name)
	}
	if m.pair.t.Failed() {
		m.pair.t.Logf("machine %s said\n%s", m.name, text[max(0, len(text)-8000):])
	}
}

// holds tells whether the node has the media place, and how many pairs of ports it has leased.
func (m *machine) holds() (has bool, leased int) {
	m.pair.t.Helper()
	media := m.status(m.pair.t).Media
	for _, pool := range media.Ports {
		leased += pool.Leased
	}
	return media.Place.Holds, leased
}

// is waits until the node has the place, or stands by, with so many pairs of ports.
func (m *machine) is(holds bool, leased int) {
	m.pair.t.Helper()
	eventually(m.pair.t, 20*time.Second, fmt.Sprintf("node %s: it has the place: %v, with %d pairs", m.name, holds, leased), func() bool {
		has, n := m.holds()
		return has == holds && n == leased
	})
}

// knows waits until the node sees who has the place.
func (m *machine) knows(holder *machine) {
	m.pair.t.Helper()
	eventually(m.pair.t, 10*time.Second, fmt.Sprintf("node %s sees the place on %s", m.name, holder.name), func() bool {
		c := m.status(m.pair.t).Cluster
		for i := 0; c != nil && i < len(c.Members); i++ {
			if c.Members[i].Node == holder.name && c.Members[i].Holds {
				return true
			}
		}
		return false
	})
}

// both starts both machines; the first one has the place.
func (p *pair) both() (a, b *machine) {
	p.t.Helper()
	a, b = p.machines[0], p.machines[1]
	a.route(150)
	a.serve()
	a.is(true, 0)
	b.route(100)
	b.serve()
	b.is(false, 0)
	b.knows(a)
	return a, b
}

// living are the machines that have a node.
func (p *pair) living() (all []*machine) {
	for _, m := range p.machines {
		if m.process != nil {
			all = append(all, m)
		}
	}
	return all
}

// entries is how many calls are in etcd.
func (p *pair) entries() int {
	p.t.Helper()
	client, err := etcd.Open(etcd.Config{Endpoints: []string{p.etcd.Endpoint}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	all, _, err := client.List(p.t.Context(), "pair/media/front/calls/")
	if err != nil {
		p.t.Fatal(err)
	}
	return len(all)
}

// kept waits until so many calls are in etcd.
func (p *pair) kept(calls int) {
	p.t.Helper()
	eventually(p.t, 20*time.Second, fmt.Sprintf("%d calls are in etcd", calls), func() bool { return p.entries() == calls })
}
