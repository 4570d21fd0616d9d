package message

import (
	"net/netip"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/target"
	"github.com/actorsip/actorsip/telemetry"
)

// Packet is one SIP message on its way through the rooms of one lane. It has exactly one owner at a time: whoever
// was told it last.
type Packet struct {
	sipwire.Message

	Source netip.AddrPort   // who sent the datagram
	Via    sipwire.ViaValue // of a request: the topmost Via as received
	Reply  Place            // of a request: where its responses go

	Ingress     *Leg
	Egress      *Leg           // set once the leg by which it leaves is known
	To          netip.AddrPort // set once the next hop is known
	IngressFlow stream.ID      // the connection by which it came; 0 for a datagram
	EgressFlow  stream.ID      // the connection by which it must leave, because nobody else leads there; 0 for none
	Pinhole     Pinhole        // by which it must leave as a datagram, because its receiver is behind a NAT
	Owner       uint16         // the node that has its call's media, by its id; 0: not known, or no cluster
	Accepted    bool           // the peer has opened the connection by which it came: it may be the only way back to it

	Moved *Leg // the leg for datagrams that it was too large for; nil for none

	Query   target.Query // what the next hop is resolved from
	Slow    bool         // a server was not connected to within a moment
	Patient bool         // every server was tried for a moment: now each is waited for
	Name    string       // what the next hop's certificate must be for; empty: for its address
	Found   *Found       // of a packet that waited for a name or a connection: what came of it
	Hash    uint64       // of a request: what loop detection compares
	Opened  bool         // the request-URI was a token of ours
	Way     Way          // what its next hop comes from
	Routed  bool         // a Route of ours led here within a dialog: its request-URI says where it goes

	Home    *actor.PID // the ingress leg's actor on this lane: where answers are told
	Then    *actor.PID // the egress leg's actor on this lane: where a packet goes on that was anchored
	Inbox   *Inbox     // of this lane
	Trace   telemetry.Trace
	Cut     bool          // the datagram was longer than In
	Fault   sipwire.Fault // of a message that its connection could not be cut behind
	Pressed bool          // the lane is behind: a new call is refused

	Status int    // not 0 for a request that was answered
	Reason Reason // why
	phrase string // of the answer, when it is not that of the reason
	extra  []byte // header lines of the answer
	store  [256]byte

	In  []byte // receive buffer; the message is the beginning of it
	Out []byte // what is written to the socket

	Made bool // Out is there: another node was to write it

	Body []byte // a session description that takes the place of the one received

	User   string // who sent it, of a request that was authorized
	chain  Chain  // what it passes before it is routed
	Placed bool   // the registrar has said where it goes
	// Through is the URI of the proxy by which a request that was placed reaches its contact; empty: it goes there itself.
	Through string

	awaits  Stage   // where it began to wait
	handed  bool    // a room outside of its lane has it
	decided Outcome // what that room decided
	pool    *Pool
	free    bool
}

// Place is a host and port, as an address or, where it must be resolved first, as a name.
type Place struct {
	Addr netip.AddrPort
	Host []byte // set when Addr is not
	Port uint16
}

