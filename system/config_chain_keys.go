package system

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/rules"
)

// The keys of the receive chain, and of what is registered and banned.

func (v configValue) registrar(r *Registrar) {
	v.keys(
		configKey{"domains", scalars(&r.Domains, `example.com, "*.example.com"`, parseDomain)},
		configKey{"min_expires", scalar(&r.MinExpires, "a duration, as 30s", parseExpires)},
		configKey{"max_expires", scalar(&r.MaxExpires, "a duration, as 300s", parseExpires)},
		configKey{"default_expires", scalar(&r.DefaultExpires, "a duration, as 300s", parseExpires)},
		configKey{"redirect", scalar(&r.Redirect, "true or false", parseSwitch)},
		configKey{"unknown", scalar(&r.Unknown, "refuse or forward", parseUnknown)},
		configKey{"service_route", scalar(&r.ServiceRoute, "sip:HOST;lr", parseServiceRoute)},
	)
}

func (v configValue) bindings(b *Bindings) {
	v.keys(
		configKey{"file", scalar(&b.File, "a file name or off", parseJournal)},
		configKey{"max_bindings", scalar(&b.MaxBindings, "1 to 10000000", parseNumber)},
		configKey{"max_per_user", scalar(&b.MaxPerUser, "1 to 1000", parseNumber)},
	)
}

func (v configValue) bans(b *Bans) {
	v.keys(
		configKey{"file", scalar(&b.File, "a file name or off", parseJournal)},
		configKey{"max", scalar(&b.Max, "1 to 1000000", parseNumber)},
	)
}

// chain reads the links. One that cannot be read keeps its place, so that those behind it keep their paths.
func (v configValue) chain(chain *[]ChainLink) {
	v.list(`write a list, each as "- drop: {name: NAME}", or pass, limit, block, authorize in its place`, func(_ int, v configValue) {
		var links []ChainLink
		rule := func(v configValue, action rules.Action, more ...func(*rules.Rule) configKey) {
			l := ChainLink{Rule: rules.Rule{Action: action}}
			if v.rule(&l.Rule, more); action == rules.Block && l.Rule.Answer == (rules.Answer{}) {
				l.Rule.Answer = rules.Answer{Code: 403, Phrase: "Forbidden"}
			}
			links = append(links, l)
		}
		before := len(v.r.problems)
		v.keys(
			configKey{"pass", func(v configValue) { rule(v, rules.Pass) }},
			configKey{"drop", func(v configValue) { rule(v, rules.Drop, banKey) }},
			configKey{"limit", func(v configValue) { rule(v, rules.Throttle, rateKey, burstKey, byKey, answerKey, banKey) }},
			configKey{"block", func(v configValue) { rule(v, rules.Block, answerKey, banKey) }},
			configKey{"authorize", func(v configValue) { links = append(links, ChainLink{Authorize: v.authorize()}) }},
		)
		switch {
		case len(links) > 1:
			v.refuse("%s and %s stand in one entry; begin each with a dash of its own", links[0].kind(), links[1].kind())
		case len(links) == 0 && len(v.r.problems) == before:
			v.refuse("the entry says nothing; write one of pass, drop, limit, block and authorize")
		}
		if len(links) == 0 {
			v.r.bad[v.path] = true
			links = []ChainLink{{}}
		}
		*chain = append(*chain, links[0])
	})
}

// rule reads a rule: its conditions, and what more of those keys says that only some rules have.
func (v configValue) rule(r *rules.Rule, more []func(*rules.Rule) configKey) {
	keys := make([]configKey, 0, 16)
	keys = append(keys,
		configKey{"name", scalar(&r.Name, "a name", parseText)},
		configKey{"legs", scalars(&r.Legs, "outside", parseText)},
		configKey{"methods", scalars(&r.Methods, "REGISTER, INVITE", parseText)},
		configKey{"out_of_dialog", scalar(&r.OutOfDialog, "true or false", parseSwitch)},
		configKey{"sources", scalars(&r.Sources, `trusted, untrusted, "192.0.2.0/24"`, rules.ParseSource)},
		configKey{"user_agent", scalar(&r.UserAgent, "a regular expression", parseRegexp)},
		configKey{"headers", func(v configValue) { v.conditions(&r.Headers) }},
		configKey{"from", scalars(&r.From, `alice@example.com, "*@example.com"`, rules.ParsePattern)},
		configKey{"to", scalars(&r.To, `alice@example.com, "*@example.com"`, rules.ParsePattern)},
		configKey{"request_uri", scalars(&r.RequestURI, `"0900*@*"`, rules.ParsePattern)},
	)
	for _, key := range more {
		keys = append(keys, key(r))
	}
	v.keys(keys...)
}

func (v configValue) conditions(headers *[]rules.Header) {
	v.list(`write a list, each as {name: NAME, match: "REGULAR EXPRESSION"}`, func(_ int, v configValue) {
		var h rules.Header
		v.keys(
			configKey{"name", scalar(&h.Name, "the name of a header", parseText)},
			configKey{"match", scalar(&h.Match, "a regular expression", parseRegexp)},
			configKey{"not", scalar(&h.Not, "true or false", parseSwitch)},
		)
		*headers = append(*headers, h)
	})
}

