package cluster

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"
)

// Former is what a node said of itself last that was a member and is none any more. It is remembered for a day: with etcd there, else by
// the others, who tell whoever joins.
type Former struct {
	Node  string
	Facts []byte    // not to be changed
	Until time.Time // when it is forgotten; zero with etcd, which knows
}

// What is remembered, and told in a beat, of nodes without etcd.
const (
	mostFormer   = 64
	mostRemember = MaxFacts // bytes of facts in a beat
)

// Former are the nodes that were members within the last day, sorted by name. The slice never changes.
func (c *Cluster) Former() []Former { return c.view.Load().former }

func sameFormer(a, b Former) bool { return a.Node == b.Node && bytes.Equal(a.Facts, b.Facts) }

// remember takes up what is known of a node that is no member: what is to be remembered for longer is younger.
func (r *roster) remember(f Former, now time.Time) {
	if last := now.Add(goneFor); f.Until.After(last) {
		f.Until = last // its clock is wrong
	}
	_, member := r.members[f.Node]
	if member || f.Node == r.own.Node || len(f.Facts) == 0 || !f.Until.After(now) || !f.Until.After(r.former[f.Node].Until) {
		return
	}
	r.former[f.Node] = f
	if len(r.former) > mostFormer {
		delete(r.former, r.latest()[mostFormer].Node)
	}
}

// forget forgets who was no member for a day, and who is one again.
func (r *roster) forget(now time.Time) {
	maps.DeleteFunc(r.former, func(node string, f Former) bool {
		_, member := r.members[node]
		return member || !f.Until.IsZero() && !f.Until.After(now)
	})
}

// latest are the nodes that were members, those first that were it last.
func (r *roster) latest() []Former {
	return slices.SortedFunc(maps.Values(r.former), func(a, b Former) int {
		if c := b.Until.Compare(a.Until); c != 0 {
			return c
		}
		return strings.Compare(a.Node, b.Node)
	})
}

// reminders are what others are told in a beat: as much as has a place there.
func (r *roster) reminders() (all []Former) {
	size := 0
	for _, f := range r.latest() {
		if size += len(f.Facts); size > mostRemember {
			break
		}
		all = append(all, f)
	}
	return all
}
