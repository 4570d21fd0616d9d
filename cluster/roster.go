package cluster

import (
	"fmt"
	"slices"
	"time"
)

// roster decides who is a member, from what is heard and from what time it is. It has no goroutine, no clock and no socket.
type roster struct {
	own     card
	silence time.Duration
	listed  bool // who is a member is told by etcd; beats tell only whether it is alive

	members  map[string]*entry    // by node, without this one
	gone     map[string]time.Time // lives that are given up, and since when
	former   map[string]Former    // by node, of those that are no members
	turn     int                  // counts the changes of gone
	fenced   string               // why this node is out; empty while it is not
	namesake string               // another node that goes by this one's name was heard at this address

	awake time.Time // when it was asked for something the last time
	dozed time.Time // when this node found out that it had slept for longer than others wait
}

// entry is another node.
type entry struct {
	card
	heard time.Time
	alive bool
}

// listing is what etcd says: the records that are there, the lives that have a gravestone, and the last that each node has said.
type listing struct {
	cards  []card
	gone   []string
	former []card // of all nodes that were there within a day
}

// goneFor is how long a life that was given up is remembered: longer than a process would be paused and woken again.
const goneFor = 24 * time.Hour

// mostGone bounds what is remembered.
const mostGone = 4096

func newRoster(own card, silence time.Duration, listed bool, now time.Time) *roster {
	return &roster{own: own, silence: silence, listed: listed, members: map[string]*entry{}, gone: map[string]time.Time{}, former: map[string]Former{}, awake: now}
}

// hear takes a beat. It is true when its sender must be told at once that it is given up here.
func (r *roster) hear(b *beat, now time.Time) (answer bool) {
	if r.fenced != "" || b.Cluster != r.own.Cluster || b.Node == "" || b.Life == "" {
		return false
	}
	r.wake(now)
	if b.Node == r.own.Node {
		if b.Life != r.own.Life {
			r.namesake = b.Address
		}
		return false
	}
	if slices.Contains(b.Gone, r.own.Life) {
		r.givenUp(b, now)
		if r.fenced != "" {
			return false
		}
	}
	if _, gone := r.gone[b.Life]; gone {
		return !b.Leaving
	}
	e := r.members[b.Node]
	switch {
	case r.listed && (e == nil || e.Life != b.Life):
		return false // etcd has not told of it yet
	case b.Leaving:
		r.giveUp(b.Life, now)
		return false
	case e == nil:
		e = &entry{card: b.card}
		r.members[b.Node] = e
	case e.Life > b.Life:
		r.giveUp(b.Life, now) // it woke after its name was taken by a later life
		return true
	case e.Life < b.Life:
		if e.alive && e.Address != b.Address {
			return false // two nodes of one name: the first one stays
		}
		r.giveUp(e.Life, now)
		e = &entry{card: b.card}
		r.members[b.Node] = e
	}
	if b.Version >= e.Version {
		e.card = b.card
	}
	e.heard, e.alive = now, true
	if !r.listed {
		for _, life := range b.Gone {
			if life != r.own.Life {
				r.giveUp(life, now) // what a member gave up everybody gives up, or there would be two views
			}
		}
		for _, f := range b.Former {
			r.remember(f, now)
		}
	}
	return false
}

// givenUp is what a node does that hears from a peer that it is given up. Both may have missed each other, as after a cut: then the
// larger side stays, or the one with the oldest life, and gives up the other. A node that has just slept does not ask who is larger.
func (r *roster) givenUp(b *beat, now time.Time) {
	mine := []string{r.own.Life}
	for _, e := range r.members {
		if e.Node != b.Node && now.Sub(e.heard) <= r.silence {
			mine = append(mine, e.Life)
		}
	}
	slept := !r.dozed.IsZero() && now.Sub(r.dozed) <= 2*r.silence
	if !r.listed && !slept && len(b.Sees) > 0 {
		if len(mine) > len(b.Sees) || len(mine) == len(b.Sees) && slices.Min(mine) < slices.Min(b.Sees) {
			r.giveUp(b.Life, now)
			return
		}
	}
	r.fence(fmt.Sprintf("node %s has given this node up: it was not heard of for too long", clip(b.Node)))
}

// fence ends this node's life.
func (r *roster) fence(why string) {
	if r.fenced == "" {
		r.fenced = why
	}
}

// giveUp has a life be no member any more, here and for ever.
func (r *roster) giveUp(life string, now time.Time) {
	if _, known := r.gone[life]; known {
		return
	}
	r.gone[life] = now
	r.turn++
	for node, e := range r.members {
		if e.Life == life {
			delete(r.members, node)
			r.remember(Former{Node: node, Facts: e.Facts, Until: now.Add(goneFor)}, now)
		}
	}
	if len(r.gone) > mostGone {
		oldest := ""
		for l, since := range r.gone {
			if oldest == "" || since.Before(r.gone[oldest]) {
				oldest = l
			}
		}
		delete(r.gone, oldest)
	}
}

// wake finds out whether this node has slept. Then it was not the others who were silent, and they get their time again.
func (r *roster) wake(now time.Time) {
	slept := now.Sub(r.awake)
	r.awake = now
	if slept <= r.silence/2 {
		return
	}
	for _, e := range r.members {
		e.heard = e.heard.Add(slept)
	}
	if slept > r.silence {
		r.dozed = now
	}
}

// tick is called a few times a second.
func (r *roster) tick(now time.Time) {
	r.wake(now)
	for _, e := range r.members {
		if now.Sub(e.heard) <= r.silence {
			continue
		}
		e.alive = false
		if !r.listed {
			r.giveUp(e.Life, now)
		}
	}
	for life, since := range r.gone {
		if now.Sub(since) > goneFor {
			delete(r.gone, life)
			r.turn++
		}
	}
	r.forget(now)
}

// list takes what etcd says.
func (r *roster) list(l listing, now time.Time) {
	if r.fenced != "" {
		return
	}
	for _, life := range l.gone {
		if life == r.own.Life {
			r.fence("the cluster has given this node up: its lease had run out")
			return
		}
		r.giveUp(life, now)
	}
	there := map[string]bool{}
	for _, c := range l.cards {
		if c.Node == r.own.Node {
			if c.Life != r.own.Life {
				r.fence(fmt.Sprintf("another node, at %s, goes by the name %s", c.Address, c.Node))
			}
			continue
		}
		if _, gone := r.gone[c.Life]; gone {
			continue
		}
		there[c.Node] = true
		switch e := r.members[c.Node]; {
		case e == nil || e.Life != c.Life:
			r.members[c.Node] = &entry{card: c, heard: now, alive: true}
		case c.Version > e.Version:
			e.card = c
		}
	}
	for node := range r.members {
		if !there[node] {
			delete(r.members, node)
		}
	}
	clear(r.former)
	for _, c := range l.former {
		if c.Node != r.own.Node {
			r.former[c.Node] = Former{Node: c.Node, Facts: c.Facts}
		}
	}
	r.forget(now)
}

// beat is what this node tells the others.
func (r *roster) beat() *beat {
	b := &beat{card: r.own, Sees: []string{r.own.Life}}
	for _, e := range r.members {
		if e.alive {
			b.Sees = append(b.Sees, e.Life)
		}
	}
	for life := range r.gone {
		b.Gone = append(b.Gone, life)
	}
	// The latest are those that may still be about.
	slices.SortFunc(b.Gone, func(x, y string) int { return r.gone[y].Compare(r.gone[x]) })
	b.Gone = b.Gone[:min(len(b.Gone), maxGone)]
	if !r.listed {
		b.Former = r.reminders()
	}
	return b
}
