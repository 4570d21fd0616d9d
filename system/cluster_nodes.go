package system

import (
	"time"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"github.com/actorsip/actorsip/actors/remote"
	"github.com/actorsip/actorsip/cluster"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/telemetry"
)

// Self is part of remote.Nodes: the media place that this node has, or else itself.
func (n *nodes) Self() uint16 {
	if m := n.system.media; m != nil && m.place != nil && m.place.holds() {
		return m.place.id
	}
	return n.self
}

// Relays is part of remote.Nodes.
func (n *nodes) Relays(id uint16) bool {
	if id == n.Self() {
		m := n.system.media
		return m != nil && (m.place == nil || m.place.holds())
	}
	m := n.alive(id)
	return m != nil && m.Roles.Has(cluster.Media)
}

// Settling is part of remote.Nodes.
func (n *nodes) Settling(id uint16) bool {
	if id == 0 || id == n.Self() || n.Relays(id) {
		return false
	}
	return time.Duration(telemetry.Now())-time.Duration(n.joined.Load()) < settled || n.seats.moves(id)
}

// alive is the member of that id, nil when it is not there.
func (n *nodes) alive(id uint16) *cluster.Member {
	if c := n.now.Load(); c != nil {
		if m := c.ByID(id); m != nil && m.Alive {
			return m
		}
	}
	return nil
}

// ByName is part of remote.Nodes.
func (n *nodes) ByName(node string) uint16 { return cluster.ID(node) }

// Tell is part of remote.Nodes.
func (n *nodes) Tell(id uint16, path string, msg proto.Message) error {
	c := n.now.Load()
	if c == nil {
		return cluster.ErrAway
	}
	return c.Tell(c.ByID(id), path, msg)
}

// Meeting is part of remote.Nodes.
func (n *nodes) Meeting(id uint16) bool {
	m := n.alive(id)
	return m != nil && m.Meeting()
}

// Draining is part of remote.Nodes.
func (n *nodes) Draining() bool { return n.system.draining.Load() }

// Relay is part of remote.Nodes: this node, when it relays and takes new calls; else, and for a call that must leave another node, the one
// of those that do that a hash of the Call-ID prefers, so that all nodes send a call to the same one (rendezvous). When all of them drain,
// it is one that drains: nothing is refused for that. Only what leaves this node because it drains does not go to another such one. A node
// without media of its own waits for a media place that is on its way from one node to another.
func (n *nodes) Relay(callID []byte, not uint16) (owner uint16) {
	c := n.now.Load()
	if c == nil {
		return n.Self()
	}
	if not != 0 && n.seats.moves(not) {
		return not
	}
	relays := n.Relays(n.Self())
	if owner = n.choose(c, callID, not, false); owner == 0 && (not != n.Self() || !relays) {
		owner = n.choose(c, callID, not, true)
	}
	if owner == 0 && !relays {
		owner = n.seats.moving()
	}
	return owner
}

// choose is Relay among those that drain, or those that do not.
func (n *nodes) choose(c *cluster.Cluster, callID []byte, not uint16, drains bool) (owner uint16) {
	best := uint64(0)
	for _, m := range c.Members() {
		id := m.ID
		if m.Place != "" {
			id = cluster.PlaceID(m.Place)
		}
		switch holder := c.ByID(id); {
		case id == not || !m.Roles.Has(cluster.Media) || !m.Alive || m.Draining != drains, holder == nil || holder.Node != m.Node,
			m.ID == n.self && n.system.isFull():
			continue
		case m.ID == n.self && not == 0:
			return id
		}
		var d xxhash.Digest
		d.Reset()
		_, _ = d.WriteString(m.Node)
		_, _ = d.Write(callID)
		if h := d.Sum64(); owner == 0 || h > best {
			best, owner = h, id
		}
	}
	return owner
}

// elsewhere tells whether a connection is that of another node that is there.
func (s *System) elsewhere() func(node uint16) bool {
	if s.nodes == nil {
		return nil
	}
	return func(node uint16) bool { return node != s.nodes.self && s.nodes.alive(node) != nil }
}

// nodeID is how a node's id is made of its name; nil without a cluster.
func (s *System) nodeID() func(node string) uint16 {
	if s.nodes == nil {
		return nil
	}
	return cluster.ID
}

// remoteConfig is that of the room that asks other nodes. Its packets are a pool of its own.
func (s *System) remoteConfig() remote.Config {
	return remote.Config{
		Name: s.config.Node, Nodes: s.nodes, Legs: s.legs, Streams: s.streams, Emit: s.lanes[0].Emit, Pool: s.nodes.pool, Log: s.log,
	}
}

// newNodes is this node's place, before it joins.
func (s *System) newNodes() *nodes {
	counts := &message.Counts{}
	n := &nodes{
		system: s, self: cluster.ID(s.config.Node), pool: message.NewPool(s.config.Limits.Packets, s.config.Limits.MaxMessage, counts),
		known: map[string][]fact{}, met: make(chan struct{}), sums: sums{last: map[string]uint64{}, total: map[string]int64{}},
	}
	n.joined.Store(int64(telemetry.Now()))
	n.pool.Tracer = s.telemetry.Tracer()
	s.counts = append(s.counts, counts)
	return n
}
