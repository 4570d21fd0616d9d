package router

import (
	"net/netip"
	"testing"
	"time"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/target"
)

type bound struct {
	name, addr string
	reach      []Reach
}

func reach(prefix string, port uint16) Reach {
	return Reach{Prefix: netip.MustParsePrefix(prefix), Port: port}
}

func configOf(legs ...bound) *Config {
	c := &Config{}
	var all []*message.Leg
	for _, l := range legs {
		all = append(all, message.NewLeg(l.name, sipwire.UDP, netip.MustParseAddrPort(l.addr), "", 0))
		c.Rules = append(c.Rules, Rules{Reach: l.reach})
	}
	c.Legs = message.NewLegs(all)
	return c
}

func TestTheMostSpecificReachWins(t *testing.T) {
	c := configOf(
		bound{"wide", "10.0.0.1:5060", []Reach{reach("10.0.0.0/8", 0), reach("192.168.0.0/16", 0)}},
		bound{"narrow", "10.0.0.2:5060", []Reach{reach("10.1.0.0/16", 0), reach("10.0.0.9/32", 0)}},
		bound{"port", "10.0.0.3:5060", []Reach{reach("10.0.0.9/32", 5070), reach("172.16.0.0/12", 5070)}},
		bound{"six", "[2001:db8::1]:5060", []Reach{reach("2001:db8::/32", 0)}},
		bound{"six too", "[2001:db8::2]:5060", []Reach{reach("2001:db8:1::/48", 0), reach("2001:db8::5/128", 5060)}},
		bound{"again", "10.0.0.4:5060", []Reach{reach("10.0.0.0/8", 0)}},
		bound{"none", "10.0.0.5:5060", nil},
	)
	for to, want := range map[string]string{
		"10.9.9.9:5060":           "wide", // and "again": the first one
		"10.1.2.3:5060":           "narrow",
		"10.0.0.9:5060":           "narrow",
		"10.0.0.9:5070":           "port",
		"172.16.3.4:5070":         "port", // a port before any prefix
		"172.16.3.4:5060":         "",
		"192.168.255.255:1":       "wide",
		"192.169.0.0:1":           "",
		"[2001:db8::1:1]:5060":    "six",
		"[2001:db8:1::1]:5060":    "six too",
		"[2001:db8::5]:5060":      "six too",
		"[2001:db8::5]:5061":      "six",
		"[2001:db9::5]:5060":      "",
		"[::ffff:10.1.2.3]:5060":  "", // no socket is bound to such an address
		"[2002:a01:203::5]:50600": "",
	} {
		got := ""
		if l := c.reaching(udpTo(to)); l != nil {
			got = l.Name
		}
		if got != want {
			t.Errorf("%s is reached by %q, want %q", to, got, want)
		}
	}
}

