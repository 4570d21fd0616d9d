package mediasession

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/actorsip/actorsip/relay"
)

// lease takes port pairs and writes them down at once.
func (g *page) lease(e relay.Engine, pool, pairs int) (relay.Lease, error) {
	l, err := e.Lease(pool, pairs)
	if err == nil {
		g.leases = append(g.leases, l)
	}
	return l, err
}

// sweep gives back what the call no longer names: relays first, then the ports that they used.
func (g *page) sweep(e relay.Engine) {
	ids, leases, used := g.named()
	g.relays = slices.DeleteFunc(g.relays, func(id relay.ID) bool {
		if ids[id] {
			return false
		}
		e.Stop(id)
		return true
	})
	g.leases = slices.DeleteFunc(g.leases, func(l relay.Lease) bool {
		if leases[l] || slices.ContainsFunc(used, func(u relay.Side) bool {
			return u.Pool == l.Pool && l.Port <= u.Port && u.Port < l.Port+uint16(2*l.Pairs)
		}) {
			return false
		}
		e.Return(l)
		return true
	})
}

func (g *page) named() (_ map[relay.ID]bool, _ map[relay.Lease]bool, used []relay.Side) {
	ids, leases := map[relay.ID]bool{}, map[relay.Lease]bool{}
	for _, p := range g.call.Passes {
		for _, l := range p.Ports {
			leases[l] = true
		}
		for _, d := range p.Dialogs {
			for _, l := range d.Ports {
				leases[l] = true
			}
			for _, r := range d.Relays {
				ids[r.id] = true
				used = append(used, r.rule.Sides[:]...)
			}
		}
	}
	return ids, leases, used
}

// release gives everything back.
func (g *page) release(e relay.Engine) {
	g.call = &call{ID: g.call.ID}
	g.sweep(e)
}

// read makes a page of what the journal has kept, and restores it. What cannot be read costs that call.
func (g *page) read(text []byte, cfg *Config) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it is damaged: %v", r)
		}
	}()
	c := &call{ID: g.call.ID}
	if err := json.Unmarshal(text, c); err != nil {
		return err
	}
	for _, p := range c.Passes {
		for _, d := range p.Dialogs {
			if d.Why < 0 || d.Why >= numEndings {
				return fmt.Errorf("it ends for a reason %d that is not known", d.Why)
			}
		}
	}
	g.call = c
	return g.restore(cfg)
}

// restore takes the ports of a call that an earlier process had, and starts its relays. For a while before and after it
// nothing could be heard: it is not to be taken for silence.
func (g *page) restore(cfg *Config) error {
	claim := func(leg string, leases []relay.Lease) error {
		site := cfg.site(leg)
		if site == nil {
			return fmt.Errorf("leg %q is gone", leg)
		}
		for i := range leases {
			if leases[i].Pairs == 0 {
				continue
			}
			leases[i].Pool = site.Pool // pools are numbered anew
			if err := cfg.Engine.Claim(leases[i]); err != nil {
				return err
			}
			g.leases = append(g.leases, leases[i])
		}
		return nil
	}
	for _, p := range g.call.Passes {
		if err := claim(p.Far, p.Ports); err != nil {
			return err
		}
		for _, d := range p.Dialogs {
			if err := claim(p.Near, d.Ports); err != nil {
				return err
			}
			d.Changed = time.Now()
			g.apply(cfg, p, d)
		}
	}
	return nil
}

// apply brings a dialog's relays in line with its descriptions. Relays that go on keep their counters and what they have
// learned of a side that stays where it was.
func (g *page) apply(cfg *Config, p *pass, d *dialog) {
	old := d.Relays
	d.Relays = nil
	for i := range max(len(d.Sides[near]), len(d.Sides[far])) {
		for k := range d.pairs(p, i) {
			s := stream{Line: i, Pair: k}
			if j := slices.IndexFunc(old, func(o stream) bool { return o.Line == i && o.Pair == k }); j >= 0 {
				s = old[j]
			}
			s.rule = d.rule(cfg, p, i, k)
			if s.id == 0 {
				s.rule.Locked = s.Locks
				s.id = cfg.Engine.Start(shard(g.call.ID), s.rule)
				g.relays = append(g.relays, s.id)
			} else {
				cfg.Engine.Read(s.id, &s.before)
				cfg.Engine.Change(s.id, s.rule)
			}
			d.Relays = append(d.Relays, s)
		}
	}
}

// pairs is how many pairs of ports of an m-line are relayed. One end may refuse it and send nevertheless (some hold with
// port 0), so it counts what the other one says.
func (d *dialog) pairs(p *pass, i int) int {
	n := 0
	for _, side := range d.Sides {
		if i < len(side) {
			n = max(n, side[i].Pairs)
		}
	}
	if i >= len(d.Ports) || i >= len(p.Ports) {
		return 0
	}
	return min(n, d.Ports[i].Pairs, p.Ports[i].Pairs)
}

func (d *dialog) rule(cfg *Config, p *pass, i, k int) (r relay.Rule) {
	leases := [2]relay.Lease{near: d.Ports[i], far: p.Ports[i]}
	for side := range r.Sides {
		s := &r.Sides[side]
		s.Pool, s.Port = leases[side].Pool, leases[side].Port+uint16(2*k)
		if i >= len(d.Sides[side]) {
			s.Signalled = p.Hop // it has not said anything yet, but may be heard
			continue
		}
		l := &d.Sides[side][i]
		r.Kind = max(r.Kind, l.Kind)
		s.Remote, s.RTCP, s.From = shifted(l.Remote, k), shifted(l.RTCP, k), shifted(l.From, k)
		s.Signalled, s.Believed = l.Signalled, l.Believed
		if other := d.Sides[1-side]; i < len(other) { // what one end may send is what the other end has listed (RFC 3264 §5.1)
			s.Types, s.Rates = other[i].Types, other[i].Rates
		}
	}
	return r
}
