package authority

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/message"
)

// Config is what an authority must know.
type Config struct {
	Server  *digest.Verifier           // asks as the registrar does: 401
	Proxy   *digest.Verifier           // asks as a proxy does: 407
	Answers func(*message.Packet) bool // which requests this proxy answers itself, and so asks as a server
	Legs    []bool                     // by leg: whether what comes by it is asked
	Methods []string                   // empty: all
	Filters []Filter                   // all must let a request by
	Bans    *limit.Bans                // a user who is there is refused; nil: nobody is
	Failed  *limit.Watch               // who guesses passwords is banned by his address; nil: nobody is
	Waiting int                        // packets of this lane that may wait for somebody outside of it; 0: any number
}

// Next are the rooms that an authority tells.
type Next struct {
	Self  *actor.PID
	Route *actor.PID // router
}

// Concerns tells whether a request is asked for credentials. ACK and CANCEL cannot be: nobody could send them again with
// another CSeq (RFC 3261 §22.1). They lead to no new call.
func (c *Config) Concerns(p *message.Packet) bool {
	if !c.Legs[p.Ingress.Index] || p.Is("ACK") || p.Is("CANCEL") {
		return false
	}
	return len(c.Methods) == 0 || slices.ContainsFunc(c.Methods, p.Is)
}
