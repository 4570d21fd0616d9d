package telemetry

// Every name that leaves the process stands here, and docs/telemetry.md is made from it.

// scope is who all of it comes from.
const scope = "github.com/actorsip/actorsip/telemetry"

// Span is a kind of span.
type Span struct{ Name, Kind, Text string }

// Spans are all of them.
var Spans = []Span{
	{"sip METHOD", "server", "a request: from the moment it was read to the moment it was written, answered or dropped. `sip _OTHER` for a method that no RFC has"},
	{"sip STATUS METHOD", "server", "a response, child of its request"},
	{"ROOM VERB", "internal", "one room's work on a packet, child of the packet's span, where the configuration asks for spans of rooms"},
	{spanServed, "internal", "what the node of a cluster that has a call's media did about a packet that came to another one: method, Call-ID and outcome; child of the packet's span there"},
	{spanRelay, "internal", "the life of a media relay, child of the packet that had it made"},
	{spanRestart, "internal", "a room failed on what it was told and was restarted; always an error. `ROOM restart` for other rooms than mediasession"},
}

// Span names that are made of parts.
const (
	spanPacket  = "sip "
	spanServed  = "remote anchor"
	spanRelay   = "mediasession relay"
	spanRestart = "mediasession restart"
	restart     = " restart"
	otherMethod = "_OTHER"
)

// Events are what happens within a packet's span.
var Events = []Span{
	{"ROOM VERB", "event", "a room is done with the packet: leg receive, contact open, screen screen, authority authorize, registrar locate, router route, contact seal, mediasession anchor, leg send"},
}

// Attribute is something that a span, an event or a metric says.
type Attribute struct{ Key, On, Text string }

// Attributes of spans and events.
var Attributes = []Attribute{
	{keyProtocol, "packet", "`sip`"},
	{keyProtocolVersion, "packet", "`2.0`"},
	{keyTransport, "packet", "`udp`, `tcp`, `tls`, `ws` or `wss`"},
	{keyMessage, "packet", "`request` or `response`"},
	{keyMethod, "packet", "the method, of a response too; `_OTHER` for one that no RFC has"},
	{keyMethodOriginal, "packet", "the method when it is `_OTHER`, 32 bytes of it"},
	{keyStatus, "packet", "status code of a response; of a request, the status that the proxy itself answered with"},
	{keyCallID, "packet", "Call-ID, 256 bytes of it"},
	{keyCSeq, "packet", "CSeq number"},
	{keyPeerAddress, "packet", "who sent it"},
	{keyPeerPort, "packet", ""},
	{keyLocalAddress, "packet", "our socket that it came to"},
	{keyLocalPort, "packet", ""},
	{keyServerAddress, "packet", "where it was sent to"},
	{keyServerPort, "packet", ""},
	{keyLegIn, "packet", "the leg by which it came"},
	{keyLegOut, "packet", "the leg by which it left"},
	{keyOutcome, "packet, room", "`pass`, `answer`, `drop`; of a room `await` too: it waits for a name"},
	{keyError, "packet, restart", "why it was answered (400 and above) or dropped, as in docs/operations.md; the status of a 5xx response; `panic`"},
	{keyReason, "room, relay", "why a room answered or dropped it; why a relay ended"},
	{keyRoom, "room, restart", "the room"},
	{keyVerb, "room, restart", "what the room was told"},
	{keyForced, "packet", "true: sampled because the caller (RFC 8497) or the configuration asked for it"},
	{keyLate, "any", "true: its call is not sampled, but it failed or was slow. The rooms' times are then those of the last look at the clock before: a packet that waits looks at it"},
	{keyRequestURI, "packet", "the request-URI as received, 256 bytes of it; only if `telemetry.request_uri` is set"},
	{keyUser, "packet", "its user part; only with it"},
	{keyPanic, "restart", "what it panicked with, 200 bytes of it"},
	{keyNode, "resource", "`node` of the configuration"},
	{keySide + "*." + sideLeg, "relay", "of each side, `a` and `b`: the leg"},
	{keySide + "*." + sidePort, "relay", "our RTP port"},
	{keySide + "*." + sideSource, "relay", "where its packets came from, as was learned"},
	{keySide + "*." + sidePackets, "relay", "RTP packets relayed"},
	{keySide + "*." + sideBytes, "relay", "bytes in them"},
	{keySide + "*." + sideRTCP, "relay", "RTCP packets relayed"},
	{keySide + "*." + sideLost, "relay", "RTP packets that never came, by sequence numbers"},
	{keySide + "*." + sideLate, "relay", "RTP packets that came out of order or twice"},
	{keySide + "*." + sideRejected, "relay", "packets that were not relayed"},
	{keySide + "*." + sideRebound, "relay", "how often its source moved"},
	{keySide + "*." + sideJitter, "relay", "interarrival jitter in seconds (RFC 3550)"},
	{keySide + "*." + sideRTT, "relay", "round trip between relay and endpoint in seconds, where its reports tell"},
	{keySide + "*." + sideMOS, "relay", "estimated MOS, 1 to 5"},
}

