package system

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/actors/authority"
	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/rules"
)

// linked is a file with one link in its chain; what is inside its braces begins in column 12 and later of line 5.
func linked(kind, inside string) string {
	return twoLegs + "chain:\n  - " + kind + ": {" + inside + "}\n"
}

// asks is linked for authorize, with what it must have.
func asks(more string) string {
	return linked("authorize", "realm: a.example, users: {file: u}, "+more)
}

// registers is a file with one leg whose registrar says that; it begins in column 17 of line 4.
func registers(inside string) string { return legWith("registrar: {" + inside + "}") }

func TestWhatIsWrongWithTheChainIsToldWithItsPlace(t *testing.T) {
	refuse(t, []refusal{
		// The list.
		{"no list", twoLegs + "chain: {drop: {name: a}}\n", `f:4:8: chain: a mapping (key: value) stands here; ` +
			`write a list, each as "- drop: {name: NAME}", or pass, limit, block, authorize in its place`},
		{"empty entry", twoLegs + "chain:\n  -\n", `f:5:4: chain[0]: the entry says nothing; write one of pass, drop, limit, block and authorize`},
		{
			"two in one entry", twoLegs + "chain:\n  - drop: {name: a}\n    pass: {name: b}\n",
			`f:5:5: chain[0]: drop and pass stand in one entry; begin each with a dash of its own`,
		},
		{"misspelt link", twoLegs + "chain:\n  - droop: {name: a}\n", `f:5:5: chain[0].droop: unknown key "droop"; did you mean drop?`},
		{"redirect", twoLegs + "chain:\n  - redirect: {name: a}\n", `f:5:5: chain[0].redirect: unknown key "redirect"; known here: pass, drop, limit, block, authorize`},
		{"a word for a rule", twoLegs + "chain: [{drop: scanners}]\n", `f:4:16: chain[0].drop: "scanners" stands here; ` +
			`write keys with values: name, legs, methods, out_of_dialog, sources, user_agent, headers, from, to, request_uri, ban`},

		// Whom it concerns.
		{"no name", linked("drop", "methods: [INFO]"), `f:5:11: chain[0].drop.name: the rule has no name; write one, by which it is counted, as name: scanners`},
		{"nothing at all", linked("drop", ""), `f:5:11: chain[0].drop.name: the rule has no name; write one, by which it is counted, as name: scanners`},
		{
			"one name twice", linked("drop", "name: a") + "  - authorize: {realm: a.example, users: {file: u}}\n  - pass: {name: a}\n",
			`f:7:18: chain[2].pass.name: "a" is chain[0].drop.name already`,
		},
		{"unknown leg", linked("drop", "name: a, legs: [outsid]"), `f:5:28: chain[0].drop.legs[0]: there is no leg "outsid"; did you mean outside?`},
		{"leg of nobody", linked("drop", "name: a, legs: [inside, x]"), `f:5:36: chain[0].drop.legs[1]: there is no leg "x"; write one of inside, outside`},
		{"leg twice", linked("drop", "name: a, legs: [inside, inside]"), `f:5:36: chain[0].drop.legs[1]: "inside" is chain[0].drop.legs[0] already`},
		{"method in lower case", linked("drop", "name: a, methods: [invite]"), `f:5:31: chain[0].drop.methods[0]: "invite" is no method, since methods are capitals; write INVITE`},
		{"method misspelt", linked("drop", "name: a, methods: [REGSITER]"), `f:5:31: chain[0].drop.methods[0]: "REGSITER" is no method; did you mean REGISTER?`},
		{"no method", linked("drop", `name: a, methods: ["A B"]`), `f:5:31: chain[0].drop.methods[0]: "A B" is no method; write it as INVITE`},
		{"method twice", linked("drop", `name: a, methods: [INFO, INFO]`), `f:5:37: chain[0].drop.methods[1]: "INFO" is chain[0].drop.methods[0] already`},
		{"no source", linked("drop", `name: a, sources: [here]`), `f:5:31: chain[0].drop.sources[0]: "here" is no source; write trusted, untrusted, 192.0.2.0/24 or 192.0.2.1`},
		{"source with bits", linked("drop", `name: a, sources: [10.0.0.1/8]`), `f:5:31: chain[0].drop.sources[0]: "10.0.0.1/8" has bits behind its length; write 10.0.0.0/8`},
		{"trusted nobody", linked("pass", `name: a, sources: [trusted]`), `f:5:31: chain[0].pass.sources[0]: "trusted" means nothing, since nobody is trusted; ` +
			`write trusted: ["10.0.0.0/8"], a key of the whole file`},
		{"untrusted nobody", linked("drop", `name: a, sources: [10.0.0.1, untrusted]`), `f:5:41: chain[0].drop.sources[1]: "untrusted" means nothing, since nobody is trusted; ` +
			`write trusted: ["10.0.0.0/8"], a key of the whole file`},
		{"regular expression", linked("drop", `name: a, user_agent: "sip(vicious"`), `f:5:33: chain[0].drop.user_agent: "sip(vicious" is no regular expression: missing closing ): "sip(vicious"`},
		{"backreference", linked("drop", `name: a, user_agent: '(a)\1'`), `f:5:33: chain[0].drop.user_agent: "(a)\\1" is no regular expression: invalid escape sequence: "\\1"`},
		{"header without name", linked("drop", `name: a, headers: [{match: x}]`), `f:5:31: chain[0].drop.headers[0].name: no header is named; write one, as name: Subject`},
		{"no header", linked("drop", `name: a, headers: [{name: "a b", match: x}]`), `f:5:38: chain[0].drop.headers[0].name: "a b" is no name of a header; write letters, digits and dashes, as X-Caller`},
		{"header without match", linked("drop", `name: a, headers: [{name: Subject}]`), `f:5:31: chain[0].drop.headers[0].match: there is nothing to look for; ` +
			`write a regular expression, as match: "(?i)casino"`},
		{"header with a bad match", linked("drop", `name: a, headers: [{name: Subject, match: "*"}]`), `f:5:54: chain[0].drop.headers[0].match: "*" is no regular expression: ` +
			`missing argument to repetition operator: "*"`},
		{"pattern with a scheme", linked("drop", `name: a, from: ["sip:a@b.example"]`), `f:5:28: chain[0].drop.from[0]: "sip:a@b.example" is no user@domain: write neither scheme nor port nor parameters`},
		{"pattern with a star inside", linked("drop", `name: a, to: [ok@b.example, "a@b.*"]`), `f:5:40: chain[0].drop.to[1]: "a@b.*" is no user@domain: ` +
			`a * in a domain stands for its first part, as *.example.com, or alone`},
		{"pattern without a user", linked("drop", `name: a, request_uri: ["@b.example"]`), `f:5:35: chain[0].drop.request_uri[0]: "@b.example" is no user@domain: ` +
			`there is no user before the @; write *@example.com for any`},

		// What then happens.
		{"limit without rate", linked("limit", "name: a"), `f:5:12: chain[0].limit.rate: the limit has no rate; write one, as rate: 20/s`},
		{"burst without rate", linked("limit", "name: a, burst: 3"), `f:5:12: chain[0].limit.rate: the limit has no rate; write one, as rate: 20/s`},
		{"rate in words", linked("limit", "name: a, rate: 20"), `f:5:28: chain[0].limit.rate: "20" is no rate; write it as 10/s, 100/m or 5/30s`},
		{"rate of nothing", linked("limit", "name: a, rate: 0/s"), `f:5:28: chain[0].limit.rate: "0/s" cannot be used: a rate of less than one is a block; write a whole number before the slash`},
		{"burst of nothing", linked("limit", "name: a, burst: 0, rate: 1/s"), `f:5:29: chain[0].limit.burst: 0 is out of range; write a whole number, at least 1`},
		{"burst of a year", linked("limit", "name: a, burst: 9999999, rate: 1/s"), `f:5:29: chain[0].limit.burst: 9999999: a bucket would need more than a week to fill; use a ban for that`},
		{"by", linked("limit", "name: a, rate: 1/s, by: user"), `f:5:37: chain[0].limit.by: "user" is not known; write source, from, to or request_uri`},
		{"answer", linked("block", "name: a, answer: no"), `f:5:30: chain[0].block.answer: "no" is no status; write 403, or "403 Not from here"`},
		{"answer of success", linked("block", "name: a, answer: 200 OK"), `f:5:30: chain[0].block.answer: "200 OK" cannot be answered: a request is refused with a status of 400 to 699`},
		{"answer that asks", linked("limit", "name: a, rate: 1/s, answer: 407"), `f:5:41: chain[0].limit.answer: "407" cannot be answered: ` +
			`401 and 407 ask for credentials, which a block does not; write 403`},
		{"pass with an answer", linked("pass", "name: a, answer: 403"), `f:5:21: chain[0].pass.answer: unknown key "answer"; ` +
			`known here: name, legs, methods, out_of_dialog, sources, user_agent, headers, from, to, request_uri`},
		{"pass that bans", linked("pass", "name: a, ban: {after: 1}"), `f:5:21: chain[0].pass.ban: unknown key "ban"; ` +
			`known here: name, legs, methods, out_of_dialog, sources, user_agent, headers, from, to, request_uri`},
		{"ban after nothing", linked("drop", "name: a, ban: {for: 1h}"), `f:5:26: chain[0].drop.ban.after: nobody knows after how many; write it, as after: 100`},
		{"ban of everything", linked("drop", "name: a, ban: {after: -1, within: 48h, for: 10ms}"), `f:5:34: chain[0].drop.ban.after: -1: a ban comes after 1 to 10000 offences
f:5:46: chain[0].drop.ban.within: 48h0m0s: offences are counted within 1ms to 24h
f:5:56: chain[0].drop.ban.for: 10ms: a ban lasts 1s to a year; one without an end is made by hand`},

		// Whom is trusted, and what is kept.
		{"trusted network", twoLegs + "trusted: [10.0.0.1/8]\n", `f:4:11: trusted[0]: "10.0.0.1/8" has bits behind the network; write 10.0.0.0/8 for the network or 10.0.0.1 for the one address`},
		{"trusted name", twoLegs + "trusted: [me]\n", `f:4:11: trusted[0]: "me" is no network; write it as 10.0.0.0/8 or 192.0.2.1`},
		{"trusted port", twoLegs + "trusted: [\"10.0.0.1:5060\"]\n", `f:4:11: trusted[0]: "10.0.0.1:5060" has a port; write the address alone`},
		{"trusted IPv4 as IPv6", twoLegs + "trusted: [\"::ffff:10.0.0.0/104\"]\n", `f:4:11: trusted[0]: "::ffff:10.0.0.0/104" is IPv4 written as IPv6; write it as IPv4`},
		{"trusted twice", twoLegs + "trusted: [10.0.0.1, 10.0.0.1/32]\n", `f:4:21: trusted[1]: "10.0.0.1" is trusted[0] already`},
		{"bindings", twoLegs + "registrar: {max_bindings: 0, max_per_user: 1001}\n", `f:4:27: registrar.max_bindings: 0 is out of range; write 1 to 10000000
f:4:44: registrar.max_per_user: 1001 is out of range; write 1 to 1000`},
		{"domains of all", twoLegs + "registrar: {domains: [a.example]}\n", `f:4:13: registrar.domains: unknown key "domains"; known here: file, max_bindings, max_per_user`},
		{"bans", twoLegs + "bans: {max: 2000000}\n", `f:4:13: bans.max: 2000000 is out of range; write 1 to 1000000`},
		{"one file for two", twoLegs + "registrar: {file: media.db}\nbans: {file: ./media.db}\n", `f:4:19: registrar.file: "media.db" is media.journal already; write another file
f:5:14: bans.file: "media.db" is registrar.file already; write another file`},
	})
}

