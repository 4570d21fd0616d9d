package cluster

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
)

// Members are all nodes, sorted by name, this one with them. The slice never changes.
func (c *Cluster) Members() []Member { return c.view.Load().members }

// ByID is the member whose name has that id; nil for none.
func (c *Cluster) ByID(id uint16) *Member { return c.view.Load().byID[id] }

// Self is this node.
func (c *Cluster) Self() Member {
	members := c.Members()
	return members[slices.IndexFunc(members, func(m Member) bool { return m.Node == c.cfg.Node })]
}

// Tell has the room at path on another node hear msg. It never blocks. ErrAway: the node is gone or cannot be reached, or too much waits
// for it, and msg was not sent; it is this node itself. No error: it was sent or waits to be; it is lost when the connection breaks
// meanwhile.
func (c *Cluster) Tell(m *Member, path string, msg proto.Message) error {
	if m == nil || m.link == nil || c.why.Load() != nil {
		return ErrAway
	}
	data, err := proto.Marshal(msg)
	if err != nil {
		return err
	}
	if len(data) > maxMessage {
		return fmt.Errorf("a message for %s has %d bytes; it may have %d", m.Node, len(data), maxMessage)
	}
	return m.link.tell(letter{target: path, kind: string(proto.MessageName(msg)), data: data})
}

// SetDraining has the others know whether this node takes anything new.
func (c *Cluster) SetDraining(draining bool) {
	c.change(func(own *card) { own.Draining = draining })
}

// SetFacts has the others know something else of this node than Config.Facts.
func (c *Cluster) SetFacts(facts []byte) error {
	if len(facts) > MaxFacts {
		return errTooManyFacts
	}
	c.change(func(own *card) { own.Facts = slices.Clone(facts) })
	return nil
}

// change has the others know another card of this node.
func (c *Cluster) change(f func(own *card)) {
	c.do(func() {
		own := &c.roster.own
		f(own)
		own.Version++
		if g := c.register.Load(); g != nil {
			g.change(*own)
		}
		c.publish()
		c.beat(false)
	})
}

// Fenced is closed when this node was given up by the others: it must give up what it owns, Leave and Join again.
func (c *Cluster) Fenced() <-chan struct{} { return c.fenced }

// Leave tells the others that this node leaves, and ends. It may be called more than once, but not by who watches.
func (c *Cluster) Leave() { c.leave.Do(c.end) }

func (c *Cluster) end() {
	done := make(chan struct{})
	told := c.do(func() {
		defer close(done)
		if c.roster.fenced == "" {
			c.beat(true)
		}
	})
	if told {
		<-done
	}
	c.loops[1].Stop() // nobody but this goroutine touches what was the owner's now
	if g := c.register.Load(); g != nil {
		g.close(c.roster.fenced == "")
	}
	for _, l := range c.links {
		l.finish()
	}
	c.caller.links.Wait()
	c.server.Stop()
	for _, h := range c.loops {
		h.Stop()
	}
}

// Status is what an operator wants to know.
type Status struct {
	Node, Life string
	Fenced     string // why this node is out; empty while it is not
	Members    []Member
	Links      []LinkStatus
	Taken      uint64            // messages told to rooms here by other nodes
	Refused    map[string]uint64 // by reason
	Etcd       time.Time         // when it renewed this node's lease; zero without etcd, and before it has
}

// LinkStatus is a link to a member.
type LinkStatus struct {
	Node, Address string
	Up            bool
	Queued        int    // messages
	Sent, Lost    uint64 // messages
}

// Status is how it stands now.
func (c *Cluster) Status() Status {
	self := c.Self()
	s := Status{Node: self.Node, Life: self.Life, Members: c.Members(), Taken: c.taken.Load(), Refused: c.refused.counts()}
	if why := c.why.Load(); why != nil {
		s.Fenced = *why
	}
	if g := c.register.Load(); g != nil && g.contact.Load() > 0 {
		s.Etcd = time.Now().Add(time.Duration(g.contact.Load() - g.now()))
	}
	for _, m := range s.Members {
		if l := m.link; l != nil {
			s.Links = append(s.Links, LinkStatus{
				Node: m.Node, Address: m.Address, Up: l.state.Load() == up, Queued: len(l.queue), Sent: l.sent.Load(), Lost: l.lost.Load(),
			})
		}
	}
	return s
}
