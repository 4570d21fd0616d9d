package contact

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
)

// Config is what contact must know.
type Config struct {
	Legs   *message.Legs
	Keys   *keyring.Ring
	Always bool // seal also when a packet leaves by the leg it came by
}

// Next are the rooms that contact tells.
type Next struct {
	Route  *actor.PID   // router
	Anchor *actor.PID   // the media sessions
	Send   []*actor.PID // legs, by index
}
