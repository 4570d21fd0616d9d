package cluster

import (
	"fmt"
	"maps"
	"time"
)

// run owns the roster: it beats, and does what others leave.
func (c *Cluster) run(stop <-chan struct{}) {
	tick := time.NewTicker(c.cfg.Beat)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			close(c.over)
			return
		case <-tick.C:
			c.safely("cluster", func() { c.roster.tick(time.Now()); c.publish(); c.beat(false); c.complain(c.view.Load()) })
		case f := <-c.events:
			c.safely("cluster", f)
		}
	}
}

// heard takes a beat.
func (c *Cluster) heard(b *beat) {
	answer := c.roster.hear(b, time.Now())
	if _, known := c.answers[b.Address]; answer && (known || len(c.answers) < mostAnswers) {
		c.answers[b.Address] = time.Now().Add(answerFor)
	}
	if l := c.links[b.Address]; l != nil {
		l.retry() // who can be heard can be reached
	}
	before := len(c.Members())
	c.publish()
	if len(c.Members()) > before {
		c.beat(false) // who is new need not wait to see this node
	}
}

// member is what a card says of a node.
func (c *card) member(alive bool, l *link) Member {
	return Member{
		Node: c.Node, ID: ID(c.Node), Life: c.Life, Address: c.Address, Roles: c.roles(), Facts: c.Facts,
		Place: c.Place, Holds: c.Holds, Draining: c.Draining, Alive: alive, link: l,
	}
}

// self is this node as a member.
func (c *Cluster) self() Member {
	return c.roster.own.member(true, nil)
}

// publish makes what the roster says known, if it is new.
func (c *Cluster) publish() {
	r := c.roster
	members := []Member{c.self()}
	if r.fenced == "" {
		for _, e := range r.members {
			members = append(members, e.card.member(e.alive, c.link(e.Address)))
		}
	}
	old := c.view.Load()
	gone := old.gone
	if c.turn != r.turn {
		c.turn, gone = r.turn, make(map[string]struct{}, len(r.gone))
		for life := range r.gone {
			gone[life] = struct{}{}
		}
		old = &view{members: old.members, former: old.former, byID: old.byID, gone: gone}
		c.view.Store(old)
	}
	if next := newView(members, r.latest(), gone); !old.same(next) {
		c.view.Store(next)
		c.prune()
		c.changed(old.members, next.members)
	}
	if why := r.fenced; why != "" && c.why.CompareAndSwap(nil, &why) {
		c.cfg.Log.Error("this node is out of the cluster: it gives up what it owns and must join again", "reason", why)
		close(c.fenced)
	}
}

// complain says what is wrong with names, once.
func (c *Cluster) complain(v *view) {
	said := ""
	if a, b, id := v.sameID(); a != "" {
		said = fmt.Sprintf("%s and %s have the same id %d: give one of them another name", a, b, id)
	} else if c.roster.namesake != "" {
		said = fmt.Sprintf("another node, at %s, goes by the name %s", clip(c.roster.namesake), c.cfg.Node)
	}
	if said != "" && said != c.said {
		c.cfg.Log.Error("names of nodes must be unique", "error", said)
	}
	c.said = said
}

// link is the link to an address; it is made when there is none.
func (c *Cluster) link(addr string) *link {
	l := c.links[addr]
	if l == nil {
		l = c.caller.link(addr)
		c.links[addr] = l
	}
	return l
}

// wanted are the addresses that beats go to.
func (c *Cluster) wanted() map[string]bool {
	all := map[string]bool{}
	if c.roster.fenced != "" {
		return all
	}
	for _, p := range c.cfg.Peers {
		all[p] = p != c.cfg.Advertise
	}
	for _, e := range c.roster.members {
		all[e.Address] = true
	}
	for addr := range c.answers {
		all[addr] = true
	}
	maps.DeleteFunc(all, func(_ string, wanted bool) bool { return !wanted })
	return all
}

// prune ends the links that nobody needs.
func (c *Cluster) prune() {
	wanted := c.wanted()
	for addr, l := range c.links {
		if !wanted[addr] {
			l.quit()
			delete(c.links, addr)
		}
	}
}

// beat tells the others that this node lives.
func (c *Cluster) beat(leaving bool) {
	now := time.Now()
	for addr, until := range c.answers {
		if now.After(until) {
			delete(c.answers, addr)
		}
	}
	c.prune()
	b := c.roster.beat()
	b.Leaving = leaving
	x, err := b.letter()
	if err != nil {
		c.cfg.Log.Error("this node cannot say that it lives", "error", err)
		return
	}
	for addr := range c.wanted() {
		c.link(addr).beat(x)
	}
}