// Keys of attributes: sip.* as OpenSIPS has them, network.*, server.* and error.type as OpenTelemetry has them.
const (
	keyProtocol        = "network.protocol.name"
	keyProtocolVersion = "network.protocol.version"
	keyTransport       = "network.transport"
	keyMessage         = "sip.message.type"
	keyMethod          = "sip.request.method"
	keyMethodOriginal  = "sip.request.method_original"
	keyStatus          = "sip.response.status_code"
	keyCallID          = "sip.call_id"
	keyCSeq            = "sip.cseq"
	keyPeerAddress     = "network.peer.address"
	keyPeerPort        = "network.peer.port"
	keyLocalAddress    = "network.local.address"
	keyLocalPort       = "network.local.port"
	keyServerAddress   = "server.address"
	keyServerPort      = "server.port"
	keyLegIn           = "actorsip.leg.in"
	keyLegOut          = "actorsip.leg.out"
	keyOutcome         = "actorsip.outcome"
	keyError           = "error.type"
	keyReason          = "actorsip.reason"
	keyRoom            = "actorsip.room"
	keyVerb            = "actorsip.verb"
	keyForced          = "actorsip.forced"
	keyLate            = "actorsip.sampled_late"
	keyRequestURI      = "sip.request.uri"
	keyUser            = "actorsip.user"
	keyPanic           = "actorsip.panic"
	keyNode            = "actorsip.node"

	keySide = "actorsip.media." // then the side, a or b, and one of these
)

const (
	sideLeg      = "leg"
	sidePort     = "port"
	sideSource   = "source"
	sidePackets  = "packets"
	sideBytes    = "bytes"
	sideRTCP     = "rtcp"
	sideLost     = "lost"
	sideLate     = "late"
	sideRejected = "rejected"
	sideRebound  = "rebound"
	sideJitter   = "jitter"
	sideRTT      = "rtt"
	sideMOS      = "mos"
)

// Keys that only metrics have.
const (
	keyState  = "actorsip.state"
	keyLane   = "actorsip.lane"
	keyLeg    = "actorsip.leg"
	keyPool   = "actorsip.pool"
	keyResult = "actorsip.result"
	keyRule   = "actorsip.rule"
)

// Labels are the attributes that a metric may have: none tells who calls whom.
var Labels = []Attribute{
	{keyRoom, "", "leg, contact, screen, authority, registrar, router, mediasession, or a path of the tree"},
	{keyVerb, "", "receive, open, screen, authorize, locate, route, seal, anchor, send"},
	{keyOutcome, "", "pass, answer, drop, await"},
	{keyReason, "", "why, from a fixed set"},
	{keyMessage, "", "request or response"},
	{keyState, "", "of ports: leased, resting, free; of a pool: used, idle; of connections: open, opening; of nodes: alive, silent, draining; of links: up, down"},
	{keyLane, "", "number of the lane"},
	{keyLeg, "", "name of the leg"},
	{keyPool, "", "number of the pool of ports"},
	{keyResult, "", "what became of it, from a fixed set"},
	{keyRule, "", "name of a rule of the configuration"},
}

// Kind says how a metric's values add up.
type Kind uint8

const (
	// Counter only grows.
	Counter Kind = iota
	// Level goes up and down.
	Level
	// Histogram is a distribution.
	Histogram
)

// String is for people.
func (k Kind) String() string { return [...]string{"counter", "level", "histogram"}[k] }

// Metric is one metric: its labels are the only ones that it can have.
type Metric struct {
	Name   string
	Unit   string // UCUM
	Kind   Kind
	Labels []string
	Bounds []float64 // of a histogram
	Text   string
}

