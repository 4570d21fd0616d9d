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
	Filters []Filter
	Failed  *limit.Watch // who guesses passwords is banned; nil: nobody is
}

// Next are the rooms that an authority tells.
type Next struct {
	Self  *actor.PID
	Route *actor.PID // router
}

// Filter is what an authorized user may not do.
type Filter uint8

// The filters, each as in Net::SIP.
const (
	FromIsRealm Filter = iota // the host of From is the realm
	FromIsUser                // the user of From is the one that was authorized
	ToIsFrom                  // To and From name the same address of record: nobody registers another
)

// Concerns tells whether a request is asked for credentials. ACK and CANCEL cannot be: nobody could send them again with
// another CSeq (RFC 3261 §22.1). They lead to no new call.
func (c *Config) Concerns(p *message.Packet) bool {
	if !c.Legs[p.Ingress.Index] || p.Is("ACK") || p.Is("CANCEL") {
		return false
	}
	return len(c.Methods) == 0 || slices.ContainsFunc(c.Methods, p.Is)
}
