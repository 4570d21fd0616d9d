package etcd

import (
	"context"
	"errors"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Change is what has become of an entry.
type Change struct {
	Entry
	Removed bool
}

// Follower hears what is below a prefix, always from the same goroutine.
type Follower struct {
	Prefix string
	// All hears all that is there, in the order of the names, in place of what was heard before: first of all, and when changes
	// were missed. isAnother says that it is another etcd than before: what is not there was not removed, it was lost.
	All func(all []Entry, revision int64, isAnother bool)
	// Changes hears changes in the order in which they were made. Of a revision it hears all at once, and revision is that of the
	// last one.
	Changes func(changes []Change, revision int64)
}

const (
	tryAgain  = 250 * time.Millisecond
	lookAfter = time.Second / 2 // how often it is looked after whether a watch still hears
	silence   = time.Second     // of a watch that then is asked for a sign of life
	deafness  = 3 * time.Second // of a watch that is given up while etcd answers others
)

var (
	errCompacted = errors.New("changes were missed")
	errAnother   = errors.New("it is another etcd than before")
	errDeaf      = errors.New("the watch hears nothing")
)

// Follow tells f what happens until stop is closed. While etcd is away f hears nothing; later it hears what it has missed.
func (c *Client) Follow(stop <-chan struct{}, f Follower) {
	ctx := Until(stop)
	var last moment // that f has heard of
	lives, missed := 0, true
	for ctx.Err() == nil {
		var err error
		if missed {
			now := c.state.Load().lives
			if last, err = c.catchUp(ctx, f, last, now != lives); err == nil {
				lives = now
			}
		}
		if err == nil {
			missed = false
			err = c.watch(ctx, f, &last, lives)
		}
		if errors.Is(err, errCompacted) || errors.Is(err, errAnother) {
			missed = true
			continue
		}
		select {
		case <-stop:
		case <-time.After(tryAgain):
		}
	}
}

func (c *Client) catchUp(ctx context.Context, f Follower, last moment, isAnother bool) (moment, error) {
	all, at, err := c.list(ctx, f.Prefix)
	if err != nil {
		return last, err
	}
	f.All(all, at.revision, last.cluster != 0 && isAnother || at.isAnother(last))
	return at, nil
}

// watch tells f of changes, and notes the last one, until it fails.
func (c *Client) watch(ctx context.Context, f Follower, last *moment, lives int) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	watcher := clientv3.NewWatcher(c.etcd) // its own connection stream: one that is given up takes no other with it
	defer watcher.Close()
	tooLong := time.AfterFunc(deafness, cancel) // Watch waits until the watch is set up
	changes := watcher.Watch(ctx, c.key(f.Prefix), clientv3.WithPrefix(), clientv3.WithRev(last.revision+1))
	if !tooLong.Stop() {
		return errDeaf
	}
	tick := time.NewTicker(lookAfter)
	defer tick.Stop()
	heard := time.Now()
	for {
		select {
		case w, ok := <-changes:
			heard = time.Now()
			if err := c.take(w, ok, f, last); err != nil {
				return err
			}
		case <-tick.C:
			if err := c.isHearing(ctx, watcher, lives, heard); err != nil {
				return err
			}
		}
	}
}

func (c *Client) take(w clientv3.WatchResponse, ok bool, f Follower, last *moment) error {
	switch {
	case w.CompactRevision != 0:
		return errCompacted
	case !ok:
		return errDeaf
	case w.Err() != nil:
		return w.Err()
	case len(w.Events) == 0:
		return nil
	}
	list := make([]Change, len(w.Events))
	for i, e := range w.Events {
		list[i] = Change{c.entry(e.Kv), e.Type == clientv3.EventTypeDelete}
	}
	last.revision = list[len(list)-1].Revision
	c.note(last.revision)
	f.Changes(list, last.revision)
	return nil
}

// isHearing finds out whether a watch that is silent has nothing to tell, or cannot. It would wait for ever for the
// revisions of an etcd whose data were lost.
func (c *Client) isHearing(ctx context.Context, watcher clientv3.Watcher, lives int, heard time.Time) error {
	now := c.state.Load()
	quiet := time.Since(heard)
	switch {
	case now.lives != lives:
		return errAnother
	case now.away != nil || quiet < silence:
		return nil
	case quiet > deafness && time.Since(now.since) > deafness:
		return errDeaf
	}
	ctx, cancel := context.WithTimeout(ctx, tryAgain)
	defer cancel()
	_ = watcher.RequestProgress(ctx) // what it says is not used: servers have said it before the changes
	return nil
}