// Deliverable is false for addresses that no single peer has: nothing is sent there.
func Deliverable(to netip.AddrPort) bool {
	a := to.Addr()
	return to.Port() != 0 && a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && a != broadcast
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Way is what a request's next hop comes from.
type Way uint8

// ByURI and ByRoute were written by others, ByConfig by the operator.
const (
	ByURI Way = iota
	ByRoute
	ByConfig
)

// Found is the answer to a name that a packet waited for, or what became of a connection to it.
type Found struct {
	target.Hop
	Dialed bool // it has waited for a connection
	Err    error
}

// HasMedia tells whether the media sessions are concerned: the packet carries a session description between two legs that
// relay, or may be the end of a call or of what was offered.
func (p *Packet) HasMedia() bool {
	if !p.Ingress.Relays || !p.Egress.Relays || p.Ingress == p.Egress && !p.Ingress.Hairpin {
		return false
	}
	described := p.Has(sipwire.ContentType)
	_, method := p.CSeq()
	switch string(method) {
	case "INVITE":
		return described || !p.IsRequest() && p.Message.Status() > 100
	case "BYE":
		return p.IsRequest() || p.Message.Status() >= 200
	case "CANCEL":
		return p.IsRequest()
	case "UPDATE", "PRACK":
		return described || !p.IsRequest() && p.Message.Status() >= 300
	case "ACK", "OPTIONS":
		return described
	}
	return false
}

// HasContact tells whether there is a Contact header to seal.
func (p *Packet) HasContact() bool { return p.Has(sipwire.Contact) }

// Kept is the connection by which what is sent back to where a packet came from must go; 0 when its peer can be connected to.
func (p *Packet) Kept() stream.ID {
	if p.Accepted {
		return p.IngressFlow
	}
	return 0
}

// Free gives the packet back to its lane's pool. Whoever frees a packet twice has a bug that would corrupt another
// call's packet, so that panics.
func (p *Packet) Free() {
	if p.free {
		panic("packet freed twice")
	}
	p.pool.Tracer.Close(&p.Trace, p.pool.Clock, p)
	p.free = true
	p.pool.put(p)
}

// Lost frees the packet of a room that panicked on it, or that had no place for it. When the room had given it back
// before, there is nothing to free.
func (p *Packet) Lost() {
	p.pool.Counts.drop(AtReceive, Panicked)
	if !p.free {
		p.Trace.Note(uint8(AtReceive), telemetry.Dropped, uint8(Panicked))
		p.Free()
	}
}

// Unsent is what becomes of a packet that was ready to leave and cannot: a request is answered, without what forwarding has added.
func (p *Packet) Unsent(why Reason) Outcome {
	if !p.IsRequest() {
		return Drop(why)
	}
	p.Parse(p.In)
	p.Via, _ = p.TopVia()
	p.StampVia(p.Via, p.Source)
	return Answer(why)
}

// Waiting is how many packets of this lane wait for somebody outside of it, of those that a room of that stage has sent.
func (p *Packet) Waiting(at Stage) int { return p.pool.waiting[at] }

// Begin begins the packet's trace, when its message was parsed.
func (p *Packet) Begin(force bool) { p.pool.Tracer.Open(&p.Trace, &p.Message, p.pool.Clock, force) }

// Clock is when the packet's lane last looked at the clock.
func (p *Packet) Clock() telemetry.Instant { return p.pool.Clock }

// Tick looks at the clock for the packet's lane.
func (p *Packet) Tick() { p.pool.Clock = telemetry.Now() }

// AppendTraced appends the parameter of our Via that makes the response the child of this request: nothing unless it is
// sampled.
func (p *Packet) AppendTraced(via []byte) []byte { return p.pool.Tracer.AppendVia(via, &p.Trace) }

// Facts are what the packet's span tells.
func (p *Packet) Facts() telemetry.Facts {
	f := telemetry.Facts{Message: &p.Message, Peer: p.Source, Next: p.To, Status: p.Status}
	if p.Ingress != nil {
		f.Transport, f.Local, f.Ingress = p.Ingress.Transport.Param(), p.Ingress.Addr, p.Ingress.Name
	}
	if p.Egress != nil {
		f.Egress = p.Egress.Name
	}
	return f
}

// Pool is the fixed set of packets of one lane. Only the lane's own goroutine uses it.
type Pool struct {
	Counts  *Counts
	Tracer  *telemetry.Tracer // nil: nobody wants traces or durations
	Clock   telemetry.Instant // when the lane last looked at the clock
	idle    []*Packet
	size    int
	used    atomic.Int64   // packets that are out, for those who watch
	longest int            // bytes of what may leave
	fresh   [][]byte       // buffers for what leaves
	waiting [numStages]int // of those that are out, how many somebody outside the lane brings back
}

// headroom is what forwarding adds to a message: a Via, two Record-Routes, longer URIs.
const headroom = 2048

// keptBody is the largest buffer for a session description that a packet keeps.
const keptBody = 4096

// NewPool makes a pool of n packets with receive buffers of limit bytes each. The buffers are one piece of memory
// that the kernel backs as it is touched. Buffers for what leaves are made as they are needed, and kept.
func NewPool(n, limit int, counts *Counts) *Pool {
	p := &Pool{Counts: counts, idle: make([]*Packet, 0, n), size: n, longest: limit + headroom}
	slab := make([]byte, n*limit)
	for range n {
		k := &Packet{pool: p, free: true}
		k.In, slab = slab[:limit:limit], slab[limit:]
		p.idle = append(p.idle, k)
	}
	return p
}

// Longest is how many bytes may leave for this packet.
func (p *Packet) Longest() int { return p.pool.longest }

// Fresh is an empty buffer for what leaves, Longest bytes long: set Out to what was appended to it. It goes back to
// the pool with the packet.
func (p *Packet) Fresh() []byte {
	if cap(p.Out) > 0 {
		return p.Out[:0]
	}
	if n := len(p.pool.fresh); n > 0 {
		b := p.pool.fresh[n-1]
		p.pool.fresh = p.pool.fresh[:n-1]
		return b
	}
	return make([]byte, 0, p.pool.longest)
}

// Take is a packet for the next datagram; nil when all are in use: the reader then leaves the datagram in the kernel.
func (p *Pool) Take() *Packet {
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	k := p.idle[n-1]
	p.idle = p.idle[:n-1]
	p.used.Store(int64(p.size - n + 1))
	k.free = false
	k.Via, k.Reply, k.Found = sipwire.ViaValue{}, Place{}, nil
	k.Way, k.Fault = ByURI, sipwire.None
	k.Cut, k.Pressed, k.Opened, k.Routed, k.Accepted = false, false, false, false, false
	k.Ingress, k.Egress, k.To, k.Hash = nil, nil, netip.AddrPort{}, 0
	k.IngressFlow, k.EgressFlow, k.Pinhole, k.Moved, k.Owner = 0, 0, Pinhole{}, nil, 0
	k.Query, k.Slow, k.Patient, k.Name = target.Query{}, false, false, ""
	k.Status, k.Reason, k.extra = 0, 0, nil
	k.User, k.chain, k.Placed, k.Through, k.phrase = "", nil, false, "", ""
	k.Then, k.handed, k.decided, k.Body, k.Made = nil, false, Outcome{}, k.Body[:0], false
	return k
}

// Used is how many of the pool's packets are out. Anybody may ask.
func (p *Pool) Used() (used, size int) { return int(p.used.Load()), p.size }

// InUse is how many packets are out of the pool.
func (p *Pool) InUse() int { return p.size - len(p.idle) }

func (p *Pool) put(k *Packet) {
	if cap(k.Body) > keptBody {
		k.Body = nil
	}
	if cap(k.Out) > 0 {
		p.fresh = append(p.fresh, k.Out[:0])
		k.Out = nil
	}
	p.idle = append(p.idle, k)
	p.used.Store(int64(p.size - len(p.idle)))
}
