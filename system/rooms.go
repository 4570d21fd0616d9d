package system

import (
	"sort"

	"github.com/actorsip/actorsip/actors/contact"
	"github.com/actorsip/actorsip/actors/leg"
	"github.com/actorsip/actorsip/actors/router"
)

// The rooms' own configurations, made from the file's.

func (s *System) legConfig(lane int) leg.Config {
	c := leg.Config{
		Legs: s.legs, Keys: s.ring, Bans: s.chain.bans, Trusted: s.config.Trusted, Chain: s.chainOf(lane), Streams: s.streams, Peers: s.guest,
		MaxForwards: s.config.MaxForwards, Forced: s.config.Telemetry.forced(),
	}
	if s.nodes != nil {
		c.Node, c.Relay = s.nodes.self, func(callID []byte) uint16 { return s.nodes.Relay(callID, 0) }
	}
	return c
}

// node is this node's id, 0 without a cluster.
func (s *System) node() uint16 {
	if s.nodes == nil {
		return 0
	}
	return s.nodes.self
}

func (s *System) contactConfig() contact.Config {
	return contact.Config{Legs: s.legs, Keys: s.ring, Always: s.config.Contact == Always}
}

func (s *System) routerConfig() router.Config {
	c := s.config.routing()
	c.Legs, c.Resolver, c.Streams, c.Elsewhere = s.legs, s.resolver, s.streams, s.elsewhere()
	return c
}

// routing is the router's part of the file. Its URIs were checked when the file was read.
func (c Config) routing() router.Config {
	r := router.Config{Waiting: c.Limits.Waiting, Outbound: next(c.OutboundProxy), Large: c.LargeRequests == LargeAuto}
	r.Seal = map[Rewrite]router.Seal{
		Crossing: router.SealCrossing, Always: router.SealAlways, Never: router.SealNever,
	}[c.Contact]
	for _, h := range c.NextHops {
		r.NextHops = append(r.NextHops, router.NextHop{Domain: h.Domain, Target: *next(h.URI)})
	}
	for _, l := range c.Legs {
		rules := router.Rules{Domains: l.Domains, Proxy: next(l.Proxy)}
		for _, e := range l.Reach {
			rules.Reach = append(rules.Reach, router.Reach(e))
		}
		for _, p := range l.Prefixes {
			rules.Prefixes = append(rules.Prefixes, router.Prefix(p))
		}
		sort.SliceStable(rules.Prefixes, func(i, j int) bool {
			return len(rules.Prefixes[i].Digits) > len(rules.Prefixes[j].Digits)
		})
		r.Rules = append(r.Rules, rules)
	}
	return r
}

// next is the next hop of a URI, nil for none.
func next(uri string) *router.Target {
	if t, ok := router.ParseTarget(uri); ok {
		return &t
	}
	return nil
}
