package location

import (
	"context"
	"sync"
	"time"

	"github.com/actorsip/actorsip/etcd"
)

// leases are what entries are written under: one for all that lapse within the same stretch of time, which is the longer the further
// away it is. A lease is over later than any of its bindings; that these have lapsed each node knows by itself.
type leases struct {
	etcd *etcd.Client     // set once, as the next
	now  func() time.Time // the store's

	mu      sync.Mutex // etcd is waited for with it: who needs a lease needs it granted
	granted map[int64]etcd.Lease
}

const (
	shortest = 32                      // seconds of a stretch
	share    = 8                       // of the time that is left, at least so many stretches
	grace    = time.Minute             // by which a lease outlives what is under it
	endless  = 10 * 365 * 24 * 60 * 60 // seconds; what lasts longer needs no lease
)

// stretch is the end of the stretch in which something lapses, in seconds. ok is false for what does not lapse.
func stretch(expires, now time.Time) (end int64, ok bool) {
	at, left := expires.Unix()+1, expires.Unix()-now.Unix()
	if left > endless {
		return 0, false
	}
	width := int64(shortest)
	for width*share*2 <= left {
		width *= 2
	}
	return (at + width - 1) / width * width, true
}

// covering is a lease for what expires then.
func (l *leases) covering(ctx context.Context, expires time.Time) (etcd.Lease, error) {
	now := l.now()
	end, lapses := stretch(expires, now)
	if !lapses {
		return 0, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if lease := l.granted[end]; lease != 0 {
		return lease, nil
	}
	lease, err := l.etcd.Grant(ctx, max(time.Unix(end, 0).Sub(now), 0)+grace)
	if err != nil {
		return 0, err
	}
	for other := range l.granted {
		if other < now.Unix() {
			delete(l.granted, other)
		}
	}
	l.granted[end] = lease
	return lease, nil
}

// forget has new leases granted: etcd has lost one.
func (l *leases) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.granted)
}

// latest is when the last of bindings lapses.
func latest(bindings []Binding) time.Time {
	last := bindings[0].Expires
	for _, b := range bindings[1:] {
		if b.Expires.After(last) {
			last = b.Expires
		}
	}
	return last
}
