package system

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/sipwire"
)

// Config is the configuration file. A Config that Load or Parse returns has been validated, and each default is
// filled in; one that is made in Go begins with Defaults.
type Config struct {
	// Node (node) names this process in logs. Default: the host name.
	Node string
	// Lanes (lanes) is how many packets are worked on at once, 0 to 256. Default 0: one lane for each CPU.
	Lanes int
	// Legs (legs) are the places that SIP comes and goes by, at least one, at most 255. No default.
	Legs []Leg
	// NextHops (next_hops) say where requests for a domain go, most specific domain first: an exact one, then the
	// longest wildcard, then "*". Default: none, a request goes where its URI says.
	NextHops []NextHop
	// OutboundProxy (outbound_proxy) is the SIP URI where requests go that nothing above places; it always has its
	// scheme. Default empty: a request goes where its URI says.
	OutboundProxy string
	// Contact (contact.rewrite) says when Contact headers are sealed: crossing (the legs differ), always or never.
	// Default crossing.
	Contact Rewrite
	// Media (media) is the relay of audio and video.
	Media Media
	// KeyFile (keys.file) holds the keys of contact tokens, branches and To-tags. It is made at the first start, mode
	// 0600. A relative path begins at the directory of the configuration file. Default keys.yaml there.
	KeyFile string
	// DNS (dns) is how names are resolved.
	DNS DNS
	// Limits (limits) bound what one lane holds in memory.
	Limits Limits
	// MaxForwards (forwarding.max_forwards) is the most hops that a request may have left when it leaves, 1 to 255: a
	// lower one stops loops elsewhere sooner. A request that came without Max-Forwards gets 70 at most. Default 255: what
	// came, less one, as RFC 3261 §16.6 has it.
	MaxForwards int
	// LargeRequests (forwarding.large_requests) says how a request over 1300 bytes reaches a next hop of UDP: auto (by TCP, when a
	// leg can) or never (by UDP all the same). Default auto.
	LargeRequests LargeRequests
	// Cluster (cluster) makes this process a node of several. Default: it is alone.
	Cluster Cluster
	// DrainTimeout (drain.timeout) is how long a process that is told to leave waits for the calls whose media it relays, 0s to 24h.
	// Default 0s: it does not wait.
	DrainTimeout time.Duration
	// Streams (streams) bound what connections cost, on each leg that says nothing else.
	Streams Streams
	// Trusted (trusted) are networks that are never banned, and that rules of Chain name as trusted and untrusted. Default: none.
	Trusted []netip.Prefix
	// Chain (chain) is what requests pass before they are routed, in this order. Default: nothing.
	Chain []ChainLink
	// Registrar (registrar) is where registrations are kept. Which there are, each leg says.
	Registrar Bindings
	// Bans (bans) is where bans are kept.
	Bans Bans
	// AdminListen (admin.listen) is the TCP address:port of /healthz, /readyz and /status; port 0 is any. Empty,
	// written off: there are none. Default 127.0.0.1:8060.
	AdminListen string
	// Log (log) is what is logged, and how.
	Log Log
	// Telemetry (telemetry) is what is sent to a collector.
	Telemetry Telemetry
}

// Leg is one place that SIP comes and goes by. Each lane has a socket of its own for one of UDP; what is accepted on the others, and
// opened from them, are connections.
type Leg struct {
	// Name (name) is told in logs and sealed into contact tokens: a renamed leg voids the tokens of the calls that are
	// up. Lower-case letters, digits and dashes, at most 32. No default.
	Name string
	// Transport is the first part of listen: UDP, TCP, TLS, WS or WSS.
	Transport sipwire.Transport
	// Listen (listen, as udp:ADDRESS:PORT, IPv6 in brackets) is where the leg is bound; port 0 is any. Two legs may have one address
	// and port when one of them is UDP and the other is not. No default.
	Listen netip.AddrPort
	// AdvertiseHost (advertise, as HOST or HOST:PORT) is the name or address, IPv6 in brackets, that is written into
	// Via, Record-Route and Contact. Default empty: the address that the leg is bound to.
	AdvertiseHost string
	// AdvertisePort is the port of advertise. Default 0: the port that the leg is bound to.
	AdvertisePort uint16
	// Reach (reach) lists what this leg delivers to: nothing that others wrote leads beyond it. Default empty: what the kernel routes by this leg's address.
	Reach []Reach
	// Domains (domains) are the request-URI domains that live behind this leg, in lower case: "example.com",
	// "*.example.com" (all below it, not itself) or "*". Default: none.
	Domains []string
	// Proxy (proxy) is the SIP URI where everything goes that leaves by this leg, unless a Route of others says where; it
	// always has its scheme. Default empty: a request goes to its own next hop.
	Proxy string
	// Prefixes (prefixes) replace digits at the beginning of the request-URI's user by another domain, longest prefix
	// first. Default: none.
	Prefixes []Prefix
	// Registrar (registrar) is who may register by this leg, and is found when somebody calls by it. Default: nobody.
	Registrar Registrar
	// Media (media) is where the media of this leg go in and out.
	Media LegMedia
	// TLS (tls) is for legs of TLS and WSS, which need it.
	TLS TLSConfig
	// WebSocket (websocket) is for legs of WS and WSS.
	WebSocket WebSocket
	// Stream (stream) bounds the connections of this leg. Default: what Config.Streams says, key by key; zero for a leg of UDP.
	Stream Streams
}

