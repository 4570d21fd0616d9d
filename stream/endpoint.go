package stream

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/sipwire"
)

// Config is what an endpoint is made of.
type Config struct {
	Name       string            // of the leg
	Transport  sipwire.Transport // TCP, TLS, WS or WSS
	Listen     netip.AddrPort    // port 0: one that is free
	TLS        *TLS              // of TLS and WSS
	WebSocket  WebSocket         // of WS and WSS
	MaxMessage int               // bytes of a message
	Limits     Limits
	Node       uint16           // in a cluster: it is part of each ID
	Log        *slog.Logger     // nil: none
	Failed     func(loop.Ended) // hears of goroutines that panicked; nil: nobody does
}

// Endpoint is one leg's place: it listens, and it dials from where it listens. All methods may be called from any goroutine.
type Endpoint struct {
	cfg      Config
	listener *net.TCPListener
	addr     netip.AddrPort
	sinks    []Sink
	log      *slog.Logger
	ids      *table // the open connections by ID
	peers    *table // those that requests to an address may take, by that address
	buffers  sync.Pool
	counters counters

	mu        sync.Mutex // of connections that come and go; no packet takes it
	acceptor  *loop.Handle
	watcher   *loop.Handle               // of the times of driven connections
	conns     [shares]map[*Conn]struct{} // those in their handshakes too, by their share
	dials     map[peer]*dial
	admission admission
	opened    int
	closed    bool
	gone      chan struct{} // closed when it is closed and nobody is left
}

// peer is who a connection leads to. Name is for TLS alone, where a connection is only as good as the name in the certificate.
type peer struct {
	addr netip.AddrPort
	name string
}

// key is by which the table of peers finds the address; names are compared there.
func (p *peer) key() []byte { return addrKey(p.addr) }

// Listen opens a leg's place. What connects to it waits until Serve. Connections are spread over the sinks.
func Listen(cfg Config, sinks []Sink) (*Endpoint, error) {
	cfg.Listen = unmapped(cfg.Listen)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Endpoint{
		cfg: cfg, sinks: sinks, log: cfg.Log.With("leg", cfg.Name), ids: newTable(), peers: newTable(),
		buffers: sync.Pool{New: func() any { return new([]byte) }},
		dials:   map[peer]*dial{}, gone: make(chan struct{}),
		admission: admission{limits: cfg.Limits, sources: map[netip.Prefix]int{}, sinks: make([]int, len(sinks))},
	}
	for i := range e.conns {
		e.conns[i] = map[*Conn]struct{}{}
	}
	if e.cfg.Transport.IsSecure() && cfg.TLS == nil {
		return nil, e.refusal("it has no certificate")
	}
	lc := net.ListenConfig{KeepAlive: -1} // what is accepted gets its own. That a port may be in TIME_WAIT is Go's default
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), network(cfg.Listen), cfg.Listen.String())
	if err != nil {
		return nil, e.refusal(err)
	}
	e.listener = l.(*net.TCPListener)
	e.addr = addrPort(l.Addr())
	if _, drives := sinks[0].(Driver); drives {
		e.watch()
	}
	return e, nil
}

func (e *Endpoint) refusal(why any) error {
	err, ok := why.(error)
	if !ok {
		err = fmt.Errorf("%v", why)
	}
	return fmt.Errorf("leg %s cannot listen on %s:%s: %w", e.cfg.Name, e.cfg.Transport.Param(), e.cfg.Listen, err)
}

