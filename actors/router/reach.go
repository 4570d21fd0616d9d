package router

import (
	"net/netip"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/target"
)

// legFor is the leg of the hop's transport that reaches its address: by the most specific entry of reach, a port before none and a longer prefix
// before a shorter one. A leg with a reach delivers to nothing else; of those without one it is the leg whose address
// the kernel would send from, else one that listens on all addresses, else the first of that family. why is for people.
func (r *router) legFor(hop target.Hop) (leg *message.Leg, why string) {
	if leg = r.reaching(hop); leg != nil {
		return leg, "reach"
	}
	return r.byKernel(hop, r.kernel.source(hop.Addr.Addr()))
}

func (c *Config) reaching(hop target.Hop) (leg *message.Leg) {
	best, to := -1, hop.Addr
	for i := range c.Rules {
		if c.Legs.All[i].Transport != hop.Transport {
			continue
		}
		for _, e := range c.Rules[i].Reach {
			if fit := e.fit(to); fit > best {
				leg, best = c.Legs.All[i], fit
			}
		}
	}
	return leg
}

// fit is -1 for an address that the entry does not cover, else higher the more specific it is.
func (e Reach) fit(to netip.AddrPort) int {
	switch {
	case !e.Prefix.Contains(to.Addr()) || e.Port != 0 && e.Port != to.Port():
		return -1
	case e.Port != 0:
		return e.Prefix.Bits() + 1<<8
	}
	return e.Prefix.Bits()
}

// reaches tells whether a leg that is named delivers to an address: one with a reach to nothing else; one without to
// what the kernel sends from its address, or from no leg's.
func (r *router) reaches(leg *message.Leg, to netip.AddrPort) bool {
	reach := r.Rules[leg.Index].Reach
	for _, e := range reach {
		if e.fit(to) >= 0 {
			return true
		}
	}
	if len(reach) > 0 || r.reaching(target.Hop{Transport: leg.Transport, Addr: to}) != nil {
		return false
	}
	source := r.kernel.source(to.Addr())
	for _, l := range r.Legs.All {
		if l.Transport == leg.Transport && l.Addr.Addr() == source && leg.Addr.Addr() != source && !leg.Addr.Addr().IsUnspecified() {
			return false
		}
	}
	return true
}

func (c *Config) byKernel(hop target.Hop, source netip.Addr) (leg *message.Leg, why string) {
	var any, first *message.Leg
	for i, l := range c.Legs.All {
		a := l.Addr.Addr()
		switch {
		case l.Transport != hop.Transport || a.Is4() != hop.Addr.Addr().Is4() || len(c.Rules[i].Reach) > 0:
		case a == source:
			return l, "the kernel's route from " + source.String()
		case a.IsUnspecified() && any == nil:
			any = l
		case first == nil:
			first = l
		}
	}
	if any != nil {
		return any, "it listens on all addresses"
	}
	return first, "the first leg of that transport and address family without a reach"
}
