package system

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/stream"
)

// certificates watches the files of the legs' certificates: handshakes that begin after a change see the new ones, connections
// that are open stay.
type certificates struct {
	legs []Leg
	all  []*stream.TLS // by leg; nil for one without
	log  *slog.Logger

	loop *loop.Handle
}

func newCertificates(legs []Leg, all []*stream.TLS, log *slog.Logger) actor.Producer {
	return func() actor.Actor { return &certificates{legs: legs, all: all, log: log} }
}

// Receive is the mailbox of the certificates' watcher.
func (c *certificates) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		c.warn()
		c.loop = lookNowAndThen(ctx)
	case look:
		c.look()
	case *actor.Stopping, *actor.Restarting:
		c.loop.Quit() // this may be the loop's own goroutine
	}
}

// warn tells of certificates that no peer will take.
func (c *certificates) warn() {
	for i, t := range c.all {
		if t == nil {
			continue
		}
		for _, w := range t.Warnings() {
			c.log.Warn(w, "leg", c.legs[i].Name)
		}
	}
}

func (c *certificates) look() {
	for i, t := range c.all {
		if t == nil || !t.Changed() {
			continue
		}
		changed, err := t.Reload()
		switch {
		case err != nil:
			c.log.Error("certificates cannot be read", "leg", c.legs[i].Name, "error", err)
		case changed:
			c.log.Info("certificates were read again", "leg", c.legs[i].Name)
			c.warn()
		}
	}
}
