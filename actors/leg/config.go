package leg

import (
	"net/netip"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
)

// Config is what a leg must know beside its own facts.
type Config struct {
	Legs        *message.Legs
	Keys        *keyring.Ring
	Forced      func(*message.Packet) bool        // a trace is asked for; nil: nobody may
	Streams     []*stream.Endpoint                // by leg; nil for one of datagrams
	Peers       func(actor.Producer) *actor.Props // of the actors of connections
	Trusted     []netip.Prefix                    // whose answers are not counted
	Bans        *limit.Bans                       // nil: nobody is banned
	Chain       message.Chain                     // what this leg's requests pass before they are routed
	Node        uint16                            // of this node in its cluster; 0: none
	Relay       func(callID []byte) uint16        // where in the cluster the media of a call without any will be; nil: there is no cluster
	MaxForwards int                               // the largest value that leaves; requests that carry more are capped
}

// Next are the rooms that a leg tells.
type Next struct {
	Open  *actor.PID // contact
	Route *actor.PID // router
	Write *actor.PID // remote; nil without a cluster
}
