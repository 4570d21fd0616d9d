package cluster

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Roles say what a node does for the cluster.
type Roles uint8

// The roles, which may be added up.
const (
	Signalling Roles = 1 << iota // it has legs and takes SIP
	Media                        // it relays media
)

// Has tells whether r has all of roles.
func (r Roles) Has(roles Roles) bool { return r&roles == roles }

func (r Roles) String() string {
	var all []string
	for _, x := range []struct {
		role Roles
		name string
	}{{Signalling, "signalling"}, {Media, "media"}} {
		if r.Has(x.role) {
			all = append(all, x.name)
		}
	}
	return strings.Join(all, "+")
}

// Member is what is known of a node. It never changes: when the node does, there is another one.
type Member struct {
	Node     string // its name, unique in the cluster
	ID       uint16 // of its name, for tokens; never 0
	Life     string // another one whenever it has joined
	Address  string // host:port of its remoting
	Roles    Roles
	Facts    []byte // what it says of itself, encoded by its caller; not to be changed
	Place    string // the media place that it shares with others; empty: none
	Holds    int64  // greater than 0: it has the place, since it was taken for that time
	Draining bool   // it takes nothing new
	Alive    bool   // it was heard of lately; with etcd a member may be silent and still be a member

	link *link // set once; nil for this node itself
}

// Meeting tells whether this node connects to that one for the first time: what that one is told waits, and it is soon known whether it
// can be reached.
func (m *Member) Meeting() bool { return m.link != nil && m.link.state.Load() == connecting }

// ID is the short id of a node's name: the same on all nodes, never 0.
func ID(node string) uint16 {
	h := fnv.New32a()
	h.Write([]byte(node))
	sum := h.Sum32()
	return max(1, uint16(sum>>16)^uint16(sum))
}

// newLife is an id that is greater than those before it: the time, and chance for nodes that start at one time.
func newLife(now time.Time) string { return fmt.Sprintf("%016x-%s", now.UnixNano(), rand.Text()[:8]) }

// view is the members at one time, sorted by name. It never changes.
type view struct {
	members []Member
	former  []Former
	byID    map[uint16]*Member
	gone    map[string]struct{} // lives that were given up
}

func newView(members []Member, former []Former, gone map[string]struct{}) *view {
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Node, b.Node) })
	slices.SortFunc(former, func(a, b Former) int { return strings.Compare(a.Node, b.Node) })
	v := &view{members: members, former: former, byID: make(map[uint16]*Member, len(members)), gone: gone}
	for i := range members {
		// Of two names with one id the one that is there for longer has it.
		if other := v.byID[members[i].ID]; other == nil || members[i].Life < other.Life {
			v.byID[members[i].ID] = &members[i]
		}
	}
	v.places()
	return v
}

// same tells whether nobody who looks at the members would see a difference.
func (v *view) same(w *view) bool {
	return slices.EqualFunc(v.former, w.former, sameFormer) && slices.EqualFunc(v.members, w.members, func(a, b Member) bool {
		return a.Node == b.Node && a.Life == b.Life && a.Address == b.Address && a.Roles == b.Roles &&
			a.Draining == b.Draining && a.Place == b.Place && a.Holds == b.Holds && a.Alive == b.Alive && a.link == b.link && bytes.Equal(a.Facts, b.Facts)
	})
}

// sameID are two that cannot be told apart in a token, nodes or media places, and their id; empty for none.
func (v *view) sameID() (a, b string, id uint16) {
	names := map[uint16]string{}
	isTaken := func(by uint16, name string) bool {
		other := names[by]
		if other == "" {
			names[by] = name
		}
		if other == "" || other == name {
			return false
		}
		a, b, id = other, name, by
		return true
	}
	for i := range v.members {
		m := &v.members[i]
		if isTaken(m.ID, "node "+m.Node) || m.Place != "" && isTaken(PlaceID(m.Place), "media place "+m.Place) {
			return a, b, id
		}
	}
	return "", "", 0
}
