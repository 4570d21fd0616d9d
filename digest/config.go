package digest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/actorsip/actorsip/keyring"
)

// Role says whom a request is answered as.
type Role uint8

// A registrar or another user agent server asks with 401 and reads Authorization, a proxy asks with 407 and reads
// Proxy-Authorization (RFC 3261 §22.2, §22.3).
const (
	Server Role = iota
	Proxy
)

// URIRule says what the uri parameter of credentials is held against.
type URIRule uint8

// SameURI wants the resource that the request-URI names, as far as phones and proxies leave that alone; see sameURI. AnyURI is
// for where they do not: RFC 3261 §22.4 allows it, but captured credentials that were not used yet are then good for any
// request-URI.
const (
	SameURI URIRule = iota
	AnyURI
)

// Config says who is let in, and how it is asked for.
type Config struct {
	Keys       *keyring.Ring
	Users      Users
	Realm      string        // in the challenge, and in HA1; at most 255 printable characters, no quotes or backslashes
	Role       Role          // default: Server
	Algorithms []Algorithm   // offered, in the order of preference (RFC 8760 §2.2); default: SHA-256, MD5
	MaxAge     time.Duration // how long a nonce is good; default 5 min
	Nonces     int           // how many used nonces are remembered, 152 bytes each; default 65536
	URI        URIRule       // default: SameURI
	WithoutQop bool          // accept credentials without qop, of phones older than RFC 2617: once for each nonce
}

const (
	defaultMaxAge = 5 * time.Minute
	defaultNonces = 1 << 16
	maxRealm      = 255
	longestMaxAge = 24 * time.Hour
)

// Validate tells what is wrong with cfg, in a sentence.
func (cfg Config) Validate() error {
	switch {
	case cfg.Keys == nil || cfg.Users == nil:
		return errors.New("authentication needs keys and users")
	case cfg.Realm == "" || len(cfg.Realm) > maxRealm:
		return fmt.Errorf("a realm has 1 to %d characters", maxRealm)
	case cfg.MaxAge < 0 || cfg.MaxAge > longestMaxAge:
		return fmt.Errorf("a nonce is good for %v at most", longestMaxAge)
	case cfg.Nonces < 0:
		return errors.New("the number of nonces that are remembered is not negative")
	case cfg.Role > Proxy:
		return fmt.Errorf("role %d is none", cfg.Role)
	case cfg.URI > AnyURI:
		return fmt.Errorf("URI rule %d is none", cfg.URI)
	}
	for i := range len(cfg.Realm) {
		if c := cfg.Realm[i]; c < ' ' || c == 0x7f || c == '"' || c == '\\' {
			return fmt.Errorf("the realm %q has a quote, a backslash or a control character", cfg.Realm)
		}
	}
	var seen [numAlgorithms]bool
	for _, a := range cfg.Algorithms {
		if a >= numAlgorithms {
			return fmt.Errorf("%s is none", a)
		}
		if seen[a] {
			return fmt.Errorf("the algorithm %s is offered twice", a)
		}
		seen[a] = true
	}
	return nil
}

// Verifier is what all goroutines that check credentials of one realm share.
type Verifier struct {
	cfg     Config              // set once
	offered [numAlgorithms]bool // set once
	names   names               // set once
	absent  [numAlgorithms]HA1  // what the response of an unknown user is held against; set once
	seed    maphash.Seed        // of the digests of requests; set once
	seen    *seen
}

// New starts a verifier: nonces made before now are stale.
func New(cfg Config, now time.Time) (*Verifier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = defaultMaxAge
	}
	if cfg.Nonces == 0 {
		cfg.Nonces = defaultNonces
	}
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = []Algorithm{SHA256, MD5}
	}
	v := &Verifier{cfg: cfg, names: namesOf(cfg), seed: maphash.MakeSeed(), seen: newSeen(cfg.Nonces, cfg.MaxAge, now)}
	for _, a := range cfg.Algorithms {
		v.offered[a] = true
	}
	for a := range v.absent {
		rand.Read(v.absent[a][:]) // never fails: it ends the process first
	}
	return v, nil
}

// As is a verifier of the same realm and users that asks in another role. Both remember used nonces in one table.
func (v *Verifier) As(r Role) *Verifier {
	w := *v
	w.cfg.Role = r
	w.names = namesOf(w.cfg)
	return &w
}

// Status is the status code of a challenge: 401 or 407.
func (v *Verifier) Status() int {
	if v.cfg.Role == Proxy {
		return 407
	}
	return 401
}

// Realm is what the challenge says.
func (v *Verifier) Realm() string { return v.cfg.Realm }
