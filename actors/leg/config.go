package leg

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
)

// Config is what a leg must know beside its own facts.
type Config struct {
	Legs        *message.Legs
	Keys        *keyring.Ring
	Forced      func(*message.Packet) bool // a trace is asked for; nil: nobody may
	MaxForwards int                        // the largest value that leaves; requests that carry more are capped
}

// Next are the rooms that a leg tells.
type Next struct {
	Open  *actor.PID // contact
	Route *actor.PID // router
}
