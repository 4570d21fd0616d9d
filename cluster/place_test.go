package cluster

import (
	"fmt"
	"testing"
)

// A mark that names a media place leads to who has it; of two that say so, to the one that is there and has taken it last.
func TestTheIDOfAMediaPlaceIsThatOfItsHolder(t *testing.T) {
	m := func(node string, holds int64, alive bool) Member {
		c := card{Node: node, Life: node, Roles: Signalling | Media, Place: "front", Holds: holds}
		return c.member(alive, nil)
	}
	for _, c := range []struct {
		name    string
		members []Member
		want    string
	}{
		{"nobody has it", []Member{m("a", 0, true), m("b", 0, true)}, ""},
		{"one has it", []Member{m("a", 0, true), m("b", 7, true)}, "b"},
		{"two say so", []Member{m("a", 9, true), m("b", 7, true)}, "a"},
		{"the last one is silent", []Member{m("a", 9, false), m("b", 7, true)}, "b"},
		{"all are silent", []Member{m("a", 9, false), m("b", 7, false)}, "a"},
	} {
		v := newView(c.members, nil, nil)
		got := ""
		if holder := v.byID[PlaceID("front")]; holder != nil {
			got = holder.Node
		}
		if got != c.want {
			t.Errorf("%s: %q has it, not %q", c.name, got, c.want)
		}
		for _, m := range v.members {
			if m.Roles.Has(Media) != (m.Holds != 0) || !m.Roles.Has(Signalling) {
				t.Errorf("%s: %s has the roles %v", c.name, m.Node, m.Roles)
			}
			if v.byID[m.ID].Node != m.Node {
				t.Errorf("%s: the id of %s is that of %s", c.name, m.Node, v.byID[m.ID].Node)
			}
		}
	}
}

// A name of a media place can have the id of a node: it is said, and the node keeps it.
func TestAMediaPlaceWithTheIDOfANodeIsSaid(t *testing.T) {
	node := ""
	for i := 0; node == ""; i++ {
		if name := fmt.Sprint("n", i); ID(name) == PlaceID("front") {
			node = name
		}
	}
	a := card{Node: "a", Life: "1", Place: "front", Holds: 1}
	b := card{Node: node, Life: "2"}
	v := newView([]Member{a.member(true, nil), b.member(true, nil)}, nil, nil)
	if holder := v.byID[PlaceID("front")]; holder.Node != node {
		t.Errorf("the id is that of %s", holder.Node)
	}
	if x, y, id := v.sameID(); x != "media place front" || y != "node "+node || id != ID(node) {
		t.Errorf("it is said of %q, %q, %d", x, y, id)
	}
	v = newView([]Member{a.member(true, nil), (&card{Node: "b", Place: "front"}).member(true, nil)}, nil, nil)
	if x, y, _ := v.sameID(); x+y != "" {
		t.Errorf("two nodes of one place are said to be the same: %q, %q", x, y)
	}
}