func TestWhatIsWrongWithAuthorizationIsToldWithItsPlace(t *testing.T) {
	refuse(t, []refusal{
		{"nothing", linked("authorize", ""), `f:5:16: chain[0].authorize.realm: the realm is missing, by which phones know which password is meant; write one, as realm: example.com
f:5:16: chain[0].authorize.users: nobody knows the passwords; write users: {file: users.htdigest}, or users: {url: "http://HOST/PATH"}`},
		{"name", asks("name: a"), `f:5:53: chain[0].authorize.name: unknown key "name"; ` +
			`known here: legs, methods, realm, users, algorithms, max_age, role, uri, without_qop, filters, ban`},
		{"realm with quotes", linked("authorize", `realm: 'a"b', users: {file: u}`), `f:5:24: chain[0].authorize.realm: the realm "a\"b" has a quote, a backslash or a control character`},
		{"leg", asks("legs: [outer]"), `f:5:60: chain[0].authorize.legs[0]: there is no leg "outer"; write one of inside, outside`},
		{"method", asks("methods: [register]"), `f:5:63: chain[0].authorize.methods[0]: "register" is no method, since methods are capitals; write REGISTER`},
		{"ACK", asks("methods: [INVITE, ACK, CANCEL]"), `f:5:71: chain[0].authorize.methods[1]: ACK cannot be sent again with a password, so it is never asked for one; leave it out
f:5:76: chain[0].authorize.methods[2]: CANCEL cannot be sent again with a password, so it is never asked for one; leave it out`},
		{"algorithm", asks("algorithms: [SHA-1]"), `f:5:66: chain[0].authorize.algorithms[0]: "SHA-1" is no digest algorithm; write SHA-512-256, SHA-256 or MD5`},
		{"algorithm twice", asks("algorithms: [MD5, md5]"), `f:5:71: chain[0].authorize.algorithms[1]: "MD5" is chain[0].authorize.algorithms[0] already`},
		{"age", asks("max_age: 25h"), `f:5:62: chain[0].authorize.max_age: 25h0m0s is out of range; write 1s to 24h`},
		{"role", asks("role: server"), `f:5:59: chain[0].authorize.role: "server" is not known; write auto, registrar or proxy`},
		{"uri", asks("uri: none"), `f:5:58: chain[0].authorize.uri: "none" is not known; write same or any`},
		{"qop", asks("without_qop: no"), `f:5:66: chain[0].authorize.without_qop: "no" is not known; write true or false`},
		{"filter", asks("filters: [from]"), `f:5:63: chain[0].authorize.filters[0]: "from" is not known; write from_is_realm, from_is_user or to_is_from`},
		{"filter twice", asks("filters: [from_is_user, from_is_user]"), `f:5:77: chain[0].authorize.filters[1]: the filter is chain[0].authorize.filters[0] already`},
		{"filter of no domain", linked("authorize", "realm: my phones, users: {file: u}, filters: [from_is_realm]"), `f:5:63: chain[0].authorize.filters[0]: no From has the domain "my phones", ` +
			`which is the realm; write a domain for the realm, or leave the filter out`},
		{"filter that forbids calls", asks("methods: [INVITE, REGISTER], filters: [to_is_from]"), `f:5:92: chain[0].authorize.filters[0]: who calls has another To than From, ` +
			`and would be refused; write methods: [REGISTER] here, and another authorize for the rest`},
		{"ban", asks("ban: {after: 0}"), `f:5:66: chain[0].authorize.ban.after: nobody knows after how many; write it, as after: 100`},
		{
			"the same again", asks("legs: [outside]") + "  - authorize: {realm: b.example, users: {file: v}}\n" +
				"  - authorize: {realm: a.example, users: {file: u}, methods: [INVITE]}\n",
			`f:7:16: chain[2].authorize: chain[0].authorize asks for the same realm, by the same leg and for the same method; write other legs or methods`,
		},

		{
			"two kinds of users", linked("authorize", "realm: a.example, users: {file: u, url: \"http://a.example\"}"),
			`f:5:42: chain[0].authorize.users: users are in a file or known to a service; write file or url`,
		},
		{"service of a file", linked("authorize", "realm: a.example, users: {file: u, ttl: 1m, method: GET}"), `f:5:57: chain[0].authorize.users.ttl: it is for a service, and users are in a file; leave it out
f:5:69: chain[0].authorize.users.method: it is for a service, and users are in a file; leave it out`},
		{"URL without scheme", linked("authorize", "realm: a.example, users: {url: a.example/u}"), `f:5:48: chain[0].authorize.users.url: "a.example/u" has no scheme; write http://a.example/u, or https`},
		{"URL with password", linked("authorize", `realm: a.example, users: {url: "http://me:secret@a.example/u"}`), `f:5:48: chain[0].authorize.users.url: the URL has a user or a password; ` +
			`write it without, and authorization: Basic … beside it`},
		{"URL of mail", linked("authorize", `realm: a.example, users: {url: "ldap://a.example"}`), `f:5:48: chain[0].authorize.users.url: "ldap://a.example" is no http or https URL; write it as http://127.0.0.1:8080/users`},
		{"URL of nobody", linked("authorize", `realm: a.example, users: {url: "http://a example:x/"}`), `f:5:48: chain[0].authorize.users.url: "http://a example:x/" is no URL; write it as http://127.0.0.1:8080/users`},
		{"header of two lines", linked("authorize", `realm: a.example, users: {url: "http://a.example", authorization: "Basic\tsecret"}`), `f:5:83: chain[0].authorize.users.authorization: ` +
			`the value has a line break, or another character that a header cannot carry; write ASCII in one line`},
		{"times", linked("authorize", `realm: a.example, users: {url: "http://a.example", timeout: 0s, ttl: 10ms}`), `f:5:77: chain[0].authorize.users.timeout: 0s is out of range; write 10ms to 1m
f:5:86: chain[0].authorize.users.ttl: 10ms is out of range; write 1s to 24h`},
		{"method of HTTP", linked("authorize", `realm: a.example, users: {url: "http://a.example", method: PUT}`), `f:5:76: chain[0].authorize.users.method: "PUT" is not known; write POST or GET`},
	})
}

