package system

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"time"
)

// checkMedia reports what is wrong with the media section and with the media of the legs.
func (c Config) checkMedia(report func(path, text string)) {
	m := c.Media
	lasts := func(path string, value, low, high time.Duration, write string) {
		if value < low || value > high {
			report(path, fmt.Sprintf("%v is out of range; write %s", value, write))
		}
	}
	if fault := m.ports().fault(); fault != "" {
		report("media.ports", fault)
	}
	within(report, "media.max_sessions", m.MaxSessions, 0, 1000000)
	within(report, "media.max_streams_per_session", m.MaxStreams, 0, 64)
	lasts("media.unused", m.Unused, time.Second, 24*time.Hour, "1s to 24h")
	lasts("media.silent", m.Silent, time.Second, 24*time.Hour, "1s to 24h")
	lasts("media.closed", m.Closed, 100*time.Millisecond, time.Minute, "100ms to 1m")
	within(report, "media.workers", m.Workers, 0, 64)
	if m.Journal != "" && filepath.Clean(m.Journal) == filepath.Clean(c.KeyFile) {
		report("media.journal", fmt.Sprintf("%s is the key file; write another name, as media.db", quoted(m.Journal)))
	}
	c.checkSharedPlace(report)
	for i, l := range c.Legs {
		c.checkLegMedia(fmt.Sprintf("legs[%d].media", i), l, report)
	}
	if m.Relay {
		c.checkSharedPorts(report)
		c.checkSIPPorts(report)
	}
}

// checkSharedPlace refuses a media place that no other node could go on with.
func (c Config) checkSharedPlace(report func(path, text string)) {
	const path = "media.shared"
	switch name := c.Media.Shared; {
	case name == "":
	case !clusterName.MatchString(name):
		report(path, fmt.Sprintf("%s is no name of a media place; %s", quoted(name), writeClusterName))
	case !c.shares():
		report(path, "the nodes of a media place know one another's calls by etcd, and there is none; write cluster: {etcd: {endpoints: [HOST:PORT]}}, or leave it out")
	}
}

// checkLegMedia looks at one leg by itself. What is empty is needed only to relay.
func (c Config) checkLegMedia(path string, l Leg, report func(path, text string)) {
	m, listen := l.Media, l.Listen.Addr()
	switch {
	case m.Address.IsValid():
		if m.Address != listen || listen.IsUnspecified() { // else it is looked at as such
			checkMediaAddress(path+".address", m.Address, report)
		}
	case !c.Media.Relay || !listen.IsValid():
	case c.Media.Shared != "":
		report(path+".address", fmt.Sprintf("the nodes of the media place %s have one address for the media of this leg, which moves between them; "+
			"write media: {address: ADDRESS}", quoted(c.Media.Shared)))
	case listen.IsUnspecified():
		report(path+".address", "the leg listens on every address, so its media would have none to come to; "+
			"write media: {address: ADDRESS}, one of this machine")
	default:
		report(path+".address", fmt.Sprintf("the leg has no address for its media; write one, as %v", listen))
	}
	switch near := m.Address; {
	case m.Advertise.IsValid():
		if m.Advertise != m.Address {
			checkMediaAddress(path+".advertise", m.Advertise, report)
		}
		if !near.IsValid() {
			near = listen // which it would be
		}
		if near.IsValid() && m.Advertise.Unmap().Is4() != near.Unmap().Is4() {
			report(path+".advertise", fmt.Sprintf("%q is %s, but the media ports are bound on %s; write an address of that family",
				m.Advertise, family(m.Advertise.Unmap()), family(near.Unmap())))
		}
	case c.Media.Relay && m.Address.IsValid():
		report(path+".advertise", fmt.Sprintf("session descriptions would have no address; write one, as %v", m.Address))
	}
	switch r := m.ports(); {
	case r == portRange{} && !c.Media.Relay, r == c.Media.ports():
	default:
		if fault := r.fault(); fault != "" {
			report(path+".ports", fault)
		}
	}
}

func checkMediaAddress(path string, a netip.Addr, report func(path, text string)) {
	switch {
	case a.Is4In6():
		report(path, fmt.Sprintf("%q is IPv4 written as IPv6; write %v", a, a.Unmap()))
	case a.Zone() != "":
		report(path, fmt.Sprintf("%q has a zone, which has no meaning on other machines; write an address without %%%s", a, a.Zone()))
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		report(path, fmt.Sprintf("%q is no address of one machine; write one that is", a))
	case a.IsUnspecified():
		report(path, fmt.Sprintf("%q is every address, and nobody can send media there; write one address", a))
	}
}

// checkSharedPorts refuses legs of one address whose ports are partly the same: a port belongs to one pool.
func (c Config) checkSharedPorts(report func(path, text string)) {
	for i, l := range c.Legs {
		for _, first := range c.Legs[:i] {
			a, b := l.Media, first.Media
			if !a.Address.IsValid() || a.Address != b.Address || a.ports() == b.ports() || !a.ports().meets(b.ports()) ||
				a.ports().fault() != "" || b.ports().fault() != "" {
				continue
			}
			report(fmt.Sprintf("legs[%d].media.ports", i), fmt.Sprintf(
				"%v and the ports %v of the leg %s, on the same address %v, are partly the same; write the same range for both, or ranges apart",
				a.ports(), b.ports(), first.Name, a.Address))
			break
		}
	}
}

// checkSIPPorts refuses the port that a leg listens on among the media ports of its address.
func (c Config) checkSIPPorts(report func(path, text string)) {
	for _, sip := range c.Legs {
		if sip.Transport.IsStream() {
			continue // a TCP port is not the UDP port of that number
		}
		for i, l := range c.Legs {
			a, r := l.Media.Address, l.Media.ports()
			listen, port := sip.Listen.Addr(), sip.Listen.Port()
			same := a == listen || listen.IsValid() && listen.IsUnspecified() && listen.Is4() == a.Is4()
			if !a.IsValid() || !same || r.fault() != "" || !r.holds(port) {
				continue
			}
			path := "media.ports"
			if r != c.Media.ports() {
				path = fmt.Sprintf("legs[%d].media.ports", i)
			}
			report(path, fmt.Sprintf("%v holds the port %d, on which the leg %s listens for SIP; write a range without it", r, port, sip.Name))
			break
		}
	}
}
