package system

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actorsip/actorsip/actors/remote"
	"github.com/actorsip/actorsip/cluster"
	"github.com/actorsip/actorsip/etcd"
	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/telemetry"
)

// nodes is this node's place among the others. It is nil without a cluster.
type nodes struct {
	system *System
	self   uint16
	pool   *message.Pool                   // for packets of other nodes
	now    atomic.Pointer[cluster.Cluster] // nil between two lives
	loop   *loop.Handle
	met    chan struct{} // closed: SIP may be read
	joined atomic.Int64  // when it has joined, or was given up, by telemetry.Now: for a moment others may be there that it does not see
	sums   sums
	seats  seats

	telling sync.Mutex // one at a time says whether this node drains

	mu    sync.Mutex        // guards known: it is for when nodes come
	known map[string][]fact // legs of nodes that were here once, by node: their dialogs go on after them
}

// fact is what others must know of a leg of this node.
type fact struct {
	Name      string `json:"name"`
	Transport string `json:"transport"`
	Host      string `json:"host"`
	Port      uint16 `json:"port"`
}

// String is f for people.
func (f fact) String() string {
	return fmt.Sprintf("%s %s:%s", f.Name, f.Transport, net.JoinHostPort(strings.Trim(f.Host, "[]"), strconv.Itoa(int(f.Port))))
}

// allowed is what other nodes may tell this one.
func allowed() cluster.Allow {
	all := cluster.Allow{}
	for _, kind := range remote.Kinds() {
		all[kind] = []string{remote.Path}
	}
	return all
}

// joinCluster makes this process a node. A node that the others have given up joins again, as another life; one that begins while etcd
// is away joins when it is back.
func (s *System) joinCluster() error {
	if s.nodes == nil {
		return nil
	}
	c, err := s.nodes.join(context.Background())
	switch {
	case err == nil:
		s.nodes.now.Store(c)
		s.nodes.drain() // it may have been told before there was anybody to tell
	case s.shared.etcd == nil || s.shared.etcd.Away() == nil:
		return err
	default:
		s.log.Error("etcd is away: this node begins without the others, and joins when it is back", "error", err)
	}
	s.nodes.loop = loop.Start("cluster", s.nodes.stay, s.failed("cluster"))
	if c != nil {
		s.nodes.meet(c)
	}
	close(s.nodes.met)
	return nil
}

// settled is how long a node that joins may not have heard of all others: they find out that it is there again.
const settled = 2 * time.Second

// meet waits until all others are there, for a moment. Until then no SIP is read: a request of another node's call would be taken for
// one of nobody's.
func (n *nodes) meet(c *cluster.Cluster) {
	for deadline := time.Now().Add(settled); !n.all(c) && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
	}
	if !n.all(c) {
		n.system.log.Warn("this node begins without some of the others")
	}
	n.learn(c)
}

// all tells whether all nodes that are known of are there.
func (n *nodes) all(c *cluster.Cluster) bool {
	members, others := c.Members(), 0
	for _, p := range n.system.config.Cluster.Peers {
		if p != c.Self().Address {
			others++
		}
	}
	return len(members) > others && !slices.ContainsFunc(members, func(m cluster.Member) bool { return !m.Alive })
}

// await is false when stop comes before this node has met the others.
func (n *nodes) await(stop <-chan struct{}) bool {
	if n == nil {
		return true
	}
	select {
	case <-n.met:
		return true
	case <-stop:
		return false
	}
}

func (n *nodes) join(ctx context.Context) (*cluster.Cluster, error) {
	s := n.system
	cfg, err := s.config.clusterConfig()
	if err != nil {
		return nil, err
	}
	cfg.Log, cfg.Allow = s.log, allowed()
	if cfg.Facts, err = json.Marshal(s.facts()); err != nil {
		return nil, err
	}
	cfg.Failed = s.failed("cluster")
	c, err := cluster.Join(ctx, cfg, s.actors)
	if err == nil {
		n.joined.Store(int64(telemetry.Now()))
		c.Watch(func(_, _ []cluster.Member) { n.learn(c) })
		n.learn(c)
	}
	return c, err
}

// again is how long a node that was given up waits before it tries to join again, after a try that failed.
const again = time.Second

// stay joins again whenever the others have given this node up, and when it could not join so far.
func (n *nodes) stay(stop <-chan struct{}) {
	for {
		if c := n.now.Load(); c != nil {
			select {
			case <-stop:
				return
			case <-c.Fenced():
			}
			n.joined.Store(int64(telemetry.Now()))
			n.system.log.Warn("the other nodes have given this one up: it joins again")
			c.Leave()
		}
		for {
			c, err := n.join(etcd.Until(stop))
			if err == nil {
				n.now.Store(c)
				n.drain()
				break
			}
			n.system.log.Error("this node cannot join", "error", err)
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
	if c := s.nodes.now.Load(); c != nil {
		c.Leave()
	}
}

// facts are this node's legs.
func (s *System) facts() (all []fact) {
	for _, l := range s.legs.All {
		all = append(all, fact{l.Name, l.Transport.Param(), l.Host, l.Port})
	}
	return all
}

// learn takes up the legs of other nodes, of those that are gone as well: their calls go on here.
func (n *nodes) learn(c *cluster.Cluster) {
	n.seats.learn(c.Members(), time.Now())
	for _, f := range c.Former() {
		n.know(f.Node, f.Facts)
	}
	for _, m := range c.Members() {
		if m.Node != n.system.config.Node {
			n.know(m.Node, m.Facts)
		}
	}
}

func (n *nodes) know(node string, facts []byte) {
	var legs []fact
	if json.Unmarshal(facts, &legs) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[node] = legs
	var others []message.Other
	for _, legs := range n.known {
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
