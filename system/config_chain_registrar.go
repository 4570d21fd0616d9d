package system

import (
	"fmt"
	"path/filepath"
	"reflect"
	"time"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/sipwire"
)

// Registrar is what a leg registers and looks up (legs[].registrar).
type Registrar struct {
	// Domains (domains) are those whose users are registered here, in lower case: "example.com", "*.example.com" (all below it, not
	// itself) or "*". Default: none, and then nothing is registered or looked up for what comes by this leg.
	Domains []string
	// MinExpires (min_expires) is the shortest time to register for, 1s to 1h in whole seconds; who asks for less gets a 423. Default
	// 30s.
	MinExpires time.Duration
	// MaxExpires (max_expires) is the longest, MinExpires to 168h in whole seconds; who asks for more gets this. Default 300s.
	MaxExpires time.Duration
	// DefaultExpires (default_expires) is for who asks for none, MinExpires to MaxExpires. Default: MaxExpires.
	DefaultExpires time.Duration
	// Redirect (redirect) tells callers by a 302 where the callee is, in place of taking them there. Default false.
	Redirect bool
	// Unknown (unknown) is what becomes of a request to somebody who is not registered: refuse (404) or forward (it is routed as if
	// there were no registrar). Default refuse.
	Unknown Unknown
	// ServiceRoute (service_route) is the SIP URI that those who register are told to send their requests by (RFC 3608). Default
	// empty: none.
	ServiceRoute string
}

// Unknown is what becomes of a request to somebody who is not registered.
type Unknown uint8

// RefuseUnknown answers 404, ForwardUnknown has the router decide.
const (
	RefuseUnknown Unknown = iota
	ForwardUnknown
)

// String is the word of the configuration file.
func (u Unknown) String() string { return [...]string{"refuse", "forward"}[u] }

// Bindings is where registrations are kept, for all legs together (registrar). It is used when a leg has domains to register.
type Bindings struct {
	// File (registrar.file) is the file that registrations outlive the process in. A relative path begins at the directory of the
	// configuration file. Empty, written off: they do not. Default bindings.db there.
	File string
	// MaxBindings (registrar.max_bindings) is how many contacts there may be of all users, 1 to 10000000. Default 1000000.
	MaxBindings int
	// MaxPerUser (registrar.max_per_user) is how many one user may have, 1 to 1000. Default 10.
	MaxPerUser int
}

// store is b as the package location wants it.
func (b Bindings) store() location.Config {
	cfg := location.Config{File: b.File, MaxBindings: b.MaxBindings, MaxPerAOR: b.MaxPerUser}
	if cfg.File == "" {
		cfg.File = location.Off
	}
	return cfg
}

// Bans is where bans are kept (bans). There are none without a chain.
type Bans struct {
	// File (bans.file) is the file that bans outlive the process in. A relative path begins at the directory of the configuration
	// file. Empty, written off: they do not. Default bans.db there.
	File string
	// Max (bans.max) is how many there may be, 1 to 1000000. Default 10000.
	Max int
}

// The times that a registrar has which says nothing.
const (
	defaultMinExpires = 30 * time.Second
	defaultMaxExpires = 300 * time.Second
)

// fillRegistrars gives the registrars what they do not say. What they say, and lost tells could not be read, stays empty.
func (c *Config) fillRegistrars(lost func(path string) bool) {
	for i := range c.Legs {
		r, path := &c.Legs[i].Registrar, fmt.Sprintf("legs[%d].registrar", i)
		if len(r.Domains) == 0 {
			continue
		}
		if r.MinExpires == 0 && !lost(path+".min_expires") {
			r.MinExpires = defaultMinExpires
		}
		if r.MaxExpires == 0 && !lost(path+".max_expires") {
			r.MaxExpires = max(defaultMaxExpires, r.MinExpires)
		}
		if r.DefaultExpires == 0 && !lost(path+".default_expires") {
			r.DefaultExpires = r.MaxExpires
		}
	}
}

// registering tells whether a leg registers anybody.
func (c Config) registering() bool {
	for _, l := range c.Legs {
		if len(l.Registrar.Domains) > 0 {
			return true
		}
	}
	return false
}