// The metrics, by what they are about.
var (
	Packets        = Metric{"actorsip.packets", "{packet}", Counter, []string{keyRoom, keyVerb, keyOutcome, keyReason}, nil, "SIP packets, once for each room that decided on them"}
	PacketDuration = Metric{"actorsip.packet.duration", "s", Histogram, []string{keyMessage, keyOutcome}, durationBounds, "from the moment that a packet was read to the moment that it was written, answered or dropped, by the node that it came to. Sampled packets are its exemplars"}
	Written        = Metric{"actorsip.messages.written", "{message}", Counter, nil, nil, "SIP messages that a socket or connection took"}
	Restarts       = Metric{"actorsip.restarts", "{restart}", Counter, []string{keyRoom}, nil, "rooms that failed and were restarted"}
	DeadLetters    = Metric{"actorsip.dead_letters", "{message}", Counter, nil, nil, "messages to rooms that are not there"}
	MailboxDepth   = Metric{"actorsip.mailbox.depth", "{message}", Level, []string{keyRoom}, nil, "messages that wait for a room"}
	PoolPackets    = Metric{"actorsip.pool.packets", "{packet}", Level, []string{keyLane, keyState}, nil, "packets of a lane's pool; with none idle, datagrams wait in the kernel. `remote` is the pool of packets of other nodes of the cluster"}

	MediaSessions = Metric{"actorsip.media.sessions", "{session}", Level, nil, nil, "calls whose media are relayed"}
	MediaStarted  = Metric{"actorsip.media.sessions.started", "{session}", Counter, nil, nil, "calls whose media were relayed, so far"}
	MediaRefused  = Metric{"actorsip.media.sessions.refused", "{session}", Counter, nil, nil, "calls refused for want of ports, sessions or streams"}
	MediaEnded    = Metric{"actorsip.media.sessions.ended", "{session}", Counter, []string{keyReason}, nil, "relayed calls that are over, and why; `moved` are those that another node goes on with"}
	MediaPorts    = Metric{"actorsip.media.ports", "{pair}", Level, []string{keyPool, keyState}, nil, "pairs of media ports"}
	MediaPackets  = Metric{"actorsip.media.packets", "{packet}", Counter, []string{keyLeg}, nil, "RTP packets relayed, by the leg that they came to"}
	MediaBytes    = Metric{"actorsip.media.bytes", "By", Counter, []string{keyLeg}, nil, "bytes in them"}
	MediaRTCP     = Metric{"actorsip.media.rtcp", "{packet}", Counter, []string{keyLeg}, nil, "RTCP packets relayed"}
	MediaLost     = Metric{"actorsip.media.lost", "{packet}", Counter, []string{keyLeg}, nil, "RTP packets that never came, by sequence numbers"}
	MediaLate     = Metric{"actorsip.media.late", "{packet}", Counter, []string{keyLeg}, nil, "RTP packets that came out of order or twice"}
	MediaRejected = Metric{"actorsip.media.rejected", "{packet}", Counter, []string{keyLeg, keyReason}, nil, "media packets that were not relayed, and why"}
	MediaRebound  = Metric{"actorsip.media.rebound", "{change}", Counter, []string{keyLeg}, nil, "sources that moved in mid-call"}
	MediaJitter   = Metric{"actorsip.media.jitter", "s", Histogram, []string{keyLeg}, jitterBounds, "jitter of a side when its relay ended"}
	MediaMOS      = Metric{"actorsip.media.mos", "1", Histogram, []string{keyLeg}, mosBounds, "estimated MOS of a side when its relay ended"}
	JournalFailed = Metric{"actorsip.media.journal.failed", "{attempt}", Counter, nil, nil, "attempts to write the journal that failed"}
	PlaceHeld     = Metric{"actorsip.media.place.held", "1", Level, nil, nil, "1 while this node has the media place that it shares with others, 0 while it stands by"}
	PlaceTaken    = Metric{"actorsip.media.place.taken", "{takeover}", Counter, nil, nil, "how often this node has taken the media place"}
	PlaceWaiting  = Metric{"actorsip.media.place.waiting", "{session}", Level, nil, nil, "calls of the media place whose newest state is not in etcd yet"}

	StreamConnections = Metric{"actorsip.connections", "{connection}", Level, []string{keyLeg, keyState}, nil, "connections: open, or being made"}
	StreamOpened      = Metric{"actorsip.connections.opened", "{connection}", Counter, []string{keyLeg, keyResult}, nil, "connections that were accepted or dialed"}
	StreamEnded       = Metric{"actorsip.connections.ended", "{connection}", Counter, []string{keyLeg, keyReason}, nil, "connections that ended, or never opened, and why"}
	StreamBytes       = Metric{"actorsip.connections.bytes", "By", Counter, []string{keyLeg, keyResult}, nil, "bytes read from connections and written to them, before TLS"}
	StreamKeepAlives  = Metric{"actorsip.connections.keepalives", "{ping}", Counter, []string{keyLeg}, nil, "keep-alives that were answered (RFC 5626, WebSocket)"}

	Bindings         = Metric{"actorsip.registrar.bindings", "{binding}", Level, nil, nil, "contacts that are registered"}
	BindingsKept     = Metric{"actorsip.registrar.updates", "{update}", Counter, []string{keyResult}, nil, "changes of an address of record: kept, failed to be; and bindings that expired"}
	BindingsWaiting  = Metric{"actorsip.registrar.waiting", "{update}", Level, nil, nil, "changes that wait for the disk, or for etcd"}
	BindingsOwed     = Metric{"actorsip.registrar.owed", "{aor}", Level, nil, nil, "only when etcd has the bindings: addresses of record whose changes were accepted while it was away, and are not there yet"}
	BindingsConflict = Metric{"actorsip.registrar.conflicts", "{update}", Counter, nil, nil, "only when etcd has the bindings: changes that were made anew, as another node was faster"}
	BindingsDamaged  = Metric{"actorsip.registrar.damaged", "{entry}", Counter, nil, nil, "only when etcd has the bindings: entries there that could not be read"}
	Bans             = Metric{"actorsip.bans", "{ban}", Level, nil, nil, "sources and users that are banned"}
	BansRefused      = Metric{"actorsip.bans.refused", "{ban}", Counter, nil, nil, "bans that there was no room for"}
	RulesHeld        = Metric{"actorsip.rules", "{request}", Counter, []string{keyRule, keyResult}, nil, "requests that a rule of the chain held for, that it refused, and bans that it made"}

	DNSQueries = Metric{"actorsip.dns.queries", "{query}", Counter, []string{keyResult}, nil, "questions to name servers: answered, failed"}
	DNSLookups = Metric{"actorsip.dns.lookups", "{lookup}", Counter, []string{keyResult}, nil, "names that packets needed: from the cache, or asked"}
	DNSCache   = Metric{"actorsip.dns.cache", "{entry}", Level, nil, nil, "answers in the cache"}
	DNSWaiting = Metric{"actorsip.dns.waiting", "{packet}", Level, nil, nil, "packets that wait for a name"}

	ClusterMembers  = Metric{"actorsip.cluster.members", "{node}", Level, []string{keyState}, nil, "nodes of the cluster, this one with them: alive, or silent; and those that drain, which are one of the two"}
	ClusterLinks    = Metric{"actorsip.cluster.links", "{link}", Level, []string{keyState}, nil, "links to other nodes: up, down"}
	ClusterQueued   = Metric{"actorsip.cluster.queued", "{message}", Level, nil, nil, "messages that wait for a link"}
	ClusterMessages = Metric{"actorsip.cluster.messages", "{message}", Counter, []string{keyResult}, nil, "messages to other nodes: sent, lost; and from them: taken"}
	ClusterRefused  = Metric{"actorsip.cluster.refused", "{message}", Counter, []string{keyReason}, nil, "what came for this node as from another one and was not taken, and why"}

	EtcdAway = Metric{"actorsip.etcd.away", "1", Level, nil, nil, "1 while the etcd of the cluster does not answer, else 0"}

	SampledCalls = Metric{"actorsip.sampling.calls", "{call}", Counter, []string{keyResult}, nil, "calls that the ratio chose: `sampled`, or `refused` by the cap of calls per second"}
	SpansMade    = Metric{"actorsip.spans", "{span}", Counter, []string{keyResult}, nil, "spans: `made`, then `sent` or `failed`. The rest waits in a bounded queue, or was lost because it was full; `late` of those made belong to calls that are not sampled, `withheld` would have been late, beyond the cap"}
)

