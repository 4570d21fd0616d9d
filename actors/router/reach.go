package router

import (
	"net/netip"

	"github.com/actorsip/actorsip/message"
)

// legFor is the leg that reaches an address: by the most specific entry of reach, a port before none and a longer prefix
// before a shorter one; else the leg whose address the kernel would send from, or one that listens on all addresses, of
// several one without a reach; else the first of that family without a reach. why is for people.
func (r *router) legFor(to netip.AddrPort) (leg *message.Leg, why string) {
	if leg = r.reaching(to); leg != nil {
		return leg, "reach"
	}
	return r.byKernel(to, r.kernel.source(to.Addr()))
}

func (c *Config) reaching(to netip.AddrPort) (leg *message.Leg) {
	best := -1
	for i := range c.Rules {
		for _, e := range c.Rules[i].Reach {
			if !e.Prefix.Contains(to.Addr()) || e.Port != 0 && e.Port != to.Port() {
				continue
			}
			fit := e.Prefix.Bits()
			if e.Port != 0 {
				fit += 1 << 8
			}
			if fit > best {
				leg, best = c.Legs.All[i], fit
			}
		}
	}
	return leg
}

func (c *Config) byKernel(to netip.AddrPort, source netip.Addr) (leg *message.Leg, why string) {
	free := func(l *message.Leg) bool { return len(c.Rules[l.Index].Reach) == 0 }
	var from, any, family *message.Leg
	for _, l := range c.Legs.All {
		a := l.Addr.Addr()
		if a.Is4() != to.Addr().Is4() {
			continue
		}
		if a == source && (from == nil || !free(from) && free(l)) {
			from = l
		}
		if a.IsUnspecified() && (any == nil || !free(any) && free(l)) {
			any = l
		}
		if family == nil && free(l) {
			family = l
		}
	}
	switch {
	case from != nil:
		return from, "the kernel's route from " + source.String()
	case any != nil:
		return any, "it listens on all addresses"
	}
	return family, "the first leg of that address family without a reach"
}