func TestWhatIsWrongWithARegistrarIsToldWithItsPlace(t *testing.T) {
	refuse(t, []refusal{
		{"no domain", registers("redirect: true"), `f:4:16: legs[0].registrar.domains: nothing is registered without a domain; write domains: [example.com], or leave registrar out`},
		{"bad domain", registers(`domains: [a.example, "sip:b.example"]`), `f:4:38: legs[0].registrar.domains[1]: "sip:b.example" is more than a domain; write neither scheme nor port`},
		{"domain twice", registers(`domains: [a.example, A.example]`), `f:4:38: legs[0].registrar.domains[1]: "a.example" is legs[0].registrar.domains[0] already`},
		{"no time", registers(`domains: [a.example], min_expires: 0s`), `f:4:52: legs[0].registrar.min_expires: 0s is out of range; write 1s to 168h`},
		{"parts of a second", registers(`domains: [a.example], default_expires: 40500ms`), `f:4:56: legs[0].registrar.default_expires: 40.5s is no number of whole seconds; write 41s`},
		{"an hour is never too brief", registers(`domains: [a.example], min_expires: 2h`), `f:4:52: legs[0].registrar.min_expires: 2h0m0s is more than an hour, ` +
			`and nobody may be refused who asks for an hour; write 1s to 1h`},
		{"backwards", registers(`domains: [a.example], min_expires: 60s, max_expires: 30s`), `f:4:70: legs[0].registrar.max_expires: 30s is less than min_expires, 1m0s: nobody could register`},
		{"default", registers(`domains: [a.example], default_expires: 10s`), `f:4:56: legs[0].registrar.default_expires: 10s is not between min_expires and max_expires; write 30s to 5m0s`},
		{"unknown", registers(`domains: [a.example], unknown: drop`), `f:4:48: legs[0].registrar.unknown: "drop" is not known; write refuse or forward`},
		{"route of nobody", registers(`domains: [a.example], service_route: sip.example.com`), `f:4:54: legs[0].registrar.service_route: "sip.example.com" is no SIP URI of a proxy; write it as sip:HOST;lr`},
		{"strict route", registers(`domains: [a.example], service_route: "sip:a.example"`), `f:4:54: legs[0].registrar.service_route: "sip:a.example" has no lr, ` +
			`without which phones of today do not know what to do with it; write sip:a.example;lr`},
		{"file of one leg", registers(`domains: [a.example], file: a.db`), `f:4:39: legs[0].registrar.file: unknown key "file"; ` +
			`known here: domains, min_expires, max_expires, default_expires, redirect, unknown, service_route`},
	})
}

