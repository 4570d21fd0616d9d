package stage

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Network is machines and the switches between them, each a network namespace. They go with the test.
type Network struct {
	t     testing.TB
	space string         // the switches'; those of machines begin with it
	ports map[string]int // that a machine has
}

// This is the machine that the test itself runs on, which may be plugged in, too.
const This = ""

// NewNetwork makes a network without machines, or skips the test where that is impossible.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces are made by root only")
	}
	n := &Network{t: t, space: "as" + strings.ToLower(rand.Text()[:8]), ports: map[string]int{}}
	if out, err := exec.Command("ip", "netns", "add", n.space).CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %s", out)
	}
	t.Cleanup(func() {
		for machine, ports := range n.ports {
			if machine != This {
				_ = exec.Command("ip", "netns", "del", n.Space(machine)).Run()
				continue
			}
			for i := range ports {
				_ = exec.Command("ip", "link", "del", n.device(This, i)).Run()
			}
		}
		_ = exec.Command("ip", "netns", "del", n.space).Run()
	})
	return n
}

// Switch makes a switch.
func (n *Network) Switch(name string) {
	n.t.Helper()
	n.IP("-n", n.space, "link", "add", name, "type", "bridge")
	n.IP("-n", n.space, "link", "set", name, "up")
}

// Machine makes a machine.
func (n *Network) Machine(name string) {
	n.t.Helper()
	n.ports[name] = 0
	n.IP("netns", "add", n.Space(name))
	n.IP("-n", n.Space(name), "link", "set", "lo", "up")
}

// Plug connects a machine with a switch, where it has that address of a /24. The machine's devices are eth0, eth1 and so on, but This one's.
func (n *Network) Plug(bridge, machine string, addr netip.Addr) {
	n.t.Helper()
	to, at := fmt.Sprint(os.Getpid()), []string{}
	if machine != This {
		to = n.Space(machine)
		at = []string{"-n", to}
	}
	port, device := bridge+machine, n.device(machine, n.ports[machine])
	n.ports[machine]++
	if machine == This {
		port += "-this"
	}
	n.IP("-n", n.space, "link", "add", port, "type", "veth", "peer", "name", device, "netns", to)
	n.IP("-n", n.space, "link", "set", port, "master", bridge, "up")
	n.IP(append(at, "link", "set", device, "up")...)
	n.IP(append(at, "addr", "add", addr.String()+"/24", "dev", device)...)
}

func (n *Network) device(machine string, number int) string {
	if machine == This {
		return fmt.Sprint(n.space, "e", number)
	}
	return fmt.Sprint("eth", number)
}

// Cut takes a machine's port at a switch down, Heal up.
func (n *Network) Cut(bridge, machine string) {
	n.t.Helper()
	n.IP("-n", n.space, "link", "set", bridge+machine, "down")
}

// Heal takes a machine's port at a switch up.
func (n *Network) Heal(bridge, machine string) {
	n.t.Helper()
	n.IP("-n", n.space, "link", "set", bridge+machine, "up")
}

// Space is a machine's network namespace, for the command ip.
func (n *Network) Space(machine string) string { return n.space + machine }

// On begins a command that is to run on a machine.
func (n *Network) On(machine string) []string {
	return []string{"ip", "netns", "exec", n.Space(machine)}
}

// IP runs the command ip.
func (n *Network) IP(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %v: %v %s", args, err, out)
	}
}
