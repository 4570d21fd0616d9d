package system

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"github.com/actorsip/actorsip/actors/remote"
	"github.com/actorsip/actorsip/cluster"
	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/sipwire"
)

// nodes is this node's place among the others. It is nil without a cluster.
type nodes struct {
	system *System
	self   uint16
	pool   *message.Pool                   // for packets of other nodes
	now    atomic.Pointer[cluster.Cluster] // nil between two lives
	loop   *loop.Handle
	known  map[string][]fact // legs of nodes that were here once, by node: their dialogs go on after them; the watcher's
}

// fact is what others must know of a leg of this node.
type fact struct {
	Name      string `json:"name"`
	Transport string `json:"transport"`
	Host      string `json:"host"`
	Port      uint16 `json:"port"`
}

// allowed is what other nodes may tell this one.
func allowed() cluster.Allow {
	all := cluster.Allow{}
	for _, kind := range remote.Kinds() {
		all[kind] = []string{remote.Path}
	}
	return all
}

// joinCluster makes this process a node. A node that the others have given up joins again, as another life.
func (s *System) joinCluster() error {
	if s.nodes == nil {
		return nil
	}
	c, err := s.nodes.join(context.Background())
	if err != nil {
		return err
	}
	s.nodes.now.Store(c)
	s.nodes.loop = loop.Start("cluster", s.nodes.stay, func(e loop.Ended) {
		if e.Panic != nil {
			s.restarts.Note(actor.NewPID("", root+"/cluster"), room.Panic{Value: e.Panic, Stack: e.Stack}, e)
		}
	})
	return nil
}

func (n *nodes) join(ctx context.Context) (*cluster.Cluster, error) {
	s := n.system
	cfg, err := s.config.Cluster.config(s.config.Node)
	if err != nil {
		return nil, err
	}
	cfg.Log, cfg.Allow = s.log, allowed()
	if cfg.Facts, err = json.Marshal(s.facts()); err != nil {
		return nil, err
	}
	cfg.Failed = func(e loop.Ended) {
		s.restarts.Note(actor.NewPID("", root+"/cluster"), room.Panic{Value: e.Panic, Stack: e.Stack}, e)
	}
	c, err := cluster.Join(ctx, cfg, s.actors)
	if err == nil {
		c.Watch(func(_, members []cluster.Member) { n.learn(members) })
		n.learn(c.Members())
	}
	return c, err
}

// again is how long a node that was given up waits before it tries to join again, after a try that failed.
const again = time.Second

// stay joins again whenever the others have given this node up.
func (n *nodes) stay(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-n.now.Load().Fenced():
		}
		n.system.log.Warn("the other nodes have given this one up: it joins again")
		n.now.Load().Leave()
		for {
			c, err := n.join(context.Background())
			if err == nil {
				n.now.Store(c)
				break
			}
			n.system.log.Error("this node cannot join again", "error", err)
			select {
			case <-stop:
				return
			case <-time.After(again):
			}
		}
	}
}

func (s *System) leaveCluster() {
	if s.nodes == nil || s.nodes.loop == nil {
		return
	}
	s.nodes.loop.Stop()
	s.nodes.now.Load().Leave()
}

// facts are this node's legs.
func (s *System) facts() (all []fact) {
	for _, l := range s.legs.All {
		all = append(all, fact{l.Name, l.Transport.Param(), l.Host, l.Port})
	}
	return all
}

// learn takes up the legs of other nodes. Those of nodes that are gone stay known: their calls go on here.
func (n *nodes) learn(members []cluster.Member) {
	for _, m := range members {
		var legs []fact
		if m.Node != n.system.config.Node && json.Unmarshal(m.Facts, &legs) == nil {
			n.know(m.Node, legs)
		}
	}
}

func (n *nodes) know(node string, legs []fact) {
	known := map[string][]fact{node: legs}
	for k, v := range n.known {
		if k != node {
			known[k] = v
		}
	}
	n.known = known
	var others []message.Other
	for _, legs := range known {
		for _, f := range legs {
			here := n.system.legs.Named(f.Name)
			t, ok := sipwire.ParseTransport([]byte(f.Transport))
			if here == nil || !ok {
				continue
			}
			o := message.Other{Leg: here, Transport: t, Host: f.Host, Port: f.Port}
			o.Addr, _ = sipwire.ParseAddr([]byte(f.Host))
			others = append(others, o)
		}
	}
	n.system.legs.SetOthers(others)
}

// Self is part of remote.Nodes.
func (n *nodes) Self() uint16 { return n.self }

// Alive is part of remote.Nodes.
func (n *nodes) Alive(id uint16) bool {
	c := n.now.Load()
	if c == nil {
		return false
	}
	m := c.ByID(id)
	return m != nil && m.Alive
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

// Relay is part of remote.Nodes: this node, when it relays and takes new calls; else the one of those that do that a hash of the
// Call-ID prefers, so that all nodes send a call to the same one (rendezvous).
func (n *nodes) Relay(callID []byte) uint16 {
	c := n.now.Load()
	if c == nil {
		return n.self
	}
	members := c.Members()
	takes := func(m cluster.Member) bool { return m.Roles.Has(cluster.Media) && m.Alive && !m.Draining }
	if i := slices.IndexFunc(members, func(m cluster.Member) bool { return m.ID == n.self }); i >= 0 && takes(members[i]) {
		return n.self
	}
	best, owner := uint64(0), uint16(0)
	for _, m := range members {
		if !takes(m) {
			continue
		}
		var d xxhash.Digest
		d.Reset()
		_, _ = d.WriteString(m.Node)
		_, _ = d.Write(callID)
		if h := d.Sum64(); owner == 0 || h > best {
			best, owner = h, m.ID
		}
	}
	return owner
}

// elsewhere tells whether a connection is that of another node that is there.
func (s *System) elsewhere() func(node uint16) bool {
	if s.nodes == nil {
		return nil
	}
	return func(node uint16) bool { return node != s.nodes.self && s.nodes.Alive(node) }
}

// remoteConfig is that of the room that asks other nodes. Its packets are a pool of its own.
func (s *System) remoteConfig() remote.Config {
	return remote.Config{
		Name: s.config.Node, Nodes: s.nodes, Legs: s.legs, Streams: s.streams, Pool: s.nodes.pool, Relays: s.media != nil, Log: s.log,
	}
}

// newNodes is this node's place, before it joins.
func (s *System) newNodes() *nodes {
	counts := &message.Counts{}
	n := &nodes{system: s, self: cluster.ID(s.config.Node), pool: message.NewPool(s.config.Limits.Packets, s.config.Limits.MaxMessage, counts)}
	n.pool.Tracer = s.telemetry.Tracer()
	s.counts = append(s.counts, counts)
	return n
}
