package mediasession

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/actorsip/actorsip/relay"
	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/telemetry"
)

// Config is what the media sessions must know.
type Config struct {
	Sites  []Site // by leg
	Engine relay.Engine
	Book   *Book

	MaxSessions int           // calls at a time, 0: as many as there are ports
	MaxStreams  int           // media streams of one call, 0: 64
	Unused      time.Duration // a relay that no packet has used ends after this long
	Silent      time.Duration // one that was used ends after so much silence, but not while the call is on hold
	Closed      time.Duration // how long ports outlive their call

	Moved func() // hears that Take or Leave was done; nil: neither is told

	Restarts *room.Restarts
	Chaos    room.Chaos
	Tracer   *telemetry.Tracer
	Quality  func(leg string, jitter time.Duration, mos float64) // of a side at its end; nil: nobody asks
	Log      *slog.Logger
}

// Site is where the media of one leg is.
type Site struct {
	Leg       string     // its name
	Pool      int        // of the engine, where its ports come from
	Advertise netip.Addr // what session descriptions say
}

// site is the site of a leg; nil when that leg is gone.
func (c *Config) site(leg string) *Site {
	for i := range c.Sites {
		if c.Sites[i].Leg == leg {
			return &c.Sites[i]
		}
	}
	return nil
}