// A leg with a reach delivers to nothing else.
func TestTheKernelChoosesAmongLegsWithoutAReach(t *testing.T) {
	limited := []Reach{reach("10.0.0.0/8", 0)}
	for _, c := range []struct {
		name     string
		legs     []bound
		to, from string // the address that the kernel would send from; empty when there is no route
		want     string
	}{
		{"by the source", []bound{{"a", "10.0.0.1:5060", nil}, {"b", "10.0.0.2:5060", nil}}, "192.0.2.1:5060", "10.0.0.2", "b"},
		{"by the source before all addresses", []bound{{"all", "0.0.0.0:5060", nil}, {"b", "10.0.0.2:5070", nil}}, "192.0.2.1:5060", "10.0.0.2", "b"},
		{"all addresses", []bound{{"a", "10.0.0.1:5060", nil}, {"all", "0.0.0.0:5070", nil}}, "192.0.2.1:5060", "10.0.0.9", "all"},
		{"the first of the family", []bound{{"six", "[2001:db8::1]:5060", nil}, {"a", "10.0.0.1:5060", nil}, {"b", "10.0.0.2:5060", nil}}, "192.0.2.1:5060", "10.0.0.9", "a"},
		{"no route", []bound{{"a", "10.0.0.1:5060", nil}}, "192.0.2.1:5060", "", "a"},
		{"a reach is a limit", []bound{{"a", "10.0.0.1:5060", limited}}, "192.0.2.1:5060", "10.0.0.1", ""},
		{"of two on one address the one without a reach", []bound{{"a", "10.0.0.1:5060", limited}, {"b", "10.0.0.1:5070", nil}}, "192.0.2.1:5060", "10.0.0.1", "b"},
		{"a reach limits all addresses too", []bound{{"all", "0.0.0.0:5060", limited}, {"b", "10.0.0.2:5060", nil}}, "192.0.2.1:5060", "10.0.0.9", "b"},
		{"another family", []bound{{"a", "10.0.0.1:5060", nil}}, "[2001:db8::9]:5060", "2001:db8::1", ""},
		{"all addresses of another family", []bound{{"all", "0.0.0.0:5060", nil}}, "[2001:db8::9]:5060", "2001:db8::1", ""},
		{"IPv6", []bound{{"a", "10.0.0.1:5060", nil}, {"six", "[2001:db8::1]:5060", nil}}, "[2001:db8::9]:5060", "2001:db8::1", "six"},
		{"all addresses of IPv6", []bound{{"a", "10.0.0.1:5060", nil}, {"six", "[::]:5060", nil}}, "[2001:db8::9]:5060", "2001:db8::1", "six"},
	} {
		var from netip.Addr
		if c.from != "" {
			from = netip.MustParseAddr(c.from)
		}
		leg, why := configOf(c.legs...).byKernel(udpTo(c.to), from)
		got := ""
		if leg != nil {
			got = leg.Name
		}
		if got != c.want || leg != nil && why == "" {
			t.Errorf("%s: leg %q because of %q, want %q", c.name, got, why, c.want)
		}
	}
}

func TestTheKernelIsAskedForItsRoute(t *testing.T) {
	k := newKernel()
	for _, addr := range []string{"127.0.0.1", "127.9.9.9", "::1"} {
		to := netip.MustParseAddr(addr)
		if got := k.source(to); !got.IsLoopback() || got.Is4() != to.Is4() {
			t.Errorf("to %s it sends from %v", addr, got)
		}
	}
	if got := k.source(netip.MustParseAddr("255.255.255.255")); got.IsValid() && !got.Is4() {
		t.Errorf("to everybody it sends from %v", got)
	}
}

// What the kernel said is kept for a while, for many peers but not for any number of them.
func TestTheKernelsRoutesAreForgotten(t *testing.T) {
	k := newKernel()
	to, other := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.77")
	k.sources[to] = source{addr: other, until: time.Now().Add(time.Hour)}
	if k.source(to) != other {
		t.Error("it was asked again though it has just said")
	}
	k.sources[to] = source{addr: other, until: time.Now()}
	if k.source(to) == other {
		t.Error("it was not asked again")
	}
	addr := netip.MustParseAddr("10.0.0.0")
	for len(k.sources) < maxRoutes {
		k.sources[addr] = source{until: time.Now().Add(time.Hour)}
		addr = addr.Next()
	}
	k.source(netip.MustParseAddr("127.0.0.2"))
	if len(k.sources) > maxRoutes {
		t.Errorf("%d routes are kept", len(k.sources))
	}
}

func TestAReachComesBeforeTheKernel(t *testing.T) {
	c := configOf(
		bound{"a", "127.0.0.1:5060", nil},
		bound{"b", "127.0.0.2:5060", []Reach{reach("127.0.0.9/32", 5070)}},
	)
	r := &router{Config: *c, kernel: newKernel()}
	for to, want := range map[string]string{"127.0.0.9:5070": "b", "127.0.0.9:5060": "a"} {
		leg, why := r.legFor(udpTo(to))
		if leg.Name != want {
			t.Errorf("%s is reached by %s because of %q", to, leg.Name, why)
		}
	}
}

func udpTo(addr string) target.Hop {
	return target.Hop{Transport: sipwire.UDP, Addr: netip.MustParseAddrPort(addr)}
}