// network has an IPv6 address serve IPv6 alone: the other family is another leg's.
func network(a netip.AddrPort) string {
	if a.Addr().Is6() {
		return "tcp6"
	}
	return "tcp4"
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Addr is where it listens.
func (e *Endpoint) Addr() netip.AddrPort { return e.addr }

// ByID is the open connection of that ID; nil when it is gone.
func (e *Endpoint) ByID(id ID) *Conn {
	var key [8]byte
	binary.LittleEndian.PutUint64(key[:], uint64(id))
	for x := e.ids.of(key[:]).Load(); x != nil; x = x.next.Load() {
		if x.conn.id == id {
			return x.conn
		}
	}
	return nil
}

// To is an open connection to that peer, the newest; nil when there is none. It was dialled, or accepted from exactly that address and
// port. With TLS it was dialled for that name: an accepted one has shown no certificate that says whom it leads to.
func (e *Endpoint) To(to netip.AddrPort, name string) *Conn {
	p := e.peer(to, name)
	key := addrBytes(p.addr)
	for x := e.peers.of(key[:]).Load(); x != nil; x = x.next.Load() {
		if x.conn.peer == p {
			return x.conn
		}
	}
	return nil
}

// peer is whom a packet to that address wants. Without a name the certificate must be for the address.
func (e *Endpoint) peer(to netip.AddrPort, name string) peer {
	p := peer{addr: unmapped(to)}
	if e.cfg.Transport.IsSecure() {
		p.name = name
	}
	return p
}

// register gives a connection its ID, and has Close know it. False: the endpoint is closed.
func (e *Endpoint) register(c *Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	for c.id == 0 || e.ByID(c.id) != nil {
		var b [8]byte
		rand.Read(b[:IDLen]) // it never fails: it would end the process
		c.id = ID(binary.LittleEndian.Uint64(b[:]))
		if e.cfg.Node != 0 {
			c.id = c.id&(1<<32-1) | ID(e.cfg.Node)<<32
		}
	}
	e.conns[c.share()][c] = struct{}{}
	return true
}

// opens has a connection be found, once its handshakes are done. False: it has ended meanwhile.
func (e *Endpoint) opens(c *Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	e.ids.put(idKey(c.id), c)
	if c.dialed || !e.cfg.Transport.IsSecure() {
		e.peers.put(c.peer.key(), c)
	}
	e.mu.Lock()
	e.opened++
	e.mu.Unlock()
	if c.dialed {
		e.counters.dialed.Add(1)
	} else {
		e.counters.accepted.Add(1)
	}
	e.log.Debug("a connection is open", "peer", c.peer.addr, "dialed", c.dialed)
	return true
}

// forget has a connection be found no more.
func (e *Endpoint) forget(c *Conn) {
	e.ids.drop(idKey(c.id), c)
	e.peers.drop(c.peer.key(), c)
}

// left takes a connection out of the counts, as the last that happens to it.
func (e *Endpoint) left(c *Conn) {
	from := c.peer.addr.Addr()
	if c.dialed {
		from = netip.Addr{}
	}
	e.log.Debug("a connection has ended", "peer", c.peer.addr, "why", c.why.String())
	e.counters.ends[c.why].Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.conns[c.share()], c)
	if c.opened {
		e.opened--
	}
	e.leave(from, c.sink)
}

// leave needs the lock.
func (e *Endpoint) leave(from netip.Addr, sink int) {
	e.admission.left(from, sink)
	if e.closed && e.admission.all == 0 {
		close(e.gone)
	}
}

// closeTime is how long Close waits for readers whose sinks do not take what they bring.
const closeTime = 3 * time.Second

// Close ends all connections and those that are being made, and waits until the sinks have heard of it. No sink may call it.
func (e *Endpoint) Close() {
	_ = e.listener.Close()
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	acceptor, watcher, empty := e.acceptor, e.watcher, e.admission.all == 0
	var conns []*Conn
	for _, share := range e.conns {
		for c := range share {
			conns = append(conns, c)
		}
	}
	for _, d := range e.dials {
		d.cancel()
	}
	e.mu.Unlock()
	if empty {
		close(e.gone)
	}
	for _, c := range conns {
		c.Close(Stopped)
	}
	if acceptor != nil {
		acceptor.Stop()
	}
	if watcher != nil {
		watcher.Stop()
	}
	select {
	case <-e.gone:
	case <-time.After(closeTime):
		e.log.Warn("connections are left behind, whose lane does not take what came")
	}
}

// panicked tells whom it concerns.
func (e *Endpoint) panicked(x loop.Ended) {
	e.log.Error("a goroutine of connections has panicked", "error", x.Err(), "stack", string(x.Stack))
	if e.cfg.Failed != nil {
		e.cfg.Failed(x)
	}
}

func idKey(id ID) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(id)) }

func addrKey(a netip.AddrPort) []byte {
	b := addrBytes(a)
	return b[:]
}

func addrBytes(a netip.AddrPort) (b [18]byte) {
	addr := a.Addr().As16()
	copy(b[:], addr[:])
	binary.LittleEndian.PutUint16(b[16:], a.Port())
	return b
}
