package remote

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// city is nodes whose messages are passed by hand.
type city struct {
	t     testing.TB
	nodes map[uint16]*node

	mu   sync.Mutex
	down map[uint16]bool                                // cannot be told anything
	post func(to uint16, msg proto.Message, now func()) // nil: each message arrives at once
}

// node is one room, with the media sessions behind it, and packets as a lane has them.
type node struct {
	*city
	id       uint16
	actors   *actor.ActorSystem
	legs     *message.Legs
	foreign  *message.Pool // for packets of other nodes
	restarts *room.Restarts
	relays   bool
	settling atomic.Bool
	meeting  atomic.Bool
	draining atomic.Bool
	emit     func(leg int, to netip.AddrPort, datagram []byte) bool
	session  func(message.Anchor) // what the media sessions do; nil: they write their node's name into the description
	chaos    room.Chaos
}

var errDown = errors.New("the node is down")

func (n *node) Self() uint16 { return n.id }

func (n *node) Meeting(uint16) bool { return n.meeting.Load() }

func (n *node) Settling(id uint16) bool {
	return id != 0 && id != n.id && !n.Relays(id) && n.settling.Load()
}

func (n *node) Draining() bool { return n.draining.Load() }

func (n *node) ByName(name string) (id uint16) {
	_, _ = fmt.Sscanf(name, "node%d", &id)
	return id
}

func (n *node) Relays(id uint16) bool {
	other := n.nodes[id]
	return other != nil && other.relays && !n.isDown(id)
}

// Relay prefers nodes in their order to this one, when a call has to leave one.
func (n *node) Relay(_ []byte, not uint16) uint16 {
	if n.relays && not == 0 && !n.Draining() {
		return n.id
	}
	for id := uint16(1); int(id) <= len(n.nodes); id++ {
		if id != not && n.nodes[id].relays && !n.nodes[id].Draining() {
			return id
		}
	}
	return 0
}

func (c *city) isDown(id uint16) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down[id]
}

func (c *city) fall(id uint16) { c.set(id, true) }

func (c *city) rise(id uint16) { c.set(id, false) }

func (c *city) set(id uint16, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down[id] = down
}

// Tell passes a copy, as a wire does.
func (n *node) Tell(id uint16, path string, msg proto.Message) error {
	to := n.nodes[id]
	if to == nil || n.isDown(id) {
		return errDown
	}
	b, err := proto.Marshal(msg)
	if err != nil {
		return err
	}
	same := msg.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(b, same); err != nil {
		return err
	}
	now := func() { to.actors.Root.Send(actor.NewPID(to.actors.Address(), path), same) }
	if n.post != nil {
		n.post(id, same, now)
		return nil
	}
	now()
	return nil
}

// build starts nodes 1 to n, all of which relay, unless prepare says otherwise.
func build(t testing.TB, n int, prepare func(*node)) *city {
	t.Helper()
	c := &city{t: t, nodes: map[uint16]*node{}, down: map[uint16]bool{}}
	for id := uint16(1); int(id) <= n; id++ {
		c.nodes[id] = &node{city: c, id: id, relays: true}
		if prepare != nil {
			prepare(c.nodes[id])
		}
	}
	for _, m := range c.nodes {
		m.start()
	}
	return c
}

func (n *node) start() {
	n.t.Helper()
	var legs []*message.Leg
	for i, name := range []string{"inside", "outside"} {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), byte(n.id)}), 5060)
		legs = append(legs, message.NewLeg(name, sipwire.UDP, addr, "", 0))
	}
	n.legs = message.NewLegs(legs)
	n.actors = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	n.foreign = message.NewPool(8, 4096, &message.Counts{})
	n.restarts = room.NewRestarts(slog.New(slog.DiscardHandler))
	n.actors.EventStream.Subscribe(room.Undelivered)
	address := n.actors.Address()
	at := func(path string) *actor.PID { return actor.NewPID(address, path) }
	cfg := Config{
		Name: fmt.Sprintf("node%d", n.id), Nodes: n, Legs: n.legs, Streams: make([]*stream.Endpoint, 2), Emit: n.emit, Pool: n.foreign,
		Log: slog.New(slog.DiscardHandler),
	}
	policy := room.CarryOn(n.restarts)
	media := func() actor.Actor { return actor.ReceiveFunc(n.media) }
	root := n.actors.Root.Copy().WithGuardian(policy)
	_, err := root.SpawnNamed(room.Props(media, 1024, policy, nil), "media")
	if err == nil {
		make := New(cfg, Next{Self: at(Path), Anchor: at("media")}, n.actors.Root)
		_, err = root.SpawnNamed(room.Props(make, 1024, policy, n.chaos), Path)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	actors := n.actors // start may be called again
	n.t.Cleanup(func() {
		_ = actors.Root.PoisonFuture(at(Path)).Wait()
		actors.Shutdown()
	})
}

