package system

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/actorsip/actorsip/actors/authority"
	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/keyring"
)

// check reports what is wrong with a by itself, but for its legs and methods.
func (a Authorize) check(path string, report func(path, text string)) {
	for i, m := range a.Methods {
		if m == "ACK" || m == "CANCEL" { // RFC 3261 §22.1
			report(fmt.Sprintf("%s.methods[%d]", path, i), m+" cannot be sent again with a password, so it is never asked for one; leave it out")
		}
	}
	if a.Realm == "" {
		report(path+".realm", "the realm is missing, by which phones know which password is meant; write one, as realm: example.com")
	} else if err := realm(a.Realm); err != nil {
		report(path+".realm", err.Error())
	}
	a.Users.check(path+".users", report)
	first := map[digest.Algorithm]string{}
	for i, alg := range a.Algorithms {
		at := fmt.Sprintf("%s.algorithms[%d]", path, i)
		if _, err := digest.ParseAlgorithm(alg.String()); err != nil {
			report(at, err.Error())
		} else if before, twice := first[alg]; twice {
			report(at, fmt.Sprintf("%s is %s already", quoted(alg.String()), before))
		} else {
			first[alg] = at
		}
	}
	if err := lasts(a.MaxAge, time.Second, 24*time.Hour, "1s to 24h"); err != nil {
		report(path+".max_age", err.Error())
	}
	if a.Role > AsProxy {
		report(path+".role", fmt.Sprintf("%d is none of auto, registrar and proxy", a.Role))
	}
	if a.URI > digest.AnyURI {
		report(path+".uri", fmt.Sprintf("%d is none of same and any", a.URI))
	}
	for i, f := range a.Filters {
		at := fmt.Sprintf("%s.filters[%d]", path, i)
		switch {
		case f > authority.ToIsFrom:
			report(at, fmt.Sprintf("%d is none of from_is_realm, from_is_user and to_is_from", f))
		case slices.Index(a.Filters, f) < i:
			report(at, fmt.Sprintf("the filter is %s.filters[%d] already", path, slices.Index(a.Filters, f)))
		case f == authority.FromIsRealm && a.Realm != "" && checkHost(a.Realm) != nil:
			report(at, fmt.Sprintf("no From has the domain %s, which is the realm; write a domain for the realm, or leave the filter out", quoted(a.Realm)))
		case f == authority.ToIsFrom && !slices.Equal(a.Methods, []string{"REGISTER"}):
			report(at, "who calls has another To than From, and would be refused; write methods: [REGISTER] here, and another authorize for the rest")
		}
	}
	checkBan(path+".ban", a.Ban, report)
}

// realm says what is wrong with a realm, in the words of those who use it.
func realm(s string) error {
	return digest.Config{Keys: new(keyring.Ring), Users: new(digest.File), Realm: s}.Validate()
}

func (u Users) check(path string, report func(path, text string)) {
	switch {
	case u.File == "" && u.URL == "":
		report(path, `nobody knows the passwords; write users: {file: users.htdigest}, or users: {url: "http://HOST/PATH"}`)
	case u.File != "" && u.URL != "":
		report(path, "users are in a file or known to a service; write file or url")
	case u.File != "":
		for _, k := range []struct {
			key   string
			there bool
		}{
			{"method", u.Method != ""}, {"authorization", u.Authorization != ""}, {"timeout", u.Timeout != 0}, {"ttl", u.TTL != 0},
		} {
			if k.there {
				report(pathOf(path, k.key), "it is for a service, and users are in a file; leave it out")
			}
		}
	default:
		u.checkService(path, report)
	}
}

func (u Users) checkService(path string, report func(path, text string)) {
	if err := usersURL(u.URL); err != nil {
		report(path+".url", err.Error())
	}
	if _, err := parseUsersMethod(u.Method); err != nil {
		report(path+".method", err.Error())
	}
	if _, err := parseHeader(u.Authorization); err != nil {
		report(path+".authorization", err.Error())
	}
	if _, err := parseUsersTimeout(u.Timeout.String()); err != nil {
		report(path+".timeout", err.Error())
	}
	if _, err := parseUsersTTL(u.TTL.String()); err != nil {
		report(path+".ttl", err.Error())
	}
}

// usersURL says what is wrong with the URL of a service. A password is not repeated.
func usersURL(s string) error {
	u, err := url.Parse(s)
	_, rest, found := strings.Cut(s, "://")
	if !found {
		rest = s
	}
	host, _, _ := strings.Cut(rest, "/")
	switch {
	case strings.Contains(host, "@"):
		return errors.New("the URL has a user or a password; write it without, and authorization: Basic … beside it")
	case err != nil:
		return fmt.Errorf("%s is no URL; write it as http://127.0.0.1:8080/users", quoted(s))
	case !found:
		return fmt.Errorf("%s has no scheme; write http://%s, or https", quoted(s), s)
	case u.Fragment != "":
		return fmt.Errorf("%s has a part behind a #, which is never sent; leave it out", quoted(s))
	}
	if err := (digest.CallbackConfig{URL: s}).Validate(); err != nil {
		return fmt.Errorf("%w; write it as http://127.0.0.1:8080/users", err)
	}
	return nil
}

// checkAgain refuses a link that asks, in the same realm, for what a link before it has asked for: who has answered the
// first has nothing left for the second.
func (c Config) checkAgain(i int, path string, report func(path, text string)) {
	a := c.Chain[i].Authorize
	for j, l := range c.Chain[:i] {
		b := l.Authorize
		if b != nil && a.Realm != "" && a.Realm == b.Realm && meet(a.Legs, b.Legs) && meet(a.Methods, b.Methods) {
			report(path, fmt.Sprintf("chain[%d].authorize asks for the same realm, by the same leg and for the same method; write other legs or methods", j))
			return
		}
	}
}

// meet tells whether two lists have a word in common. An empty one has all.
func meet(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// checkUsers is Config.CheckUsers.
func checkUsers(chain []ChainLink) (warnings []string, err error) {
	var errs []error
	for _, l := range chain {
		if l.Authorize == nil || l.Authorize.Users.File == "" {
			continue
		}
		a := l.Authorize
		file, reading, err := digest.OpenFile(digest.FileConfig{Path: a.Users.File})
		if err != nil {
			errs = append(errs, fmt.Errorf("users of %s: %w", a.Realm, err))
			continue
		}
		warnings = append(warnings, a.warnings(file, reading)...)
		file.Close()
	}
	return warnings, errors.Join(errs...)
}

// warnings are what should be known of a file of users that can be read.
func (a Authorize) warnings(file *digest.File, r digest.Reading) (all []string) {
	if r.Others {
		all = append(all, a.Users.File+" can be read or written by every user of this machine; chmod 600, for what is in it is as good as passwords")
	}
	if r.Plain > 0 {
		all = append(all, fmt.Sprintf("%s has %d passwords that can be read; write hashes in their place", a.Users.File, r.Plain))
	}
	if r.Users == 0 {
		all = append(all, fmt.Sprintf("%s has no users: nobody is let in", a.Users.File))
	}
	for _, alg := range a.Algorithms {
		if n := file.Lacking(a.Realm, alg); n > 0 {
			all = append(all, fmt.Sprintf("%s has %d users of the realm %s without a line for %s: a phone that takes this algorithm cannot be let in as one of them",
				a.Users.File, n, a.Realm, alg))
		}
	}
	return all
}