// The whole chain of the document.
const chainOfAll = `
trusted: [10.0.0.0/8, "2001:db8::1"]
legs:
  - name: inside
    listen: udp:10.0.0.1:5060
  - name: outside
    listen: udp:192.0.2.1:5060
    registrar:
      domains: [Example.com, "*.example.org"]
      min_expires: 1m
      max_expires: 1h
      default_expires: 10m
      redirect: true
      unknown: forward
      service_route: sip:192.0.2.1;lr
  - {name: lab, listen: "udp:192.0.2.2:5060", registrar: {domains: ["*"], min_expires: 10m}}
registrar: {file: off, max_bindings: 5, max_per_user: 2}
bans: {file: /var/lib/bans.db, max: 7}
chain:
  - pass: {name: friends, sources: [trusted, 192.0.2.7]}
  - drop: {name: scanners, legs: [outside], user_agent: "(?i)friendly-scanner|sipvicious"}
  - limit:
      name: flood
      methods: [REGISTER, INVITE]
      out_of_dialog: true
      burst: 40
      rate: 20/s
      by: from
      answer: 503 Later
      ban: {after: 100}
  - block:
      name: no-casinos
      headers: [{name: Subject, match: casino}, {name: X-Ours, match: ".", not: true}]
      from: ["*@casino.example"]
      to: [Alice@example.com]
      request_uri: ["0900*@*"]
  - authorize:
      legs: [outside]
      methods: [REGISTER]
      realm: example.com
      users: {file: users.htdigest}
      algorithms: [SHA-512-256, MD5]
      max_age: 1m
      role: registrar
      uri: any
      without_qop: true
      filters: [from_is_realm, from_is_user, to_is_from]
      ban: {after: 10, within: 30s, for: 1h}
  - authorize: {realm: other, users: {url: "https://a.example/u?x=y", method: GET, authorization: Basic abc, timeout: 1s, ttl: 2m}, role: proxy}
  - authorize: {realm: third, users: {url: "http://127.0.0.1"}}
`