// media are the media sessions of a node.
func (n *node) media(ctx actor.Context) {
	v, ok := ctx.Message().(message.Anchor)
	switch {
	case !ok:
	case n.session != nil:
		n.session(v)
	default:
		n.mark(v)
	}
}

// mark passes a packet with the node's name in its description.
func (n *node) mark(v message.Anchor) {
	if at, ok := v.SDP(); ok {
		v.Body = fmt.Appendf(v.Body[:0], "node%d", n.id)
		v.ReplaceBody(at, v.Body)
	}
	v.Return(message.AtAnchor, message.Pass(v.Then, message.Send(v)))
}

// lane is packets of a node, and where they come back to.
type lane struct {
	*node
	pool  *message.Pool
	inbox *message.Inbox
	wake  chan struct{}
	back  []*message.Packet
}

func (n *node) lane(packets int) *lane {
	l := &lane{node: n, pool: message.NewPool(packets, 4096, &message.Counts{}), wake: make(chan struct{}, 1)}
	l.inbox = message.NewInbox(func() {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	})
	return l
}

const offer = "v=0\r\n"

func request(method, body string) string {
	return text(method+" sip:bob@example.com SIP/2.0", method, body)
}

func response(status, method, body string) string { return text("SIP/2.0 "+status, method, body) }

func text(start, method, body string) string {
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\n"
	}
	head := start + "\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKnext\nVia: SIP/2.0/UDP 10.9.9.8:5060;branch=z9hG4bKfirst\nMax-Forwards: 70\nFrom: <sip:a@b.c>;tag=1\n" +
		"To: <sip:b@b.c>;tag=2\nCall-ID: call\nCSeq: 1 " + method + "\n" + kind + fmt.Sprintf("Content-Length: %d\n\n", len(body))
	return strings.ReplaceAll(head, "\n", "\r\n") + body
}

// packet is one that came to the lane, as it is when it is to be anchored.
func (l *lane) packet(owner uint16, text string) *message.Packet {
	l.t.Helper()
	p := l.pool.Take()
	if p == nil {
		l.t.Fatal("no packet is left")
	}
	p.In = append(p.In[:0], text...)
	if fault := p.Parse(p.In); fault != sipwire.None {
		l.t.Fatalf("%v in\n%s", fault, text)
	}
	p.Ingress, p.Egress, p.Inbox, p.Owner = l.legs.All[0], l.legs.All[1], l.inbox, owner
	p.Home, p.Then = actor.NewPID("", "ingress"), actor.NewPID("", "egress")
	p.Source, p.To = netip.MustParseAddrPort("10.9.9.9:5060"), netip.MustParseAddrPort("10.9.9.7:5060")
	return p
}

// anchor hands a packet to the room.
func (l *lane) anchor(owner uint16, text string) {
	l.t.Helper()
	p := l.packet(owner, text)
	p.Settle(l.actors.Root, message.AtAnchor, message.Hand(actor.NewPID(l.actors.Address(), Path), message.Anchor{Packet: p}))
}

// outcome is what became of the next packet that is back, and what it says now.
func (l *lane) outcome() (p *message.Packet, at message.Stage, o string) {
	l.t.Helper()
	deadline := time.After(5 * time.Second)
	for len(l.back) == 0 {
		if l.back = l.inbox.Take(l.back); len(l.back) > 0 {
			break
		}
		select {
		case <-l.wake:
		case <-deadline:
			l.t.Fatal("no packet has come back")
		}
	}
	p = l.back[0]
	l.back = l.back[1:]
	at, out, ok := p.Returned()
	if !ok {
		l.t.Fatal("a packet came back and nothing was decided")
	}
	return p, at, out.String()
}

// expect frees the packet that is back.
func (l *lane) expect(owner uint16, want, body string) {
	l.t.Helper()
	p, _, o := l.outcome()
	if o != want {
		l.t.Errorf("the outcome is %q, not %q", o, want)
	}
	if p.Owner != owner {
		l.t.Errorf("the owner is %d, not %d", p.Owner, owner)
	}
	if got := string(p.NewBody()); got != body {
		l.t.Errorf("the description is %q, not %q", got, body)
	}
	p.Free()
}

// whole tells that no packet is missing, of the lane and of those that nodes keep for others.
func (l *lane) whole() {
	l.t.Helper()
	if n := l.pool.InUse(); n != 0 {
		l.t.Errorf("%d packets of the lane are missing", n)
	}
	for _, m := range l.nodes {
		for deadline := time.Now().Add(5 * time.Second); ; <-time.After(10 * time.Millisecond) {
			used, _ := m.foreign.Used()
			if used == 0 {
				break
			}
			if time.Now().After(deadline) {
				l.t.Errorf("node %d has lost %d packets of other nodes", m.id, used)
				break
			}
		}
	}
}

const passed = "pass to egress: Send"

// name is the type of a message.
func name(msg any) string { return fmt.Sprintf("%T", msg) }
