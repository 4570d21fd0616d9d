package system

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/actors/leg"
	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/target"
	"github.com/actorsip/actorsip/telemetry"
)

// System is a running proxy.
type System struct {
	config       Config
	log          *slog.Logger
	chaos        room.Chaos
	actors       *actor.ActorSystem
	ring         *keyring.Ring
	resolver     *target.Resolver
	legs         *message.Legs
	streams      []*stream.Endpoint // by leg; nil for one of datagrams
	certificates []*stream.TLS      // by leg; nil for one without
	intakes      [][]*leg.Intake    // by lane and leg; nil for a leg of datagrams
	lanes        []*leg.Lane
	counts       []*message.Counts // by lane
	chain        chain
	nodes        *nodes // nil without a cluster
	shared       shared
	restarts     *room.Restarts
	media        *media // nil: nothing is relayed
	depths       room.Depths
	lost         atomic.Uint64 // messages to rooms that are gone

	telemetry *telemetry.Telemetry
	admin     *admin
	ready     atomic.Bool
	draining  atomic.Bool

	mu    sync.Mutex // guards loops: rarely taken, never on a packet's way
	loops map[*leg.Lane]running
}

// Options are for those who start a system from Go.
type Options struct {
	Log   *slog.Logger // default: as the configuration says, to standard error
	Chaos room.Chaos   // fault injection; nil for none
}

// Start starts a proxy and returns when every leg is bound and answers.
func Start(cfg Config) (*System, error) { return StartWith(cfg, Options{}) }

// StartWith is Start with options.
func StartWith(cfg Config, opts Options) (_ *System, err error) {
	s := &System{config: cfg, log: opts.Log, chaos: opts.Chaos, loops: map[*leg.Lane]running{}}
	if s.log == nil {
		s.log = cfg.Log.logger(os.Stderr)
	}
	s.log = s.log.With("node", cfg.Node)
	s.restarts = room.NewRestarts(s.log)
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if err = s.openEtcd(); err != nil {
		return nil, err
	}
	if err = s.openKeys(); err != nil {
		return nil, err
	}
	if err = s.startTelemetry(); err != nil {
		return nil, err
	}
	if cfg.clustered() {
		s.nodes = s.newNodes()
	}
	if err = s.bind(); err != nil {
		return nil, err
	}
	if s.resolver, err = target.New(s.resolverConfig()); err != nil {
		return nil, err
	}
	if err = s.openChain(); err != nil {
		return nil, err
	}
	if err = s.openMedia(); err != nil {
		return nil, err
	}
	if s.admin, err = listenAdmin(s); err != nil {
		return nil, err
	}
	if err = s.observe(); err != nil {
		return nil, err
	}
	if err = s.spawn(); err != nil {
		return nil, err
	}
	if err = s.joinCluster(); err != nil {
		s.vacate()
		return nil, err
	}
	s.startPlace()
	s.accept()
	s.ready.Store(true)
	return s, nil
}

// bind opens each leg's socket for each lane, and the endpoints of the legs of connections.
func (s *System) bind() error {
	n := s.config.Lanes
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if !leg.Shared {
		n = 1
	}
	s.legs = message.NewLegs(nil)
	if err := s.openStreams(n); err != nil {
		return err
	}
	for range n {
		if err := s.bindLane(); err != nil {
			return err
		}
	}
	leg.Steer(s.lanes, s.counts[len(s.counts)-len(s.lanes):], s.log)
	return nil
}

// bindLane opens the sockets of one more lane. The first lane finds out where each leg is; the others go there.
func (s *System) bindLane() (err error) {
	first, counts := len(s.lanes) == 0, &message.Counts{}
	var all []*message.Leg
	var sockets []*leg.Socket
	defer func() {
		if err != nil {
			for _, sock := range sockets {
				if sock != nil {
					sock.Close()
				}
			}
		}
	}()
	for i, c := range s.config.Legs {
		addr := c.Listen
		if !first {
			addr = s.legs.All[i].Addr
		}
		var sock *leg.Socket
		if e := s.streams[i]; e != nil {
			addr = e.Addr()
		} else {
			if sock, err = leg.Listen(c.Name, addr, first, s.log, counts); err != nil {
				return err
			}
			addr = sock.Addr
		}
		sockets = append(sockets, sock)
		f := c.facts(addr)
		f.Relays, f.Hairpin = s.config.Media.Relay, c.Media.Hairpin
		all = append(all, f)
	}
	if first {
		s.legs = message.NewLegs(all)
	}
	intakes := s.intakes[len(s.lanes)]
	for i, facts := range s.legs.All {
		if sock := sockets[i]; sock != nil {
			sock.Leg = facts
		} else {
			intakes[i].Leg = facts
		}
	}
	pool := message.NewPool(s.config.Limits.Packets, s.config.Limits.MaxMessage, counts)
	pool.Tracer = s.telemetry.Tracer()
	l, err := leg.NewLane(sockets, intakes, pool, s.log)
	if err != nil {
		return err
	}
	s.lanes, s.counts = append(s.lanes, l), append(s.counts, counts)
	return nil
}