func rateKey(r *rules.Rule) configKey {
	return configKey{"rate", func(v configValue) {
		burst := r.Limit.Burst // which may stand before
		scalar(&r.Limit.Rate, "a rate, as 20/s", limit.ParseRate)(v)
		r.Limit.Burst = burst
	}}
}

func burstKey(r *rules.Rule) configKey {
	return configKey{"burst", scalar(&r.Limit.Burst, "a whole number, at least 1", parseBurst)}
}

func byKey(r *rules.Rule) configKey {
	return configKey{"by", scalar(&r.Limit.By, "source, from, to or request_uri", parseBy)}
}

func answerKey(r *rules.Rule) configKey {
	return configKey{"answer", scalar(&r.Answer, `a status, as "403 Forbidden"`, rules.ParseAnswer)}
}

func banKey(r *rules.Rule) configKey {
	return configKey{"ban", func(v configValue) { v.ban(&r.Ban) }}
}

// ban reads what earns a ban. Its times have defaults, the number has none.
func (v configValue) ban(ban **limit.Offence) {
	o := limit.Offence{Within: time.Minute, For: 10 * time.Minute}
	v.keys(
		configKey{"after", scalar(&o.After, "1 to 10000", parseNumber)},
		configKey{"within", scalar(&o.Within, "a duration, as 60s", parseDuration)},
		configKey{"for", scalar(&o.For, "a duration, as 10m", parseDuration)},
	)
	*ban = &o
}

func (v configValue) authorize() *Authorize {
	a := Authorize{MaxAge: 5 * time.Minute}
	v.keys(
		configKey{"legs", scalars(&a.Legs, "outside", parseText)},
		configKey{"methods", scalars(&a.Methods, "REGISTER, INVITE", parseText)},
		configKey{"realm", scalar(&a.Realm, "a domain, as example.com", parseText)},
		configKey{"users", func(v configValue) { v.users(&a.Users) }},
		configKey{"algorithms", scalars(&a.Algorithms, "SHA-256, MD5", digest.ParseAlgorithm)},
		configKey{"max_age", scalar(&a.MaxAge, "a duration, as 5m", parseDuration)},
		configKey{"role", scalar(&a.Role, "auto, registrar or proxy", parseRole)},
		configKey{"uri", scalar(&a.URI, "same or any", parseURIRule)},
		configKey{"without_qop", scalar(&a.WithoutQop, "true or false", parseSwitch)},
		configKey{"filters", scalars(&a.Filters, "from_is_user, to_is_from", parseFilter)},
		configKey{"ban", func(v configValue) { v.ban(&a.Ban) }},
	)
	if len(a.Algorithms) == 0 {
		a.Algorithms = []digest.Algorithm{digest.SHA256, digest.MD5}
	}
	return &a
}

func (v configValue) users(u *Users) {
	v.keys(
		configKey{"file", scalar(&u.File, "a file name", parseText)},
		configKey{"url", scalar(&u.URL, "http://HOST/PATH", parseText)},
		configKey{"method", scalar(&u.Method, "POST or GET", parseUsersMethod)},
		configKey{"authorization", scalar(&u.Authorization, "the value of the header", parseHeader)},
		configKey{"timeout", scalar(&u.Timeout, "a duration, as 3s", parseUsersTimeout)},
		configKey{"ttl", scalar(&u.TTL, "a duration, as 1m", parseUsersTTL)},
	)
	if u.URL != "" {
		u.Method, u.Timeout, u.TTL = cmp.Or(u.Method, "POST"), cmp.Or(u.Timeout, 3*time.Second), cmp.Or(u.TTL, time.Minute)
	}
}

// parseRegexp reads a regular expression of RE2, which takes no longer the more cunning the text is.
func parseRegexp(s string) (*regexp.Regexp, error) {
	r, err := regexp.Compile(s)
	var e *syntax.Error
	if errors.As(err, &e) {
		return nil, fmt.Errorf("%s is no regular expression: %s: %s", quoted(s), e.Code, quoted(e.Expr))
	}
	return r, err
}

func parseBurst(s string) (int, error) {
	n, err := parseNumber(s)
	if err == nil && n < 1 {
		err = fmt.Errorf("%d is out of range; write a whole number, at least 1", n)
	}
	return n, err
}

// parseNetwork reads a network, or an address, which is a network of one.
func parseNetwork(s string) (netip.Prefix, error) {
	r, err := parseReach(s)
	switch a := r.Prefix.Addr(); {
	case err != nil && !strings.Contains(err.Error(), "bits behind"):
		return netip.Prefix{}, fmt.Errorf("%s is no network; write it as 10.0.0.0/8 or 192.0.2.1", quoted(s))
	case err != nil:
		return netip.Prefix{}, err
	case r.Port != 0:
		return netip.Prefix{}, fmt.Errorf("%s has a port; write the address alone", quoted(s))
	case a.Is4In6():
		return netip.Prefix{}, fmt.Errorf("%s is IPv4 written as IPv6; write it as IPv4", quoted(s))
	}
	return r.Prefix, nil
}
