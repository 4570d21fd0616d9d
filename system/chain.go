package system

import (
	"slices"
	"strconv"
	"time"

	"github.com/actorsip/actorsip/actors/authority"
	"github.com/actorsip/actorsip/actors/registrar"
	"github.com/actorsip/actorsip/actors/screen"
	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/journal"
	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/rules"
	"github.com/actorsip/actorsip/telemetry"
)

// chain is what the rooms of the receive chain share, and what must survive them: bans, limits, users, bindings.
type chain struct {
	bans    *limit.Bans      // nil: nobody is banned
	banned  *journal.Journal // where they are kept; nil: nowhere
	links   []link           // in the order of the configuration
	users   []interface{ Close() }
	store   location.Store // nil: nobody registers
	stats   func() location.Stats
	answers registrar.Config
}

// link is one room of the chain: the rules that stand together in the configuration, or a demand for credentials.
type link struct {
	rules     *rules.Rules      // nil: it is a demand
	authority *authority.Config // nil: they are rules
}

// openChain opens what the receive chain needs.
func (s *System) openChain() error {
	if err := s.openBans(); err != nil {
		return err
	}
	for i := 0; i < len(s.config.Chain); {
		if a := s.config.Chain[i].Authorize; a != nil {
			cfg, err := s.authority(a)
			if err != nil {
				return err
			}
			s.chain.links = append(s.chain.links, link{authority: cfg})
			i++
			continue
		}
		first := i
		for i < len(s.config.Chain) && s.config.Chain[i].Authorize == nil {
			i++
		}
		r, err := rules.New(s.config.rules(s.config.Chain[first:i]), s.chain.bans)
		if err != nil {
			return err
		}
		s.chain.links = append(s.chain.links, link{rules: r})
	}
	return s.openStore()
}

func (s *System) openBans() (err error) {
	if !s.config.banning() {
		return nil
	}
	o := limit.Options{Max: s.config.Bans.Max, Trusted: s.config.Trusted}
	if path := s.config.Bans.File; path != "" {
		if s.chain.banned, err = journal.Open(path, s.log.With("of", "bans")); err != nil {
			return err
		}
		o.Store = s.chain.banned
	}
	s.chain.bans = limit.Open(now(), o)
	return nil
}

// now is the time as limits and bans count it.
func now() time.Duration { return time.Duration(telemetry.Now()) }

// openStore opens the bindings, when a leg registers anybody.
func (s *System) openStore() error {
	if !s.config.registering() {
		return nil
	}
	store, stats, err := s.openBindings()
	if err != nil {
		return err
	}
	s.chain.store, s.chain.stats = store, stats
	s.chain.answers = registrar.Config{Node: s.config.Node, Legs: s.legs, Streams: s.streams, Store: store, ID: s.nodeID(), Elsewhere: s.elsewhere(), Waiting: s.config.Limits.Packets / 2}
	for _, l := range s.config.Legs {
		r := l.Registrar
		s.chain.answers.Rules = append(s.chain.answers.Rules, registrar.Rules{
			Domains: r.Domains, Min: r.MinExpires, Max: r.MaxExpires, Default: r.DefaultExpires,
			Redirect: r.Redirect, Forward: r.Unknown == ForwardUnknown, Service: r.ServiceRoute,
		})
	}
	return nil
}

// authority is one demand for credentials.
func (s *System) authority(a *Authorize) (*authority.Config, error) {
	users, err := s.openUsers(a)
	if err != nil {
		return nil, err
	}
	s.chain.users = append(s.chain.users, users.(interface{ Close() }))
	cfg := digest.Config{
		Keys: s.ring, Users: users, Realm: a.Realm, Algorithms: a.Algorithms, MaxAge: a.MaxAge, URI: a.URI, WithoutQop: a.WithoutQop,
	}
	c := &authority.Config{Bans: s.chain.bans, Waiting: s.config.Limits.Waiting, Methods: a.Methods, Filters: a.Filters, Answers: s.answersItself(a.Role)}
	if c.Server, err = digest.New(cfg, time.Now()); err != nil {
		return nil, err
	}
	c.Proxy = c.Server.As(digest.Proxy)
	for _, l := range s.config.Legs {
		c.Legs = append(c.Legs, len(a.Legs) == 0 || slices.Contains(a.Legs, l.Name))
	}
	if a.Ban != nil {
		c.Failed = s.chain.bans.Watch("wrong passwords for "+a.Realm, *a.Ban, rules.DefaultBuckets)
	}
	return c, nil
}