// facts are what every room knows of a leg that is bound at addr.
func (l Leg) facts(addr netip.AddrPort) *message.Leg {
	f := message.NewLeg(l.Name, l.Transport, addr, l.AdvertiseHost, l.AdvertisePort)
	if addr.Addr().IsUnspecified() {
		f.Addrs, _ = machineAddrs() // without them only the advertised name is ours
	}
	return f
}

// machineAddrs are the addresses of this machine at the moment.
func machineAddrs() (all []netip.Addr, err error) {
	found, err := net.InterfaceAddrs()
	for _, a := range found {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Addr().Unmap())
		}
	}
	return all, err
}

func (s *System) resolverConfig() target.Config {
	d := s.config.DNS
	c := target.Config{
		Timeout: d.Timeout, Attempts: d.Attempts, MaxWaiting: d.MaxWaiting, CacheSize: d.Cache,
		Failed: s.failed("resolver"),
	}
	for _, a := range d.Servers {
		c.Servers = append(c.Servers, a.String())
	}
	seen := map[sipwire.Transport]bool{}
	for _, l := range s.config.Legs {
		if !seen[l.Transport] {
			seen[l.Transport] = true
			c.Transports = append(c.Transports, l.Transport)
		}
		if l.Listen.Addr().Is4() {
			c.IPv4 = true
		} else {
			c.IPv6 = true
		}
	}
	return c
}

// spawn grows the tree. Every room runs on the goroutine of who tells it something, so all of it is there when this
// returns.
func (s *System) spawn() error {
	s.actors = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler) // what matters of it, restarts, we log ourselves
	}))
	for i, l := range s.lanes {
		l.Wire(s.actors.Root, s.legsAt(i), s.at(i, "router"))
	}
	s.actors.EventStream.Subscribe(s.undelivered)
	t := s.tree()
	// Without a guardian of ours the library's own would stop the whole tree after ten failures.
	_, err := s.actors.Root.Copy().WithGuardian(room.CarryOn(s.restarts)).SpawnNamed(t.props, t.name)
	return err
}

// Addr is where the leg of that name is bound.
func (s *System) Addr(name string) netip.AddrPort {
	if l := s.legs.Named(name); l != nil {
		return l.Addr
	}
	return netip.AddrPort{}
}

// AdminAddr is where the admin port is bound; invalid when there is none.
func (s *System) AdminAddr() netip.AddrPort { return s.admin.addr() }

// Counts is what became of all packets so far.
func (s *System) Counts() []message.Count { return message.Sum(s.counts) }

// written is how many messages sockets and connections took so far.
func (s *System) written() (n uint64) {
	for _, c := range s.counts {
		n += c.Written.Load()
	}
	return n
}

// Restarts is how often each room was restarted, by its path.
func (s *System) Restarts() map[string]uint64 { return s.restarts.ByRoom() }

// Media is the state of the media relay; nil when nothing is relayed.
func (s *System) Media() *MediaStatus { return s.media.status() }

// Reload reads the key file and the certificates now.
func (s *System) Reload() {
	for _, room := range []string{"/keyring", "/certificates"} {
		s.actors.Root.Send(actor.NewPID(s.actors.Address(), root+room), look{})
	}
}

// Stop stops reading, finishes what is in hand, and leaves. It is called once.
func (s *System) Stop() {
	s.ready.Store(false)
	if s.nodes != nil {
		s.draining.Store(true) // other nodes bring no calls to what is about to end
		s.nodes.drain()
	}
	s.stopPlace()
	s.vacate()
	s.release()
}

// vacate ends the lanes and the rooms, and between them this node's place in the cluster: packets need it to the last one, or they would
// have other nodes' calls relayed here, and rooms serve other nodes as long as these may ask.
func (s *System) vacate() {
	var wg sync.WaitGroup
	for _, l := range s.lanes {
		wg.Add(1)
		loop.Start("leave", func(<-chan struct{}) { s.leave(l) }, func(loop.Ended) { wg.Done() })
	}
	wg.Wait()
	s.leaveCluster()
	if err := s.actors.Root.PoisonFuture(actor.NewPID(s.actors.Address(), root)).Wait(); err != nil {
		s.log.Error("the rooms did not stop", "error", err)
	}
	for _, l := range s.lanes {
		s.leave(l) // a loop that a failing room has started meanwhile
	}
	s.actors.Shutdown()
}

// release gives back what the rooms do not own.
func (s *System) release() {
	if s.admin != nil {
		s.admin.close()
	}
	if s.resolver != nil {
		s.resolver.Close() // before the lanes: it tells those that wait
	}
	s.closeStreams()
	s.closeChain()
	for _, l := range s.lanes {
		l.Close()
	}
	s.media.close()
	s.closeShared()
	if s.telemetry != nil {
		if err := s.telemetry.Shutdown(context.Background()); err != nil {
			s.log.Warn("the last of the telemetry could not be sent", "error", err)
		}
	}
}

// logger is the log that the configuration asks for.
func (l Log) logger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelDebug} // telemetry has the level, which may change
	if l.Format == LogText {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

// failed hears of a loop that panicked, as of a room of that name.
func (s *System) failed(name string) func(loop.Ended) {
	at := actor.NewPID("", root+"/"+name)
	return func(e loop.Ended) {
		if e.Panic != nil {
			s.restarts.Note(at, room.Panic{Value: e.Panic, Stack: e.Stack}, e)
		}
	}
}
