package system

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/actorsip/actorsip/cluster"
	"github.com/actorsip/actorsip/telemetry"
)

// ClusterStatus is what GET /cluster says, and the cluster part of Status.
type ClusterStatus struct {
	Name     string            `json:"name"`
	Node     string            `json:"node"`
	Life     string            `json:"life"`             // another one whenever the node has joined
	Fenced   string            `json:"fenced,omitempty"` // why this node is out; it joins again by itself
	Draining bool              `json:"draining"`
	Sessions int64             `json:"sessions"` // calls whose media this node relays, be they its own or those of other nodes
	Members  []MemberStatus    `json:"members"`
	Taken    uint64            `json:"taken"`         // messages of other nodes that rooms here were told
	Refused  map[string]uint64 `json:"refused"`       // what others sent and was not taken, by why
	Etcd     time.Time         `json:"etcd,omitzero"` // when it renewed this node's lease
}

// MemberStatus is one node, as this one sees it.
type MemberStatus struct {
	Node     string   `json:"node"`
	ID       uint16   `json:"id"`
	Address  string   `json:"address"`
	Roles    []string `json:"roles"`
	Self     bool     `json:"self,omitempty"`
	Alive    bool     `json:"alive"`
	Draining bool     `json:"draining"`
	Place    string   `json:"place,omitempty"` // the media place that it shares with others
	Holds    bool     `json:"holds,omitempty"` // it has the place, as far as this node knows
	Legs     []string `json:"legs"`            // NAME TRANSPORT:HOST:PORT
	Link     *Link    `json:"link,omitempty"`  // what this node tells it by; none to itself
}

// Link is how it stands with one.
type Link struct {
	Up     bool   `json:"up"`
	Queued int    `json:"queued"` // messages
	Sent   uint64 `json:"sent"`   // messages
	Lost   uint64 `json:"lost"`   // messages
}

var errNoCluster = errors.New("this proxy is no node of a cluster: the configuration has no cluster.name")

// clusterStatus is nil without a cluster, and before this node has joined.
func (s *System) clusterStatus() *ClusterStatus {
	if s.nodes == nil {
		return nil
	}
	c := s.nodes.now.Load()
	if c == nil {
		return nil
	}
	now := c.Status()
	st := &ClusterStatus{
		Name: s.config.Cluster.Name, Node: now.Node, Life: now.Life, Fenced: now.Fenced, Draining: s.draining.Load(), Sessions: s.Sessions(),
		Taken: now.Taken, Refused: now.Refused, Etcd: now.Etcd.UTC(),
	}
	if now.Etcd.IsZero() {
		st.Etcd = time.Time{}
	}
	links := map[string]*Link{}
	for _, l := range now.Links {
		links[l.Node] = &Link{l.Up, l.Queued, l.Sent, l.Lost}
	}
	for _, m := range now.Members {
		st.Members = append(st.Members, MemberStatus{
			Node: m.Node, ID: m.ID, Address: m.Address, Roles: strings.FieldsFunc(m.Roles.String(), isPlus), Self: m.Life == now.Life,
			Alive: m.Alive, Draining: m.Draining, Place: m.Place, Holds: isHolder(c, m), Legs: legsOf(m), Link: links[m.Node],
		})
	}
	return st
}

func isPlus(r rune) bool { return r == '+' }

// isHolder tells whether a member has the media place that it shares with others.
func isHolder(c *cluster.Cluster, m cluster.Member) bool {
	if m.Place == "" || m.Holds == 0 {
		return false
	}
	holder := c.ByID(cluster.PlaceID(m.Place))
	return holder != nil && holder.Life == m.Life
}

// legsOf are a member's legs, for people.
func legsOf(m cluster.Member) []string {
	var legs []fact
	_ = json.Unmarshal(m.Facts, &legs) // a node of another version may say what is not understood here
	all := make([]string, 0, len(legs))
	for _, l := range legs {
		all = append(all, l.String())
	}
	return all
}

func (s *System) clusterHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if s.nodes == nil {
			http.Error(w, errNoCluster.Error(), http.StatusNotFound)
			return
		}
		if st := s.clusterStatus(); st != nil {
			reply(w, http.StatusOK, st)
			return
		}
		http.Error(w, "this node has not joined yet", http.StatusServiceUnavailable)
	})
}

// sums make counters that only grow of those of links and lives, which begin again.
type sums struct {
	mu    sync.Mutex        // metrics are read by several at a time
	life  string            // whose counts the last ones are
	last  map[string]uint64 // by what is counted, and for whom
	total map[string]int64  // by what is counted
}

// add has the count of what, for one who counts, be n now.
func (a *sums) add(what, who string, n uint64) {
	key := what + " " + who
	if before := a.last[key]; n >= before {
		a.total[what] += int64(n - before)
	} else {
		a.total[what] += int64(n) // it has begun again
	}
	a.last[key] = n
}

// putCluster is what metrics say of the cluster.
func (n *nodes) putCluster(put telemetry.Put) {
	c := n.now.Load()
	if c == nil {
		return
	}
	const taken, sent, lost, refused = "taken", "sent", "lost", "refused/"
	n.sums.mu.Lock()
	defer n.sums.mu.Unlock()
	now, alive, draining, up := c.Status(), 0, 0, 0
	if n.sums.life != now.Life {
		clear(n.sums.last)
		n.sums.life = now.Life
	}
	for _, m := range now.Members {
		alive += count(m.Alive)
		draining += count(m.Draining)
	}
	put(telemetry.ClusterMembers, int64(alive), "alive")
	put(telemetry.ClusterMembers, int64(len(now.Members)-alive), "silent")
	put(telemetry.ClusterMembers, int64(draining), "draining")
	queued := 0
	for _, l := range now.Links {
		up += count(l.Up)
		queued += l.Queued
		n.sums.add(sent, l.Address, l.Sent)
		n.sums.add(lost, l.Address, l.Lost)
	}
	put(telemetry.ClusterLinks, int64(up), "up")
	put(telemetry.ClusterLinks, int64(len(now.Links)-up), "down")
	put(telemetry.ClusterQueued, int64(queued))
	n.sums.add(taken, "", now.Taken)
	for _, what := range []string{sent, lost, taken} {
		put(telemetry.ClusterMessages, n.sums.total[what], what)
	}
	for why, times := range now.Refused {
		n.sums.add(refused+why, "", times)
	}
	for what, total := range n.sums.total {
		if why, is := strings.CutPrefix(what, refused); is {
			put(telemetry.ClusterRefused, total, why)
		}
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
