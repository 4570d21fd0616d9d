package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/actorsip/actorsip/loop"
)

// Cluster is this node's membership, from Join to Leave.
type Cluster struct {
	cfg      Config
	view     atomic.Pointer[view]
	refused  *refusals
	taken    atomic.Uint64 // messages told to rooms here
	fenced   chan struct{} // closed when this node is out
	why      atomic.Pointer[string]
	listed   chan struct{} // closed when etcd has said who is a member
	changes  *loop.Box[change]
	wake     chan struct{} // there are changes
	events   chan func()
	over     chan struct{} // closed when nothing is done any more
	leave    sync.Once
	server   *grpc.Server
	register atomic.Pointer[register] // nil without etcd
	caller   *caller
	loops    []*loop.Handle // in the order in which they end

	// What follows is the owner loop's.
	roster   *roster
	links    map[string]*link     // by address
	answers  map[string]time.Time // addresses of those who are out and do not know it, and until when they are told
	watchers []func(old, new []Member)
	said     string // the last complaint about names
	turn     int    // of the roster's gone lives that view has
}

// Bounds of the owner's loop.
const (
	mostEvents  = 1024
	mostAnswers = 64
	answerFor   = 5 * time.Second
)

var errFirst = errors.New("etcd does not say who is a member")

// Join makes this process a node, whose rooms in actors other nodes may tell what is allowed. It returns when this node listens and, with
// etcd, knows all members.
func Join(ctx context.Context, cfg Config, actors *actor.ActorSystem) (*Cluster, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	rules, err := cfg.Allow.rules()
	if err != nil {
		return nil, err
	}
	ear, err := net.Listen("tcp", cfg.Listen.String())
	if err != nil {
		return nil, fmt.Errorf("remoting: %w", err)
	}
	if cfg.Advertise == "" {
		cfg.Advertise = ear.Addr().String()
	}
	now := time.Now()
	own := card{Cluster: cfg.Name, Node: cfg.Node, Life: newLife(now), Address: cfg.Advertise, Roles: cfg.Roles, Place: cfg.Place, Facts: slices.Clone(cfg.Facts), Version: 1}
	c := &Cluster{
		cfg: cfg, refused: newRefusals(cfg.Log), wake: make(chan struct{}, 1),
		fenced: make(chan struct{}), listed: make(chan struct{}), over: make(chan struct{}), events: make(chan func(), mostEvents),
		roster: newRoster(own, cfg.Silence, len(cfg.Etcd.Endpoints) > 0, now),
		links:  map[string]*link{}, answers: map[string]time.Time{},
	}
	c.caller = &caller{
		hello: &remote.ServerConnection{MemberId: own.Life, Address: own.Address}, creds: cfg.TLS.dial(), log: cfg.Log, failed: cfg.Failed,
	}
	c.changes = loop.NewBox[change](func() {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	})
	c.view.Store(newView([]Member{c.self()}, nil, nil))
	told := toRooms(actors)
	d := &door{
		rules: rules, refused: c.refused, heard: c.hear, open: c.open,
		tell:   func(path string, msg proto.Message) { c.taken.Add(1); told(path, msg) },
		broken: func(what string, r any, stack []byte) { cfg.Failed(loop.Ended{Name: what, Panic: r, Stack: stack}) },
	}
	c.server = d.server(cfg.TLS.accept())
	c.loops = append(c.loops,
		loop.Start("cluster door", func(<-chan struct{}) { c.serve(ear) }, cfg.Failed),
		loop.Start("cluster", c.run, cfg.Failed),
		loop.Start("cluster watch", c.watching, cfg.Failed))
	if err := c.enter(ctx, own); err != nil {
		c.Leave()
		return nil, err
	}
	c.do(func() { c.beat(false) })
	return c, nil
}

// serve accepts connections until the server stops.
func (c *Cluster) serve(ear net.Listener) {
	if err := c.server.Serve(ear); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		c.cfg.Log.Error("no node can connect any more", "error", err)
	}
}

// enter registers with etcd, if there is one.
func (c *Cluster) enter(ctx context.Context, own card) error {
	if len(c.cfg.Etcd.Endpoints) == 0 {
		return nil
	}
	g, err := newRegister(c.cfg.Etcd, c.cfg.Name, c.cfg.Lease, own, c.cfg.Log)
	if err != nil {
		return err
	}
	first := sync.OnceFunc(func() { close(c.listed) })
	g.tell = func(l listing) {
		c.do(func() { c.roster.list(l, time.Now()); c.publish(); first() })
	}
	g.fence = func(why string) { c.do(func() { c.roster.fence(why); c.publish() }) }
	if err := g.join(ctx); err != nil {
		g.close(false)
		return err
	}
	if !c.do(func() { c.register.Store(g); g.start(c.cfg.Failed) }) {
		g.close(true)
		return ErrAway
	}
	select {
	case <-c.listed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errFirst, ctx.Err())
	}
}

// do has the owner's loop do something. It is false when the loop has ended.
func (c *Cluster) do(f func()) bool {
	select {
	case c.events <- f:
		return true
	case <-c.over:
		return false
	}
}

// hear takes a beat from the door; when there are more than can be read it is left.
func (c *Cluster) hear(b *beat) {
	select {
	case c.events <- func() { c.heard(b) }:
	default:
		c.refused.note(refusedBeats, "node", clip(b.Node))
	}
}

// open tells whether messages of a life are taken: not those of a life that is out, and none when this node is.
func (c *Cluster) open(life string) bool {
	_, gone := c.view.Load().gone[life]
	return !gone && c.why.Load() == nil
}
