package relay

import (
	"errors"
	"net/netip"
	"time"
)

// Engine moves the packets of relays. It hears commands and tells counters; nothing of how it moves packets shows, so
// that an engine inside the kernel can stand behind the same interface.
//
// All methods may be called from any goroutine; those of one relay take effect in the order of the calls.
type Engine interface {
	// Lease takes n consecutive pairs of ports, RTP on an even one and RTCP on the one above, from a random place of a
	// pool. They are bound when it returns. ErrNoPorts when there are none, wrapped around the cause when that is not the
	// pool's size: too many open files, an address that is gone.
	Lease(pool, n int) (Lease, error)
	// Claim takes the pairs that an earlier process had leased, or this one, even if they rest: all of them, or an error says why not.
	Claim(l Lease) error
	// Return closes the ports of a lease. They are not leased again before Quarantine is over. Relays that use them are
	// stopped before.
	Return(l Lease)

	// Start begins a relay. Its ports are leased. Relays that share a port must have the same shard; what comes to it goes
	// to the one that knows or expects its source, else to the first that has learned none. What had come to the ports
	// before is relayed now.
	Start(shard uint64, r Rule) ID
	// Change gives a relay another rule. Counters go on, and so does what was learned of a side whose
	// Remote, Believed and Signalled stay as they were, or whose Remote becomes invalid and From says nothing else. Locked is
	// not looked at.
	Change(id ID, r Rule)
	// Stop ends a relay. Its counters are gone.
	Stop(id ID)
	// Read fills in the counters of a relay; false when there is none of that ID.
	Read(id ID, c *Counters) bool

	// Ports is the state of a pool.
	Ports(pool int) PoolState
	// Full tells whether no pair of a pool is free, and as a rule without a lock.
	Full(pool int) bool
	// Close stops everything and closes all ports.
	Close()
}

// ErrNoPorts says that a pool is exhausted.
var ErrNoPorts = errors.New("no media port is free")

// Quarantine is how long a returned port rests: late packets of the old call must not reach a new one.
const Quarantine = 2 * time.Second

// ID names a relay; 0 is none.
type ID uint64

// Pool is where the ports of one leg come from.
type Pool struct {
	Addr netip.Addr // where they are bound
	Low  uint16     // the lowest port
	High uint16     // the highest port
	// Shared says that the address is at times another machine's: it need not be here when the engine starts.
	Shared bool
}

// PoolState is how many pairs of a pool are in which state.
type PoolState struct {
	Leased, Resting, Free int
}

// Lease is a run of leased port pairs.
type Lease struct {
	Pool  int    `json:"pool"`
	Port  uint16 `json:"port"`  // the first RTP port; RTCP is the port above, the next pair two above
	Pairs int    `json:"pairs"` // 0: no lease
}

// Rule is one media stream of one dialog: what comes in at one side's port goes out of the other side's port to the
// other side's far end.
type Rule struct {
	Sides [2]Side
	Kind  Kind
	// Locked restores what an earlier process had learned, side by side; the zero value is nothing.
	Locked [2]Lock
}

// Kind says what may pass.
type Kind uint8

const (
	// RTP passes RTP and RTCP of version 2, DTLS too (a DTLS-SRTP handshake goes the way of its media, RFC 5764).
	RTP Kind = iota
	// ManyRTP is RTP with several synchronization sources at a time: video, FEC, bundles.
	ManyRTP
	// Datagrams passes whatever comes from the right source: UDPTL (T.38), DTLS over UDP.
	Datagrams
)

// Side is one end of a relay.
type Side struct {
	Pool int    // of the port
	Port uint16 // our RTP port that faces this side's endpoint; RTCP is the one above
	// Remote is where the endpoint's session description wants RTP; invalid when it does not say, or on hold: then nothing
	// is sent there. 0.0.0.0, :: and port 0 are as good as invalid.
	Remote netip.AddrPort
	// From is where its packets come from when Remote does not say: who is on hold may play music. Invalid: as before.
	From netip.AddrPort
	// RTCP is where it wants RTCP; invalid when it does not say: the port above Remote's. The same as Remote with rtcp-mux.
	RTCP netip.AddrPort
	// Signalled is where its SIP comes from; an endpoint behind NAT is looked for there first.
	Signalled netip.Addr
	// Believed says that the endpoint is where its description says, and not behind NAT.
	Believed bool
	// Types are the payload types that the endpoint may send, as bits. None set: any.
	Types [2]uint64
	// Rates are the clock rates of its payload types in Hz, those that are not 8000.
	Rates []Rate
}

// Rate is the clock rate of one payload type.
type Rate struct {
	Type uint8  `json:"type"`
	Hz   uint32 `json:"hz"`
}

// Lock is where one side's packets come from.
type Lock struct {
	Source netip.AddrPort `json:"source"` // of RTP; invalid: nothing learned yet
	RTCP   netip.AddrPort `json:"rtcp"`   // of RTCP, invalid until one came
	SSRC   uint32         `json:"ssrc"`
}

// Reject says why a packet was not relayed.
type Reject uint8

const (
	// Malformed is neither RTP nor RTCP of version 2, or too short or too long for it.
	Malformed Reject = iota
	// Stranger came from a source that is not this side's.
	Stranger
	// Foreign has an SSRC that is not this side's while that one still talks.
	Foreign
	// Nowhere came while the other side's address was not known, or on hold.
	Nowhere
	// Unsent was not taken by the kernel.
	Unsent
	// Rejects is how many reasons there are.
	Rejects
)

// String is the reason as counters and logs have it.
func (r Reject) String() string {
	return [...]string{"malformed", "stranger", "foreign", "nowhere", "unsent"}[r]
}

// Counters are those of one relay, by side: what came from its endpoint.
type Counters struct {
	Sides [2]Flow
}

// Flow is what came from one side.
type Flow struct {
	Packets   uint64          // RTP (or datagrams) relayed
	Bytes     uint64          // of them, UDP payload
	RTCP      uint64          // RTCP packets relayed
	Lost      uint64          // RTP that never came, by sequence numbers (RFC 3550 A.3)
	Late      uint64          // RTP that came out of order or twice
	Rejected  [Rejects]uint64 // not relayed, by reason
	WrongType uint64          // RTP relayed whose payload type was not agreed on
	Rebound   uint64          // how often the source moved to another port or address
	Jitter    time.Duration   // interarrival jitter (RFC 3550 A.8)
	RTT       time.Duration   // between the relay and this side, from its receiver reports; 0: not known
	First     time.Time       // when the first packet was relayed; zero: none was
	Last      time.Time       // when the last one was
	Lock      Lock            // where its packets come from
	Type      uint8           // payload type of the last RTP packet
}
