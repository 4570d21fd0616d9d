package system

import (
	"fmt"
	"time"

	"github.com/actorsip/actorsip/actors/authority"
	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/rules"
)

// ChainLink is one entry of the receive chain (chain): a rule, or a demand for credentials.
type ChainLink struct {
	// Rule (pass, drop, limit or block, which is its Action) is what happens with requests for which its conditions hold. It is not
	// used when Authorize is set.
	Rule rules.Rule
	// Authorize (authorize) has senders show that they know a password. nil: the link is a rule.
	Authorize *Authorize
}

// kind is the key of the entry; empty when its rule has no action.
func (l ChainLink) kind() string {
	if l.Authorize != nil {
		return "authorize"
	}
	return kinds[l.Rule.Action]
}

var kinds = map[rules.Action]string{rules.Pass: "pass", rules.Drop: "drop", rules.Throttle: "limit", rules.Block: "block"}

// Authorize says who is asked for a password, and how (chain[].authorize). An ACK and a CANCEL cannot be asked (RFC 3261 §22.1).
type Authorize struct {
	// Legs (legs) are those by which a request comes that is asked for. Default: all.
	Legs []string
	// Methods (methods) are those of requests that are asked for, in capitals. Default: all.
	Methods []string
	// Realm (realm) is told to phones, and is part of what is kept of a password: 1 to 255 characters without quotes and
	// backslashes. No default.
	Realm string
	// Users (users) is who knows the passwords. No default.
	Users Users
	// Algorithms (algorithms) are offered in this order: SHA-512-256, SHA-256, MD5. Default SHA-256, MD5.
	Algorithms []digest.Algorithm
	// MaxAge (max_age) is how long a challenge can be answered, 1s to 24h. Default 5m.
	MaxAge time.Duration
	// Role (role) is whom the question comes from: auto, registrar (401) or proxy (407). Default auto.
	Role Role
	// URI (uri) is what the URI of credentials must be: same (as the request-URI) or any. Default same.
	URI digest.URIRule
	// WithoutQop (without_qop) takes credentials of phones that know no qop, once for each challenge. Default false.
	WithoutQop bool
	// Filters (filters) are what must hold of a request whose sender is known, all of them: from_is_realm, from_is_user, to_is_from.
	// Default: none.
	Filters []authority.Filter
	// Ban (ban) bans a source with so many wrong passwords. Default nil: none is.
	Ban *limit.Offence
}

// Users is who knows passwords: a file, or a service of HTTP.
type Users struct {
	// File (file) has a user a line, in the format of htdigest. A relative path begins at the directory of the configuration file. It
	// is read again when it changes. Default empty: there is a URL.
	File string
	// URL (url) is the http or https URL of a service that knows them. Default empty: there is a File.
	URL string
	// Method (method) is POST, where the question is a JSON object, or GET, where it is in the query. Default POST.
	Method string
	// Authorization (authorization) is sent along as the header of that name. Default empty: none.
	Authorization string
	// Timeout (timeout) is how long an answer may take, 10ms to 1m. Default 3s.
	Timeout time.Duration
	// TTL (ttl) is how long an answer is remembered, 1s to 24h. Default 1m.
	TTL time.Duration
}

// callback is the service that u names.
func (u Users) callback() digest.CallbackConfig {
	return digest.CallbackConfig{URL: u.URL, Method: u.Method, Authorization: u.Authorization, Timeout: u.Timeout, TTL: u.TTL}
}

// Role is whom a question for credentials comes from.
type Role uint8

// AsAuto asks as the registrar for what the registrar of this proxy answers, and as a proxy for the rest; AsRegistrar asks with 401,
// AsProxy with 407.
const (
	AsAuto Role = iota
	AsRegistrar
	AsProxy
)

// String is the word of the configuration file.
func (r Role) String() string { return [...]string{"auto", "registrar", "proxy"}[r] }

// The words of the chain.

func parseBy(s string) (rules.By, error) {
	return parseWord(s, "source, from, to or request_uri", map[string]rules.By{
		"source": rules.BySource, "from": rules.ByFrom, "to": rules.ByTo, "request_uri": rules.ByRequestURI,
	})
}

func parseRole(s string) (Role, error) {
	return parseWord(s, "auto, registrar or proxy", map[string]Role{"auto": AsAuto, "registrar": AsRegistrar, "proxy": AsProxy})
}

func parseURIRule(s string) (digest.URIRule, error) {
	return parseWord(s, "same or any", map[string]digest.URIRule{"same": digest.SameURI, "any": digest.AnyURI})
}

func parseFilter(s string) (authority.Filter, error) {
	return parseWord(s, "from_is_realm, from_is_user or to_is_from", map[string]authority.Filter{
		"from_is_realm": authority.FromIsRealm, "from_is_user": authority.FromIsUser, "to_is_from": authority.ToIsFrom,
	})
}

// parseLasting reads a duration from low to high.
func parseLasting(s string, low, high time.Duration, write string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil {
		err = lasts(d, low, high, write)
	}
	return d, err
}

// lasts refuses a duration that is not from low to high.
func lasts(d, low, high time.Duration, write string) error {
	if d < low || d > high {
		return fmt.Errorf("%v is out of range; write %s", d, write)
	}
	return nil
}

func parseUsersTimeout(s string) (time.Duration, error) {
	return parseLasting(s, 10*time.Millisecond, time.Minute, "10ms to 1m")
}

func parseUsersTTL(s string) (time.Duration, error) {
	return parseLasting(s, time.Second, 24*time.Hour, "1s to 24h")
}

func parseUsersMethod(s string) (string, error) {
	return parseWord(s, "POST or GET", map[string]string{"POST": "POST", "GET": "GET"})
}

// resolveUsers has the paths of files with users begin where the configuration file is.
func (c *Config) resolveUsers(name string) {
	for _, l := range c.Chain {
		if l.Authorize != nil {
			l.Authorize.Users.File = beside(name, l.Authorize.Users.File)
		}
	}
}

// banning tells whether there is a list of bans: whoever has a chain may ban by hand as well.
func (c Config) banning() bool { return len(c.Chain) > 0 }

// rules are the rules among the links from first to behind last, as the package of that name wants them.
func (c Config) rules(links []ChainLink) rules.Config {
	r := rules.Config{Trusted: c.Trusted}
	for _, l := range links {
		if l.Authorize == nil {
			r.Rules = append(r.Rules, l.Rule)
		}
	}
	return r
}

// CheckUsers reads the files of users. It tells what should be known of them, a sentence each; the error joins all that cannot be
// used.
func (c Config) CheckUsers() (warnings []string, err error) {
	return checkUsers(c.Chain)
}
