package router

import (
	"net/netip"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
	"github.com/actorsip/actorsip/target"
)

// Config is what the router must know.
type Config struct {
	Legs      *message.Legs
	Rules     []Rules   // by leg
	NextHops  []NextHop // exact domains first, then the longest wildcard, then "*"
	Outbound  *Target   // nil when there is none
	Resolver  *target.Resolver
	Streams   []*stream.Endpoint     // by leg; nil for one of datagrams
	Elsewhere func(node uint16) bool // a connection is another node's, which is there; nil without a cluster
	Large     bool                   // requests that are too large for a datagram go by TCP where they can
	Waiting   int                    // packets of this lane that may wait for a name or a connection
	Seal      Seal                   // which packets contact is asked about
}

// Rules are what the configuration says about one leg.
type Rules struct {
	Reach    []Reach
	Domains  []string // lower case; "*.example.com", "*"
	Proxy    *Target
	Prefixes []Prefix // longest first
}

// Reach is what a leg delivers to; Port 0 is any.
type Reach struct {
	Prefix netip.Prefix
	Port   uint16
}

// Prefix turns Digits at the beginning of a request-URI's user into a domain.
type Prefix struct{ Digits, Domain string }

// NextHop is where requests for a domain go.
type NextHop struct {
	Domain string
	Target Target
}

// Seal says when contact is asked about a packet that has Contacts.
type Seal uint8

// SealCrossing asks when the legs differ, SealAlways for each packet, SealNever for none.
const (
	SealCrossing Seal = iota
	SealAlways
	SealNever
)

// Next are the rooms that the router tells.
type Next struct {
	Seal   *actor.PID   // contact
	Anchor *actor.PID   // the media sessions
	Send   []*actor.PID // legs, by index
	Later  *message.Inbox
	Sink   int // which lane this is, for connections that are opened here
}

// Target is the URI of a next hop, ready to be resolved.
type Target struct {
	URI   string
	Query target.Query
}

// ParseTarget reads a SIP URI.
func ParseTarget(uri string) (Target, bool) {
	u, ok := sipwire.ParseURI([]byte(uri))
	if !ok || u.Scheme == sipwire.OtherScheme {
		return Target{}, false
	}
	return Target{URI: uri, Query: queryOf(u)}, true
}

// queryOf is what RFC 3263 §4 takes from a URI: maddr stands in for the host.
func queryOf(u sipwire.URI) target.Query {
	host := u.Host
	if maddr, ok := u.Param("maddr"); ok && len(maddr) > 0 {
		host = maddr
	}
	return target.Query{
		Host:      strings.Trim(string(host), "[]"),
		Port:      u.Port,
		Transport: u.Transport(),
		Secure:    u.Scheme == sipwire.SIPS,
	}
}