func TestEveryKeyOfTheChainArrives(t *testing.T) {
	c, err := Parse("conf/actorsip.yaml", []byte(chainOfAll))
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v", what, got, want)
		}
	}
	same("trusted", c.Trusted, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")})
	same("inside", c.Legs[0].Registrar, Registrar{})
	same("outside", c.Legs[1].Registrar, Registrar{
		[]string{"example.com", "*.example.org"}, time.Minute, time.Hour, 10 * time.Minute, true, ForwardUnknown, "sip:192.0.2.1;lr",
	})
	same("lab", c.Legs[2].Registrar, Registrar{
		Domains: []string{"*"}, MinExpires: 10 * time.Minute, MaxExpires: 10 * time.Minute, DefaultExpires: 10 * time.Minute,
	})
	same("bindings", c.Registrar, Bindings{"", 5, 2})
	same("the store", c.Registrar.store(), location.Config{File: location.Off, MaxBindings: 5, MaxPerAOR: 2})
	same("bans", c.Bans, Bans{"/var/lib/bans.db", 7})

	if !c.registering() || !c.banning() || len(c.Chain) != 7 {
		t.Fatalf("%d links", len(c.Chain))
	}
	all := c.rules(c.Chain).Rules
	if len(all) != 4 || all[0].Action != rules.Pass || all[1].Action != rules.Drop {
		t.Fatalf("%+v", all)
	}
	same("sources", all[0].Sources[0].String()+" "+all[0].Sources[1].String(), "trusted 192.0.2.7")
	same("the names of some browser", all[1].UserAgent.MatchString("SIPVicious 0.3"), true)
	flood := all[2]
	same("flood", flood, rules.Rule{
		Name: "flood", Methods: []string{"REGISTER", "INVITE"}, OutOfDialog: true, Action: rules.Throttle, Answer: rules.Answer{Code: 503, Phrase: "Later"},
		Limit: rules.Limit{Rate: limit.Rate{Count: 20, Per: time.Second, Burst: 40}, By: rules.ByFrom},
		Ban:   &limit.Offence{After: 100, Within: time.Minute, For: 10 * time.Minute},
	})
	block := all[3]
	same("what a block answers that says nothing", block.Answer, rules.Answer{Code: 403, Phrase: "Forbidden"})
	same("patterns", block.From[0].String()+" "+block.To[0].String()+" "+block.RequestURI[0].String(), "*@casino.example alice@example.com 0900*@*")
	same("headers", block.Headers[0].Name+block.Headers[0].Match.String()+" "+block.Headers[1].Name, "Subjectcasino X-Ours")
	same("not", block.Headers[1].Not && !block.Headers[0].Not, true)

	same("authorize", *c.Chain[4].Authorize, Authorize{
		Legs: []string{"outside"}, Methods: []string{"REGISTER"}, Realm: "example.com", Users: Users{File: "conf/users.htdigest"},
		Algorithms: []digest.Algorithm{digest.SHA512_256, digest.MD5}, MaxAge: time.Minute, Role: AsRegistrar, URI: digest.AnyURI, WithoutQop: true,
		Filters: []authority.Filter{authority.FromIsRealm, authority.FromIsUser, authority.ToIsFrom},
		Ban:     &limit.Offence{After: 10, Within: 30 * time.Second, For: time.Hour},
	})
	same("a service", *c.Chain[5].Authorize, Authorize{
		Realm: "other", Users: Users{URL: "https://a.example/u?x=y", Method: "GET", Authorization: "Basic abc", Timeout: time.Second, TTL: 2 * time.Minute},
		Algorithms: []digest.Algorithm{digest.SHA256, digest.MD5}, MaxAge: 5 * time.Minute, Role: AsProxy,
	})
	same("a service by default", c.Chain[6].Authorize.Users, Users{URL: "http://127.0.0.1", Method: "POST", Timeout: 3 * time.Second, TTL: time.Minute})
	for _, a := range []int{5, 6} {
		if err := c.Chain[a].Authorize.Users.callback().Validate(); err != nil {
			t.Error(err)
		}
	}
	if err := c.rules(c.Chain).Validate([]string{"inside", "outside", "lab"}); err != nil {
		t.Errorf("the rules themselves find: %v", err)
	}
	if _, err := rules.New(c.rules(c.Chain), limit.Open(0, limit.Options{})); err != nil {
		t.Error(err)
	}
}