// answersItself tells which requests are asked for credentials as by a registrar, and not as by a proxy.
func (s *System) answersItself(r Role) func(*message.Packet) bool {
	switch r {
	case AsRegistrar:
		return func(*message.Packet) bool { return true }
	case AsProxy:
		return func(*message.Packet) bool { return false }
	}
	return func(p *message.Packet) bool {
		return p.Is("REGISTER") && s.chain.store != nil && s.chain.answers.Concerns(p)
	}
}

func (s *System) openUsers(a *Authorize) (digest.Users, error) {
	if a.Users.File == "" {
		c := a.Users.callback()
		c.Failed = func(err error) { s.log.Error("a user could not be asked for", "realm", a.Realm, "error", err) }
		return digest.NewCallback(c)
	}
	path := a.Users.File
	file, read, err := digest.OpenFile(digest.FileConfig{
		Path: path,
		Heard: func(r digest.Reading) {
			if r.Err != nil {
				s.log.Error("the file of users cannot be read; those in memory stay", "error", r.Err)
				return
			}
			s.log.Info("the file of users was read again", "file", path, "users", r.Users)
		},
		Ended: s.failed("users"),
	})
	if err != nil {
		return nil, err
	}
	s.log.Info("the file of users was read", "file", path, "users", read.Users)
	return file, nil
}

// closeChain gives back what openChain has taken. Lanes that still wait for the store or for users have ended before.
func (s *System) closeChain() {
	for _, u := range s.chain.users {
		u.Close()
	}
	if s.chain.store != nil {
		s.chain.store.Close()
	}
	if s.chain.banned != nil {
		s.chain.banned.Close()
	}
}

// eachLink is the rooms of a lane's receive chain, the registrar last.
func (s *System) eachLink(lane int) (links []node) {
	route := s.at(lane, "router")
	for i, l := range s.chain.links {
		name := s.linkName(i)
		if l.authority != nil {
			links = append(links, s.room(name, authority.New(*l.authority, authority.Next{Self: s.at(lane, name), Route: route})))
			continue
		}
		links = append(links, s.room(name, screen.New(s.screenConfig(l.rules), screen.Next{Route: route})))
	}
	if s.chain.store != nil {
		links = append(links, s.room("registrar", registrar.New(s.chain.answers, registrar.Next{Route: route})))
	}
	return links
}

func (s *System) linkName(i int) string {
	if s.chain.links[i].authority != nil {
		return "authority-" + strconv.Itoa(i)
	}
	return "screen-" + strconv.Itoa(i)
}

func (s *System) screenConfig(r *rules.Rules) (c screen.Config) {
	for _, l := range s.config.Legs {
		c.Chains = append(c.Chains, r.On(l.Name))
	}
	return c
}

// chainOf is what the requests of all legs of a lane pass, in order; each room says itself whom it concerns.
func (s *System) chainOf(lane int) (c message.Chain) {
	for i, l := range s.chain.links {
		at, concerns := message.AtScreen, (func(*message.Packet) bool)(nil)
		if l.authority != nil {
			at, concerns = message.AtAuthorize, l.authority.Concerns
		} else {
			cfg := s.screenConfig(l.rules)
			concerns = cfg.Concerns
		}
		c = append(c, message.Link{Room: s.at(lane, s.linkName(i)), At: at, Concerns: concerns})
	}
	if s.chain.store != nil {
		c = append(c, message.Link{Room: s.at(lane, "registrar"), At: message.AtLocate, Concerns: s.chain.answers.Concerns})
	}
	return c
}
