package cluster

import (
	"fmt"
	"runtime/debug"

	"github.com/actorsip/actorsip/loop"
)

// change is a step from one set of members to the next.
type change struct {
	old, new []Member
	only     func(old, new []Member) // nil: for all who watch
}

// Watch has f hear of every change, in order, on one goroutine for all who watch. The first it hears of is from nobody to those who are
// members now. A panic of f is reported, and f hears of the next change.
func (c *Cluster) Watch(f func(old, new []Member)) {
	c.do(func() {
		c.watchers = append(c.watchers, f)
		c.changes.Put(change{new: c.Members(), only: f})
	})
}

// changed tells those who watch; the owner's loop calls it.
func (c *Cluster) changed(old, new []Member) {
	for _, f := range c.watchers {
		c.changes.Put(change{old: old, new: new, only: f})
	}
}

// watching tells what is in the box, until the cluster ends.
func (c *Cluster) watching(stop <-chan struct{}) {
	var all []change
	for {
		select {
		case <-stop:
			return
		case <-c.wake:
		}
		all = c.changes.Take(all[:0])
		for _, x := range all {
			c.safely("cluster watch", func() { x.only(x.old, x.new) })
		}
	}
}

// safely has a panic reported that would end a loop that others need.
func (c *Cluster) safely(what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			c.cfg.Failed(loop.Ended{Name: what, Panic: r, Stack: debug.Stack()})
			c.cfg.Log.Error("a part of the cluster panicked and goes on", "part", what, "panic", fmt.Sprint(r))
		}
	}()
	f()
}