func TestWhoSaysNothingRegistersNobody(t *testing.T) {
	c, err := Parse("f", []byte(twoLegs+"chain:\n#  - drop: {name: a}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.registering() || c.banning() || c.Chain != nil || c.Trusted != nil {
		t.Errorf("%+v", c)
	}
}

func TestAChainMadeInGoIsValidated(t *testing.T) {
	c := Defaults()
	c.Legs = []Leg{{Name: "a", Listen: netip.MustParseAddrPort("10.0.0.1:5060"), Registrar: Registrar{Domains: []string{"A.example"}}}}
	c.Trusted = []netip.Prefix{{}, netip.MustParsePrefix("10.0.0.1/8")}
	c.Chain = []ChainLink{
		{},
		{Rule: rules.Rule{Action: 9}},
		{Rule: rules.Rule{Action: rules.Block, Name: "b", Answer: rules.Answer{Code: 200, Phrase: "OK"}, Headers: []rules.Header{{}}}},
		{Rule: rules.Rule{Action: rules.Throttle, Name: "b", Limit: rules.Limit{Rate: limit.Rate{Count: 1, Per: -1}, By: 9}}},
		{Authorize: &Authorize{Role: 9, URI: 9, Filters: []authority.Filter{9}, Algorithms: []digest.Algorithm{9}, Users: Users{URL: "x"}}},
	}
	err := c.Validate()
	for _, want := range []string{
		"legs[0].registrar.domains[0]: ", "legs[0].registrar.min_expires: ", "trusted[0]: ", "trusted[1]: ", "chain[0]: ", "chain[1]: ",
		"chain[2].block.answer: ", "chain[2].block.headers[0].name: ", "chain[2].block.headers[0].match: ", "chain[3].limit.name: ",
		"chain[3].limit.rate: ", "chain[3].limit.by: ", "chain[4].authorize.role: ", "chain[4].authorize.uri: ", "chain[4].authorize.filters[0]: ",
		"chain[4].authorize.algorithms[0]: ", "chain[4].authorize.users.url: ", "chain[4].authorize.users.method: ", "chain[4].authorize.max_age: ",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+want) {
			t.Errorf("nothing about %s in\n%v", want, err)
		}
	}
}

