package system

import (
	"log/slog"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/loop"
)

// keeper watches the key file: a key that was added to it opens at once, and seals from its time on. A file that has
// become unreadable changes nothing: the keys in memory are good.
type keeper struct {
	ring *keyring.Ring
	path string
	log  *slog.Logger

	loop  *loop.Handle
	seen  time.Time // of the file that the keys are from
	fails bool      // the last look failed, and it was said
}

// look is told to a room that watches files by its clock, and by whoever wants them read now.
type look struct{}

// lookEvery is how often files are looked at.
const lookEvery = time.Second

func newKeeper(ring *keyring.Ring, path string, log *slog.Logger) actor.Producer {
	return func() actor.Actor { return &keeper{ring: ring, path: path, log: log} }
}

// Receive is the mailbox of the key ring's keeper.
func (k *keeper) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		k.loop = lookNowAndThen(ctx)
	case look:
		k.look(time.Now())
	case *actor.Stopping, *actor.Restarting:
		k.loop.Quit() // this may be the loop's own goroutine
	}
}

// lookNowAndThen tells a room look, until the loop is stopped.
func lookNowAndThen(ctx actor.Context) *loop.Handle {
	self, tell := ctx.Self(), ctx.ActorSystem().Root
	return loop.Start(self.Id, func(stop <-chan struct{}) {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				tell.Send(self, look{})
			}
		}
	}, nil)
}

func (k *keeper) look(now time.Time) {
	keys := k.ring.Load()
	if at, ok := keys.NextUse(); ok && !now.Before(at) {
		k.ring.Replace(keys.At(now))
		k.log.Info("a new key is in use", "keys", k.path)
	}
	info, err := os.Stat(k.path)
	if err == nil && info.ModTime().Equal(k.seen) {
		return
	}
	if err == nil {
		keys, err = keyring.Read(k.path)
	}
	if err != nil {
		if !k.fails {
			k.log.Error("the key file cannot be read; the keys in memory stay", "error", err)
		}
		k.fails = true
		return
	}
	first := k.seen.IsZero()
	k.fails, k.seen = false, info.ModTime()
	if first && len(keys.All()) == len(k.ring.Load().All()) {
		return
	}
	k.ring.Replace(keys)
	k.log.Info("the key file was read again", "keys", k.path, "count", len(keys.All()))
}
