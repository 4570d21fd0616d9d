package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// Config is what a node needs to join.
type Config struct {
	Name      string         // of the cluster
	Node      string         // this node's name, unique in the cluster
	Listen    netip.AddrPort // remoting
	Advertise string         // host:port that others reach it by. Default: Listen
	Roles     Roles          // default: both
	Place     string         // the media place that it shares with other nodes, and takes part in the media by; default: none
	Facts     []byte         // what others must know of this node, at most MaxFacts bytes

	Etcd  Etcd     // where nodes register; or
	Peers []string // host:port of the remoting of other nodes; its own may be among them

	TLS   TLS
	Allow Allow

	Beat    time.Duration // how often nodes tell one another that they live. Default 300 ms
	Silence time.Duration // after it a node is not alive; without etcd it is given up. Default 1.5 s
	Lease   time.Duration // with etcd: how long a node may be silent there. Default 3 s, at least 2 s

	Log    *slog.Logger     // default: none
	Failed func(loop.Ended) // hears of panics. Default: they are logged
}

// MaxFacts bounds Config.Facts, in bytes.
const MaxFacts = 16 << 10

// A name goes into keys of etcd and tokens as it is.
var nameSyntax = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

var errTooManyFacts = fmt.Errorf("what others must know of a node may have %d bytes", MaxFacts)

var errNoPeers = errors.New("a cluster needs etcd or a list of peers, not both: nodes find one another by it")

// complete fills in the defaults and says what is wrong.
func (c *Config) complete() error {
	for what, name := range map[string]string{"cluster": c.Name, "node": c.Node} {
		if !nameSyntax.MatchString(name) {
			return fmt.Errorf("%q is no name of a %s; write 1 to 64 letters, digits, dots, dashes or underscores", name, what)
		}
	}
	if (len(c.Etcd.Endpoints) > 0) == (len(c.Peers) > 0) {
		return errNoPeers
	}
	if !c.Listen.IsValid() {
		return errors.New("a node of a cluster listens for others: say where")
	}
	if c.Listen.Addr().IsUnspecified() && c.Advertise == "" {
		return fmt.Errorf("others cannot reach this node by %s: say what address is advertised", c.Listen)
	}
	if len(c.Facts) > MaxFacts {
		return errTooManyFacts
	}
	if c.Roles == 0 {
		c.Roles = Signalling | Media
	}
	if c.Beat <= 0 {
		c.Beat = 300 * time.Millisecond
	}
	if c.Silence <= 0 {
		c.Silence = 1500 * time.Millisecond
	}
	if c.Silence < 2*c.Beat {
		return fmt.Errorf("a node is given up after a silence of %v, which is less than two beats of %v", c.Silence, c.Beat)
	}
	if c.Lease <= 0 {
		c.Lease = 3 * time.Second
	}
	if c.Lease < 2*time.Second {
		return fmt.Errorf("a lease of %v is too short: etcd gives none under 2 s", c.Lease)
	}
	if c.Etcd.Prefix == "" {
		c.Etcd.Prefix = "/actorsip/"
	}
	if len(c.TLS.Names) == 0 {
		c.TLS.Names = []string{c.Name}
	}
	c.TLS.Names = slices.Clone(c.TLS.Names)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Failed == nil {
		log := c.Log
		c.Failed = func(e loop.Ended) {
			if err := e.Err(); err != nil {
				log.Error("a part of the cluster failed", "error", err, "stack", string(e.Stack))
			}
		}
	}
	return c.TLS.check()
}