// Reach is a network, an address (a prefix of full length), or one port of an address.
type Reach struct {
	Prefix netip.Prefix
	Port   uint16 // 0: any
}

// NextHop is where requests for a domain go.
type NextHop struct {
	Domain string // in lower case: "example.com", "*.example.com" or "*"
	URI    string // a SIP URI with its scheme
}

// Prefix makes 0XXX@anywhere XXX@Domain when Digits is 0.
type Prefix struct {
	Digits string // of 0 to 9, +, * and #
	Domain string // a host or host:port, IPv6 in brackets
}

// Rewrite says when Contact headers are sealed.
type Rewrite uint8

// Crossing seals when a packet leaves by another leg than it came by, Always seals each, Never none.
const (
	Crossing Rewrite = iota
	Always
	Never
)

// String is the word of the configuration file.
func (r Rewrite) String() string { return [...]string{"crossing", "always", "never"}[r] }

// DNS is how names are resolved.
type DNS struct {
	// Servers (dns.servers) are asked in this order; the port is 53 unless one is written. Default empty: /etc/hosts,
	// then the servers of /etc/resolv.conf.
	Servers []netip.AddrPort
	// Timeout (dns.timeout) is how long one try waits for its answer, 10ms to 1m. 0s, the default, is what
	// /etc/resolv.conf says when its servers are asked, else 2s.
	Timeout time.Duration
	// Attempts (dns.attempts) is how often each server is tried, 1 to 10. 0, the default, is what /etc/resolv.conf
	// says when its servers are asked, else 2.
	Attempts int
	// MaxWaiting (dns.max_waiting) is how many packets of all lanes together may wait for names, 1 to 1000000. Default
	// 1024.
	MaxWaiting int
	// Cache (dns.cache) is how many record sets are remembered, 1 to 1000000. Default 10000.
	Cache int
}

// Limits bound what one lane holds in memory.
type Limits struct {
	// MaxMessage (limits.max_message) is the longest SIP message taken, in bytes, 1500 to 65535. Default 65535.
	MaxMessage int
	// Packets (limits.packets) is how many packets a lane may have in hand, 16 to 65536. When all are in use the
	// lane stops reading, and the kernel drops what its socket buffers cannot hold. Default 1024.
	Packets int
	// Waiting (limits.waiting) is how many packets of a lane may wait for a name, 0 to fewer than Packets; one more is
	// answered 503. Default 256.
	Waiting int
}

// Log is what is logged, and how.
type Log struct {
	// Level (log.level) is the least severe level that is logged: debug, info, warn or error. Default info.
	Level slog.Level
	// Format (log.format) is json or text. Default json.
	Format LogFormat
}

// LogFormat is how a log line looks.
type LogFormat uint8

// LogJSON is one JSON object a line, LogText is key=value pairs.
const (
	LogJSON LogFormat = iota
	LogText
)

// String is the word of the configuration file.
func (f LogFormat) String() string { return [...]string{"json", "text"}[f] }

// Defaults is a file that says nothing. It has no legs yet, so it is not valid.
func Defaults() Config {
	node, err := os.Hostname()
	if err != nil || node == "" {
		node = "localhost"
	}
	return Config{
		Node: node,
		Media: Media{
			Low: 20000, High: 29999,
			Unused: 3 * time.Minute, Silent: 30 * time.Second, Closed: time.Second,
			Journal: "media.db",
		},
		KeyFile:     "keys.yaml",
		DNS:         DNS{MaxWaiting: 1024, Cache: 10000},
		Limits:      Limits{MaxMessage: 65535, Packets: 1024, Waiting: 256},
		MaxForwards: 255,
		Streams:     defaultStreams(),
		Registrar:   Bindings{File: "bindings.db", MaxBindings: 1000000, MaxPerUser: 10},
		Bans:        Bans{File: "bans.db", Max: limit.DefaultMax},
		AdminListen: "127.0.0.1:8060",
		Telemetry:   Telemetry{Sampling: -1, CallsPerSecond: 100, Slow: 100 * time.Millisecond},
	}
}

// Load reads the configuration file at path.
func Load(path string) (Config, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	return Parse(path, src)
}

// Parse reads src. name is the file that it came from: errors begin with it, relative paths begin at its directory.
// The error joins all that is wrong, a line each, in the order of the file:
//
//	actorsip.yaml:12:13: legs[1].listen: "udp:10.0.0.1" names no port; write udp:10.0.0.1:5060
func Parse(name string, src []byte) (Config, error) {
	c := Defaults()
	r := configReader{places: map[string]configPlace{}, bad: map[string]bool{}}
	if doc, ok := r.document(src); ok {
		configValue{r: &r, node: doc}.config(&c)
		c.fillStreams()
		for _, read := range r.later {
			read(&c)
		}
		c.KeyFile, c.Media.Journal = beside(name, c.KeyFile), beside(name, c.Media.Journal)
		c.Registrar.File, c.Bans.File = beside(name, c.Registrar.File), beside(name, c.Bans.File)
		c.resolveTLS(name)
		c.resolveCluster(name)
		c.resolveUsers(name)
		c.fillMedia(r.lost)
		c.fillRegistrars(r.lost)
		c.check(r.add)
	}
	if err := r.err(name); err != nil {
		return Config{}, err
	}
	return c, nil
}

// beside is the path of a file that the configuration file called name speaks of; empty stays empty.
func beside(name, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(name), path)
}