// parseExpires reads what a REGISTER can say: whole seconds, and not 0, by which one leaves.
func parseExpires(s string) (time.Duration, error) {
	d, err := parseLasting(s, time.Second, 7*24*time.Hour, "1s to 168h")
	if err == nil && d%time.Second != 0 {
		err = fmt.Errorf("%v is no number of whole seconds; write %v", d, d.Round(time.Second))
	}
	return d, err
}

func parseUnknown(s string) (Unknown, error) {
	return parseWord(s, "refuse or forward", map[string]Unknown{"refuse": RefuseUnknown, "forward": ForwardUnknown})
}

// parseServiceRoute reads a SIP URI that a phone puts into a Route header.
func parseServiceRoute(s string) (string, error) {
	u, ok := sipwire.ParseURI([]byte(s))
	if !ok || u.Scheme == sipwire.OtherScheme || len(u.Headers) > 0 {
		return "", fmt.Errorf("%s is no SIP URI of a proxy; write it as sip:HOST;lr", quoted(s))
	}
	if _, ok := u.Param("lr"); !ok { // RFC 3608 §5
		return "", fmt.Errorf("%s has no lr, without which phones of today do not know what to do with it; write %s;lr", quoted(s), s)
	}
	return s, checkHost(string(u.Host))
}

// check reports what is wrong with what a leg registers.
func (r Registrar) check(path string, report func(path, text string)) {
	if len(r.Domains) == 0 {
		if !reflect.DeepEqual(r, Registrar{}) {
			report(path+".domains", "nothing is registered without a domain; write domains: [example.com], or leave registrar out")
		}
		return
	}
	first := map[string]string{}
	for i, d := range r.Domains {
		at := fmt.Sprintf("%s.domains[%d]", path, i)
		if want, err := parseDomain(d); err != nil || want != d {
			report(at, fmt.Sprintf("%s is no domain in lower case", quoted(d)))
		} else if before, twice := first[d]; twice {
			report(at, fmt.Sprintf("%s is %s already", quoted(d), before))
		} else {
			first[d] = at
		}
	}
	for _, e := range []struct {
		key   string
		value time.Duration
	}{{"min_expires", r.MinExpires}, {"max_expires", r.MaxExpires}, {"default_expires", r.DefaultExpires}} {
		if _, err := parseExpires(e.value.String()); err != nil {
			report(pathOf(path, e.key), err.Error())
			return // to compare them would say nothing new
		}
	}
	switch {
	case r.MinExpires > time.Hour: // RFC 3261 §10.3 step 7
		report(path+".min_expires", fmt.Sprintf("%v is more than an hour, and nobody may be refused who asks for an hour; write 1s to 1h", r.MinExpires))
	case r.MaxExpires < r.MinExpires:
		report(path+".max_expires", fmt.Sprintf("%v is less than min_expires, %v: nobody could register", r.MaxExpires, r.MinExpires))
	case r.DefaultExpires < r.MinExpires || r.DefaultExpires > r.MaxExpires:
		report(path+".default_expires", fmt.Sprintf("%v is not between min_expires and max_expires; write %v to %v", r.DefaultExpires, r.MinExpires, r.MaxExpires))
	}
	if r.Unknown > ForwardUnknown {
		report(path+".unknown", fmt.Sprintf("%d is none of refuse and forward", r.Unknown))
	}
	if r.ServiceRoute != "" {
		if _, err := parseServiceRoute(r.ServiceRoute); err != nil {
			report(path+".service_route", err.Error())
		}
	}
}

// checkFiles reports what is wrong with what is kept, and files that are named twice: each has one owner.
func (c Config) checkFiles(report func(path, text string)) {
	within(report, "registrar.max_bindings", c.Registrar.MaxBindings, 1, 10000000)
	within(report, "registrar.max_per_user", c.Registrar.MaxPerUser, 1, 1000)
	within(report, "bans.max", c.Bans.Max, 1, 1000000)
	first := map[string]string{}
	for _, f := range []struct{ path, file string }{
		{"keys.file", c.KeyFile},
		{"media.journal", c.Media.Journal},
		{"registrar.file", c.Registrar.File},
		{"bans.file", c.Bans.File},
	} {
		file := filepath.Clean(f.file)
		if before, twice := first[file]; twice && f.file != "" {
			report(f.path, fmt.Sprintf("%s is %s already; write another file", quoted(f.file), before))
		}
		first[file] = f.path
	}
}