// A file of users that nobody can log in with is told of before it is used.
func TestFilesOfUsersAreLookedAt(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
	}
	write("bad", "alice:a.example\n", 0o600)
	write("open", "alice:a.example:0123456789abcdef0123456789abcdef\nbob:a.example:plain:secret\n", 0o644)
	write("empty", "# nobody yet\n", 0o600)
	c, err := Parse(filepath.Join(dir, "f"), []byte(twoLegs+`chain:
  - authorize: {legs: [inside], realm: a.example, users: {file: open}}
  - authorize: {legs: [outside], realm: a.example, users: {file: empty}}
  - authorize: {realm: b.example, users: {url: "http://127.0.0.1:1"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	warnings, err := c.CheckUsers()
	at := filepath.Join(dir, "open")
	want := []string{
		at + " can be read or written by every user of this machine; chmod 600, for what is in it is as good as passwords",
		at + " has 1 passwords that can be read; write hashes in their place",
		at + " has 1 users of the realm a.example without a line for SHA-256: a phone that takes this algorithm cannot be let in as one of them",
		filepath.Join(dir, "empty") + " has no users: nobody is let in",
	}
	if err != nil || !slices.Equal(warnings, want) {
		t.Errorf("%v\n%s\nwant\n%s", err, strings.Join(warnings, "\n"), strings.Join(want, "\n"))
	}
	c.Chain[0].Authorize.Users.File, c.Chain[1].Authorize.Users.File = filepath.Join(dir, "none"), filepath.Join(dir, "bad")
	if _, err := c.CheckUsers(); err == nil || !strings.Contains(err.Error(), "users of a.example: open "+filepath.Join(dir, "none")) ||
		!strings.Contains(err.Error(), "users of a.example: "+filepath.Join(dir, "bad")+":1: a user is written as user:realm:HA1") {
		t.Errorf("it said %v", err)
	}
}

// What passes here must pass where it is used as well.
func FuzzChain(f *testing.F) {
	f.Add([]byte(chainOfAll))
	f.Add([]byte(linked("limit", "name: a, rate: 20/s, burst: 9")))
	f.Add([]byte(linked("drop", "name: a, sources: [untrusted]")))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse("f", src)
		if err != nil {
			return
		}
		var legs []string
		for _, l := range c.Legs {
			legs = append(legs, l.Name)
		}
		if err := c.rules(c.Chain).Validate(legs); err != nil {
			t.Fatalf("accepted, but the rules say: %v", err)
		}
		if err := c.Registrar.store().Validate(); err != nil {
			t.Fatalf("accepted, but the store says: %v", err)
		}
		for _, l := range c.Chain {
			if l.Authorize == nil {
				continue
			}
			if err := realm(l.Authorize.Realm); err != nil {
				t.Fatalf("accepted, but digest says: %v", err)
			}
			if u := l.Authorize.Users; u.URL != "" {
				if err := u.callback().Validate(); err != nil {
					t.Fatalf("accepted, but digest says: %v", err)
				}
			}
		}
	})
}
