package etcd

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	beatEvery  = time.Second            // while it is there
	beatSoon   = 250 * time.Millisecond // while it is not, or may not be
	fewMisses  = 3                      // in a row: it is away
	pulseEntry = "pulse"                // nobody writes it
)

// state is what is known of etcd.
type state struct {
	away   error     // nil: it is there
	since  time.Time // when it came or went
	misses int       // questions in a row that were not answered
	answer moment
	lives  int // how often it has become another one
}

// moment is a state of an etcd. Revision and term never go back, unless it is another etcd: one whose data were lost or restored.
type moment struct {
	cluster  uint64
	term     uint64
	revision int64
}

func momentOf(h *etcdserverpb.ResponseHeader) moment {
	return moment{h.ClusterId, h.RaftTerm, h.Revision}
}

// isAnother tells whether m, which came later, is of another etcd than before.
func (m moment) isAnother(before moment) bool {
	return before.cluster != 0 && (m.cluster != before.cluster || m.term < before.term || m.revision < before.revision)
}

// Away is nil while etcd answers; else an error that is ErrAway.
func (c *Client) Away() error { return c.state.Load().away }

// Since is when etcd came or went last.
func (c *Client) Since() time.Time { return c.state.Load().since }

// Look has the client look now whether etcd is there: for who has seen something fail.
func (c *Client) Look() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// note notes that a revision was seen.
func (c *Client) note(revision int64) {
	for {
		seen := c.seen.Load()
		if revision <= seen || c.seen.CompareAndSwap(seen, revision) {
			return
		}
	}
}

// beat asks again and again whether etcd is there, which takes a majority of its nodes to answer.
func (c *Client) beat(stop <-chan struct{}) {
	ctx := until{context.Background(), stop}
	for {
		pause := beatEvery
		if c.state.Load().misses > 0 {
			pause = beatSoon
		}
		select {
		case <-stop:
			return
		case <-time.After(pause):
		case <-c.poke:
		}
		c.ask(ctx, fewMisses)
	}
}

// ask asks once. It is away when it was asked in vain for misses times.
func (c *Client) ask(ctx context.Context, misses int) {
	seen := c.seen.Load() // whoever asks later is told of no earlier revision
	within, cancel := c.within(ctx)
	defer cancel()
	answer, err := c.etcd.Get(within, c.key(pulseEntry), clientv3.WithCountOnly())
	if ctx.Err() != nil {
		return
	}
	was := c.state.Load()
	now := *was
	if err == nil {
		now.misses, now.away = 0, nil
		now.answer = momentOf(answer.Header)
	} else if now.misses++; now.misses >= misses {
		now.away = c.failure(err)
	}
	switch {
	case was.away == nil && now.away != nil:
		now.since = time.Now()
		c.cfg.Log.Error("etcd is away: what is known is used on, nothing that the cluster shares can be changed",
			"endpoints", c.cfg.Endpoints, "error", now.away)
	case was.away != nil && now.away == nil:
		now.since = time.Now()
		c.cfg.Log.Warn("etcd is back", "endpoints", c.cfg.Endpoints, "after", time.Since(was.since).Round(time.Millisecond))
	}
	before := was.answer
	before.revision = max(before.revision, seen)
	if err == nil && now.answer.isAnother(before) {
		now.lives++
		c.seen.Store(now.answer.revision)
		c.cfg.Log.Error("it is another etcd than before: its data were lost or restored",
			"endpoints", c.cfg.Endpoints, "cluster", fmt.Sprintf("%x", now.answer.cluster))
	}
	c.state.Store(&now)
}

// until is a context that ends when stop is closed.
type until struct {
	context.Context
	stop <-chan struct{}
}

func (u until) Done() <-chan struct{} { return u.stop }

func (u until) Err() error {
	select {
	case <-u.stop:
		return context.Canceled
	default:
		return nil
	}
}

// Until is a context that ends when stop is closed.
func Until(stop <-chan struct{}) context.Context { return until{context.Background(), stop} }
