package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/actorsip/actorsip/loop"
)

// Etcd is where nodes register.
type Etcd struct {
	Endpoints      []string    // host:port, or URLs
	TLS            *tls.Config // nil: in the clear
	User, Password string      // empty: without
	Prefix         string      // of all keys. Default /actorsip/
}

// How etcd is asked.
const (
	askTime    = 2 * time.Second // for one question
	againAfter = 300 * time.Millisecond
	dialTime   = 2 * time.Second
)

// register is this node's place in etcd. Below PREFIX NAME/cluster/ there are
//
//	members/NODE   the card of the life that goes by that name, with a lease
//	gone/LIFE      a gravestone: that life was given up, or has left; kept for a day
//	last/NODE      the last card of that name, kept for a day after it was put
//
// Three transactions hold it together. A life enters when it has no gravestone and its name is free, or its own. A gravestone is put
// when the name's key is not there. A life that leaves takes its key away and puts its own gravestone. So it never happens that a life is
// given up by some and comes back for others.
type register struct {
	client *clientv3.Client
	prefix string
	lease  time.Duration
	log    *slog.Logger
	own    atomic.Pointer[card]
	fresh  chan struct{} // own has changed
	tell   func(listing) // what etcd says now
	fence  func(why string)

	id        clientv3.LeaseID // the lease loop's
	revision  atomic.Int64     // the highest that etcd has told
	behind    chan struct{}    // etcd tells a lower one
	contact   atomic.Int64     // when etcd renewed the lease the last time, in Unix nanoseconds
	unbroken  atomic.Int64     // since when it does so without a gap
	keeping   *loop.Handle
	following *loop.Handle
	ctx       context.Context // ends with the register
	cancel    context.CancelFunc
}

var (
	errGone  = errors.New("the cluster has given this node up: its lease had run out")
	errTaken = errors.New("another node goes by this name")
)

func newRegister(e Etcd, cluster string, lease time.Duration, own card, log *slog.Logger) (*register, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: e.Endpoints, TLS: e.TLS, Username: e.User, Password: e.Password,
		DialTimeout: dialTime, DialKeepAliveTime: probeAfter, DialKeepAliveTimeout: probeTime, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			// The lease of a node that waits for long when etcd is back runs out meanwhile.
			Backoff:           backoff.Config{BaseDelay: againAfter, Multiplier: 1.2, Jitter: 0.2, MaxDelay: 2 * againAfter},
			MinConnectTimeout: dialTime,
		})},
	})
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	g := &register{client: client, prefix: e.Prefix + cluster + "/cluster/", lease: lease, log: log}
	g.fresh, g.behind = make(chan struct{}, 1), make(chan struct{}, 1)
	g.own.Store(&own)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g, nil
}

func (g *register) memberKey(node string) string { return g.prefix + "members/" + node }
func (g *register) goneKey(life string) string   { return g.prefix + "gone/" + life }
func (g *register) lastKey(node string) string   { return g.prefix + "last/" + node }

// join enters. A name that is taken may be that of a process that has just died, so it waits for a lease to run out.
func (g *register) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*g.lease+askTime)
	defer cancel()
	for {
		err := g.enter(ctx)
		if err == nil || !errors.Is(err, errTaken) {
			return err
		}
		wait(ctx.Done(), againAfter)
		if ctx.Err() != nil {
			return err
		}
	}
}

// start begins to renew the lease and to follow the others.
func (g *register) start(ended func(loop.Ended)) {
	g.keeping = loop.Start("cluster lease", g.keep, ended)
	g.following = loop.Start("cluster list", g.follow, ended)
}

// enter puts this node's card there, with a new lease.
func (g *register) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	lease, err := g.client.Grant(ctx, int64(max(1, (g.lease+time.Second-1)/time.Second)))
	if err != nil {
		return fmt.Errorf("etcd grants no lease: %w", err)
	}
	own := g.own.Load()
	text, err := json.Marshal(own)
	if err != nil {
		return err
	}
	member, gone := g.memberKey(own.Node), g.goneKey(own.Life)
	last, err := g.kept(ctx, g.lastKey(own.Node), string(text))
	if err != nil {
		return err
	}
	puts := []clientv3.Op{clientv3.OpPut(member, string(text), clientv3.WithLease(lease.ID)), last}
	noGravestone := clientv3.Compare(clientv3.CreateRevision(gone), "=", 0)
	answer, err := g.client.Txn(ctx).If(noGravestone, clientv3.Compare(clientv3.CreateRevision(member), "=", 0)).
		Then(puts...).Else(clientv3.OpGet(gone), clientv3.OpGet(member)).Commit()
	if err == nil && !answer.Succeeded {
		if len(answer.Responses[0].GetResponseRange().Kvs) > 0 {
			return errGone
		}
		kv := answer.Responses[1].GetResponseRange().Kvs[0]
		var other card
		if err := json.Unmarshal(kv.Value, &other); err == nil && other.Life != own.Life {
			if other.Address != own.Address || other.Life > own.Life {
				return fmt.Errorf("%w: %s at %s", errTaken, other.Node, other.Address)
			}
			// Where it listened this node listens now: it is dead, and need not be waited for.
			stone, err := g.gravestone(ctx, other.Life)
			if err != nil {
				return err
			}
			puts = append(puts, stone)
		}
		answer, err = g.client.Txn(ctx).If(noGravestone, clientv3.Compare(clientv3.ModRevision(member), "=", kv.ModRevision)).Then(puts...).Commit()
		if err == nil && !answer.Succeeded {
			return fmt.Errorf("%w, or did until now", errTaken)
		}
	}
	if err != nil {
		return fmt.Errorf("etcd does not register this node: %w", err)
	}
	g.id = lease.ID
	g.reached(answer.Header.Revision)
	return nil
}

