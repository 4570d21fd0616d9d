package system

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/rules"
	"github.com/actorsip/actorsip/sipwire"
)

// checkChain reports what is wrong with the chain, and with whom it trusts.
func (c Config) checkChain(report func(path, text string)) {
	trusted := map[netip.Prefix]string{}
	for i, p := range c.Trusted {
		path := fmt.Sprintf("trusted[%d]", i)
		switch want, err := parseNetwork(p.String()); {
		case err != nil:
			report(path, err.Error())
		case trusted[want] != "":
			report(path, fmt.Sprintf("%s is %s already", quoted(Reach{Prefix: p}.String()), trusted[want]))
		default:
			trusted[want] = path
		}
	}
	names := map[string]string{}
	for i, l := range c.Chain {
		path := fmt.Sprintf("chain[%d]", i)
		switch kind := l.kind(); {
		case l.Authorize != nil:
			path += ".authorize"
			l.Authorize.check(path, report)
			c.checkScope(path, l.Authorize.Legs, l.Authorize.Methods, report)
			c.checkAgain(i, path, report)
		case kind == "":
			report(path, "the entry says nothing; write one of pass, drop, limit, block and authorize")
		default:
			path += "." + kind
			c.checkRule(path, l.Rule, report)
			c.checkScope(path, l.Rule.Legs, l.Rule.Methods, report)
			if before, twice := names[l.Rule.Name]; twice {
				report(path+".name", fmt.Sprintf("%s is %s already", quoted(l.Rule.Name), before))
			} else if l.Rule.Name != "" {
				names[l.Rule.Name] = path + ".name"
			}
		}
	}
}

// methods are those that somebody may have misspelt.
func methods() []string {
	return strings.Fields("INVITE ACK BYE CANCEL OPTIONS REGISTER PRACK UPDATE INFO SUBSCRIBE NOTIFY PUBLISH MESSAGE REFER")
}

// checkScope reports legs that are not there, and methods that nobody sends.
func (c Config) checkScope(path string, legs, names []string, report func(path, text string)) {
	var known []string
	for _, l := range c.Legs {
		known = append(known, l.Name)
	}
	once(path+".legs", legs, report, func(leg string) string {
		switch near := nearest(leg, known); {
		case slices.Contains(known, leg):
			return ""
		case near != "":
			return fmt.Sprintf("there is no leg %s; did you mean %s?", quoted(leg), near)
		}
		return fmt.Sprintf("there is no leg %s; write one of %s", quoted(leg), strings.Join(known, ", "))
	})
	once(path+".methods", names, report, func(method string) string {
		lower := make([]string, 0, 16) // nearest compares in lower case
		for _, m := range methods() {
			lower = append(lower, strings.ToLower(m))
		}
		switch _, ok := sipwire.ParseName(method); {
		case !ok:
			return fmt.Sprintf("%s is no method; write it as INVITE", quoted(method))
		case slices.Contains(methods(), method):
			return ""
		case method != strings.ToUpper(method):
			return fmt.Sprintf("%s is no method, since methods are capitals; write %s", quoted(method), strings.ToUpper(method))
		}
		if near := nearest(method, lower); near != "" {
			return fmt.Sprintf("%s is no method; did you mean %s?", quoted(method), strings.ToUpper(near))
		}
		return "" // of an extension that we have not heard of
	})
}

// once reports what fault says of each word of a list, and words that are there twice.
func once(path string, words []string, report func(path, text string), fault func(word string) string) {
	first := map[string]string{}
	for i, word := range words {
		at := fmt.Sprintf("%s[%d]", path, i)
		if text := fault(word); text != "" {
			report(at, text)
		} else if before, twice := first[word]; twice {
			report(at, fmt.Sprintf("%s is %s already", quoted(word), before))
		} else {
			first[word] = at
		}
	}
}

// checkRule reports what is wrong with a rule by itself.
func (c Config) checkRule(path string, r rules.Rule, report func(path, text string)) {
	if r.Name == "" {
		report(path+".name", "the rule has no name; write one, by which it is counted, as name: scanners")
	}
	for i, s := range r.Sources {
		if word := s.String(); strings.HasSuffix(word, "trusted") && len(c.Trusted) == 0 {
			report(fmt.Sprintf("%s.sources[%d]", path, i), fmt.Sprintf(`%s means nothing, since nobody is trusted; write trusted: ["10.0.0.0/8"], a key of the whole file`, quoted(word)))
		}
	}
	for i, h := range r.Headers {
		at := fmt.Sprintf("%s.headers[%d]", path, i)
		if h.Name == "" {
			report(at+".name", "no header is named; write one, as name: Subject")
		} else if _, ok := sipwire.ParseName(h.Name); !ok {
			report(at+".name", fmt.Sprintf("%s is no name of a header; write letters, digits and dashes, as X-Caller", quoted(h.Name)))
		}
		if h.Match == nil {
			report(at+".match", `there is nothing to look for; write a regular expression, as match: "(?i)casino"`)
		}
	}
	switch r.Action {
	case rules.Throttle:
		checkLimit(path, r.Limit, report)
		if r.Answer != (rules.Answer{}) {
			checkAnswer(path, r.Answer, report)
		}
	case rules.Block:
		checkAnswer(path, r.Answer, report)
	}
	checkBan(path+".ban", r.Ban, report)
}

func checkLimit(path string, l rules.Limit, report func(path, text string)) {
	rate := l.Rate
	rate.Burst = 0
	if rate == (limit.Rate{}) {
		report(path+".rate", "the limit has no rate; write one, as rate: 20/s")
		return
	}
	if err := rate.Validate(); err != nil {
		report(path+".rate", err.Error())
	} else if err := l.Rate.Validate(); err != nil {
		report(path+".burst", fmt.Sprintf("%d: %v", l.Burst, err))
	}
	if l.By > rules.ByRequestURI {
		report(path+".by", fmt.Sprintf("%d is none of source, from, to and request_uri", l.By))
	}
}

func checkAnswer(path string, a rules.Answer, report func(path, text string)) {
	if _, err := rules.ParseAnswer(fmt.Sprintf("%d %s", a.Code, a.Phrase)); err != nil {
		report(path+".answer", err.Error())
	}
}

// checkBan asks limit for each part by itself, to tell which one is wrong.
func checkBan(path string, o *limit.Offence, report func(path, text string)) {
	if o == nil {
		return
	}
	say := func(key string, value any, err error) {
		if err != nil {
			report(pathOf(path, key), fmt.Sprintf("%v: %v", value, err))
		}
	}
	if o.After == 0 {
		report(path+".after", "nobody knows after how many; write it, as after: 100")
	} else {
		say("after", o.After, limit.Offence{After: o.After, Within: time.Minute, For: time.Minute}.Validate())
	}
	say("within", o.Within, limit.Offence{After: 1, Within: o.Within, For: time.Minute}.Validate())
	say("for", o.For, limit.Offence{After: 1, Within: time.Minute, For: o.For}.Validate())
}
