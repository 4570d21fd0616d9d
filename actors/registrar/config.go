package registrar

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
)

// Config is what the registrar must know.
type Config struct {
	Legs      *message.Legs
	Streams   []*stream.Endpoint // by leg; nil for one of datagrams
	Node      string             // of this node: bindings say which one took them
	Store     location.Store
	ID        func(node string) uint16 // of a node by its name; nil without a cluster
	Elsewhere func(node uint16) bool   // a connection is another node's, which is there; nil without a cluster
	Rules     []Rules                  // by leg: what a request is held to that came by it
	Waiting   int                      // packets of this lane that may wait for somebody outside of it; 0: any number
}

// Rules are what the configuration says of one leg's registrar.
type Rules struct {
	Domains  []string      // whose addresses of record are here: lower case, "*.example.com"; none: nothing is registered or looked up
	Min, Max time.Duration // how long a binding may last; one that asks for less is refused, for more gets less
	Default  time.Duration // how long one lasts that asks for nothing
	Redirect bool          // callers are told where the callee is (302), instead of being taken there
	Forward  bool          // a request for nobody who is registered goes on, instead of being answered 404
	Service  string        // a Service-Route for those who register (RFC 3608); empty: none
}

// Next are the rooms that the registrar tells.
type Next struct {
	Route *actor.PID // router
}

// Concerns tells whether a request is the registrar's: it came for one of its domains, and nobody has said yet where it
// goes. A token, a connection, a Route, and the Record-Route of a dialog say it.
func (c *Config) Concerns(p *message.Packet) bool {
	domains := c.Rules[p.Ingress.Index].Domains
	if len(domains) == 0 || p.Opened || p.Routed || p.Placed || p.EgressFlow != 0 {
		return false
	}
	u, ok := p.CurrentTarget()
	return ok && (u.User != nil || p.Is("REGISTER")) && message.Covers(domains, u.Host) && !p.HasRoute()
}