// reached notes how far etcd is. It goes back when it was restored, or has lost its disk; then it must be read anew.
func (g *register) reached(revision int64) {
	if revision < g.revision.Load() {
		select {
		case g.behind <- struct{}{}:
		default:
		}
	}
}

func (g *register) gravestone(ctx context.Context, life string) (clientv3.Op, error) {
	return g.kept(ctx, g.goneKey(life), "")
}

// kept puts what outlives who puts it by a day.
func (g *register) kept(ctx context.Context, key, value string) (clientv3.Op, error) {
	lease, err := g.client.Grant(ctx, int64(goneFor/time.Second))
	if err != nil {
		return clientv3.Op{}, fmt.Errorf("etcd grants no lease: %w", err)
	}
	return clientv3.OpPut(key, value, clientv3.WithLease(lease.ID)), nil
}

// keep renews the lease, and enters again when it has run out because etcd was away.
func (g *register) keep(<-chan struct{}) {
	for g.ctx.Err() == nil {
		if lost := g.renew(); lost {
			g.unbroken.Store(time.Now().UnixNano()) // others have lost theirs, too, and need time to come back
		}
		for said := false; g.ctx.Err() == nil; {
			err := g.enter(g.ctx)
			if err == nil {
				g.renewed()
				if said {
					g.log.Warn("etcd is back and this node is registered again")
				}
				break
			}
			if errors.Is(err, errGone) || errors.Is(err, errTaken) {
				g.fence(err.Error())
				return
			}
			if g.ctx.Err() == nil && !said {
				said = true
				g.log.Error("etcd is away: the members stay as they are", "error", err)
			}
			wait(g.ctx.Done(), againAfter)
		}
	}
}

// renew renews the lease until it is lost, or this node has something to say: something new, or its last card, which is to be kept for a
// day from then on.
func (g *register) renew() (lost bool) {
	ctx, cancel := context.WithCancel(g.ctx)
	defer cancel()
	answers, err := g.client.KeepAlive(ctx, g.id)
	if err != nil {
		return true
	}
	again := time.NewTimer(goneFor / 4)
	defer again.Stop()
	for {
		select {
		case a, more := <-answers:
			if !more || a == nil {
				return true
			}
			g.reached(a.Revision)
			g.renewed()
		case <-g.fresh:
			return false
		case <-again.C:
			return false
		}
	}
}

// renewed notes that etcd was there.
func (g *register) renewed() {
	now := time.Now().UnixNano()
	switch last := g.contact.Swap(now); {
	case last == 0:
		g.unbroken.Store(now - int64(g.lease)) // etcd was there when this node entered
	case time.Duration(now-last) > g.lease*2/3:
		g.unbroken.Store(now)
	}
}

// settled tells whether etcd has been there for long enough that every node that lives has renewed its lease since.
func (g *register) settled() bool {
	now := time.Now().UnixNano()
	return time.Duration(now-g.contact.Load()) <= g.lease*2/3 && time.Duration(now-g.unbroken.Load()) > 2*g.lease
}

// change has etcd know a new card.
func (g *register) change(own card) {
	g.own.Store(&own)
	select {
	case g.fresh <- struct{}{}:
	default:
	}
}

// close gives up the lease, unless this node was given up, and forgets etcd.
func (g *register) close(leave bool) {
	g.cancel()
	for _, h := range []*loop.Handle{g.keeping, g.following} {
		if h != nil {
			h.Stop()
		}
	}
	if leave && g.id != 0 {
		if err := g.leave(); err != nil {
			g.log.Warn("etcd could not be told that this node leaves: its lease runs out", "error", err)
		}
	}
	g.client.Close()
}

// leave takes this node's card away.
func (g *register) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	own := g.own.Load()
	stone, err := g.gravestone(ctx, own.Life)
	if err != nil {
		return err
	}
	member := g.memberKey(own.Node)
	_, err = g.client.Txn(ctx).If(clientv3.Compare(clientv3.LeaseValue(member), "=", g.id)).
		Then(clientv3.OpDelete(member), stone).Commit()
	return err
}