// Metrics are all of them. What a system does not have, as media without a relay, is not there.
var Metrics = []Metric{
	Packets, PacketDuration, Written, Restarts, DeadLetters, MailboxDepth, PoolPackets,
	MediaSessions, MediaStarted, MediaRefused, MediaEnded, MediaPorts, MediaPackets, MediaBytes, MediaRTCP, MediaLost, MediaLate,
	MediaRejected, MediaRebound, MediaJitter, MediaMOS, JournalFailed, PlaceHeld, PlaceTaken, PlaceWaiting,
	StreamConnections, StreamOpened, StreamEnded, StreamBytes, StreamKeepAlives,
	Bindings, BindingsKept, BindingsWaiting, BindingsOwed, BindingsConflict, BindingsDamaged, Bans, BansRefused, RulesHeld,
	DNSQueries, DNSLookups, DNSCache, DNSWaiting,
	ClusterMembers, ClusterLinks, ClusterQueued, ClusterMessages, ClusterRefused, EtcdAway,
	SampledCalls, SpansMade,
}

// Upper bounds of histograms.
var (
	durationBounds = []float64{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 100e-3, 1}
	jitterBounds   = []float64{1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 100e-3, 200e-3}
	mosBounds      = []float64{1.5, 2, 2.5, 3, 3.3, 3.6, 3.8, 4, 4.1, 4.2, 4.3, 4.4}
)
