package tests

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// machines is three machines, each a network namespace, on two networks: by one of them phones reach all, by the other the nodes reach
// one another and this machine, where etcd is. That one can be cut.
//
//	phones, etcd ─┬─ sip ──────┬─ a    ┐
//	              │            ├─ b    │
//	              │            └─ c    │
//	              └─ remoting ─┴ a b c ┘
type machines struct {
	t      testing.TB
	prefix string
	number byte // of its subnets: 198.18.number.0 (remoting), 198.19.number.0 (RFC 2544)
}

// here is the last byte of this machine's addresses, and first that of the first node.
const here, firstNode = 254, 11

func newMachines(t testing.TB) *machines {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces are made by root only")
	}
	m := &machines{t: t, prefix: "as" + strings.ToLower(rand.Text()[:8])}
	for m.number = byte(mathrand.N(255)); ; m.number++ { // somebody else may have one
		out, err := exec.Command("ip", "route", "show", fmt.Sprintf("198.18.%d.0/24", m.number)).CombinedOutput()
		if err != nil {
			t.Skipf("no network namespaces here: %s", out)
		}
		if len(out) == 0 {
			break
		}
	}
	if out, err := exec.Command("ip", "netns", "add", m.prefix).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %s", out)
	}
	t.Cleanup(func() {
		for _, space := range []string{m.prefix + "0", m.prefix + "1", m.prefix + "2", m.prefix} {
			_ = exec.Command("ip", "netns", "del", space).Run()
		}
	})
	for i := range 3 {
		m.ip("netns", "add", m.space(i))
		m.ip("-n", m.space(i), "link", "set", "lo", "up")
	}
	for net, name := range []string{"remoting", "sip"} {
		m.ip("-n", m.prefix, "link", "add", name, "type", "bridge")
		m.ip("-n", m.prefix, "link", "set", name, "up")
		for i := range 3 {
			m.plug(name, fmt.Sprint(name, i), "eth"+fmt.Sprint(net), m.addr(net, byte(firstNode+i)), "-n", m.space(i))
		}
		m.plug(name, name+"here", m.prefix+fmt.Sprint("e", net), m.addr(net, here))
	}
	return m
}

// plug connects a machine, this one when it is not said which, with a switch.
func (m *machines) plug(bridge, port, name string, addr netip.Addr, machine ...string) {
	m.t.Helper()
	to := fmt.Sprint(os.Getpid())
	if len(machine) > 0 {
		to = machine[1]
	}
	m.ip("-n", m.prefix, "link", "add", port, "type", "veth", "peer", "name", name, "netns", to)
	m.ip("-n", m.prefix, "link", "set", port, "master", bridge, "up")
	m.ip(append(machine, "link", "set", name, "up")...)
	m.ip(append(machine, "addr", "add", addr.String()+"/24", "dev", name)...)
}

func (m *machines) ip(args ...string) {
	m.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		m.t.Fatalf("ip %v: %v %s", args, err, out)
	}
}

// cut takes a machine's port for remoting down, or up.
func (m *machines) cut(i int, state string) {
	m.t.Helper()
	m.ip("-n", m.prefix, "link", "set", fmt.Sprint("remoting", i), state)
}

func (m *machines) space(i int) string { return m.prefix + fmt.Sprint(i) }

func (m *machines) addr(net int, last byte) netip.Addr {
	return netip.AddrFrom4([4]byte{198, byte(18 + net), m.number, last})
}

func (m *machines) phones() string            { return m.addr(1, here).String() }
func (m *machines) node(i int) netip.Addr     { return m.addr(1, byte(firstNode+i)) }
func (m *machines) remoting(i int) netip.Addr { return m.addr(0, byte(firstNode+i)) }
func (m *machines) runner(i int) []string     { return []string{"ip", "netns", "exec", m.space(i)} }
