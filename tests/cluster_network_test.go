package tests

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"testing"

	"github.com/actorsip/actorsip/tests/stage"
)

// machines is three machines on two networks: by one of them phones reach all, by the other the nodes reach one another and this
// machine, where etcd is. That one can be cut.
//
//	phones, etcd ─┬─ sip ──────┬─ a    ┐
//	              │            ├─ b    │
//	              │            └─ c    │
//	              └─ remoting ─┴ a b c ┘
type machines struct {
	*stage.Network
	number byte // of its subnets: 198.18.number.0 (remoting), 198.19.number.0 (RFC 2544)
}

// here is the last byte of this machine's addresses, and first that of the first node.
const here, firstNode = 254, 11

func newMachines(t testing.TB) *machines {
	t.Helper()
	m := &machines{Network: stage.NewNetwork(t)}
	for m.number = byte(rand.N(255)); ; m.number++ { // somebody else may have one
		if out, err := exec.Command("ip", "route", "show", fmt.Sprintf("198.18.%d.0/24", m.number)).Output(); err != nil {
			t.Fatal(err)
		} else if len(out) == 0 {
			break
		}
	}
	for i := range 3 {
		m.Machine(fmt.Sprint(i))
	}
	for net, name := range []string{"remoting", "sip"} {
		m.Switch(name)
		for i := range 3 {
			m.Plug(name, fmt.Sprint(i), m.addr(net, byte(firstNode+i)))
		}
		m.Plug(name, stage.This, m.addr(net, here))
	}
	return m
}

func (m *machines) addr(net int, last byte) netip.Addr {
	return netip.AddrFrom4([4]byte{198, byte(18 + net), m.number, last})
}

func (m *machines) phones() string            { return m.addr(1, here).String() }
func (m *machines) node(i int) netip.Addr     { return m.addr(1, byte(firstNode+i)) }
func (m *machines) remoting(i int) netip.Addr { return m.addr(0, byte(firstNode+i)) }
func (m *machines) runner(i int) []string     { return m.On(fmt.Sprint(i)) }
