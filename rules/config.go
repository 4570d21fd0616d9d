package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/sipwire"
)

// Config is the rules as a user writes them.
type Config struct {
	Trusted []netip.Prefix // what the sources "trusted" and "untrusted" mean. Default: no network
	Rules   []Rule         // in the order in which they are asked
}

// Rule is conditions, all of which must hold, and what then happens. A condition that is left out holds for all.
type Rule struct {
	Name string // unique; what it decides is counted and banned under this name

	Legs        []string       // legs by which the request comes
	Methods     []string       // any of them; in capitals, as they are sent
	OutOfDialog bool           // To has no tag, and it is neither ACK nor CANCEL, which belong to an INVITE that passed
	Sources     []Source       // any of them: networks, trusted, untrusted
	UserAgent   *regexp.Regexp // finds something in User-Agent
	Headers     []Header       // each of them holds
	From        []Pattern      // any of them matches the URI of From
	To          []Pattern      // any of them matches the URI of To
	RequestURI  []Pattern      // any of them matches the request-URI as received

	Action Action
	Answer Answer         // of Block; of Limit: the zero Answer drops what is too much
	Limit  Limit          // of Limit
	Ban    *limit.Offence // a source that this rule has refused so often is banned; nil: none. Not for Pass
}

// Header is a condition on a header of any name: a regular expression (RE2) finds something in one of its fields. It sees
// the value in one line and without the white space around it.
type Header struct {
	Name  string // long or compact form, in any case
	Match *regexp.Regexp
	Not   bool // holds when nothing is found, and when there is no such header
}

// Action is what a rule does.
type Action uint8

// The actions. The zero Action is none.
const (
	Pass     Action = iota + 1 // no further rule is asked
	Block                      // answered with a status
	Drop                       // dropped without a word
	Throttle                   // passes to the next rule until it is too much
)

// By says whose tokens a Limit counts.
type By uint8

// What a limit counts by. The users are those of the URIs, with their domain.
const (
	BySource By = iota // the address of who sent it; of IPv6 its /64
	ByFrom
	ByTo
	ByRequestURI
)

// Limit is the rate of a rule.
type Limit struct {
	limit.Rate
	By      By
	Buckets int // how many sources or users are told apart, 13 bytes each; 0: DefaultBuckets
}

// DefaultBuckets is how many sources or users a rule tells apart, and how many offenders its ban.
const DefaultBuckets = 1 << 16

const mostBuckets = 1 << 24

var (
	errNoName      = errors.New("it has no name")
	errTwice       = errors.New("another rule has the same name")
	errNoAction    = errors.New("it says nothing of what is to happen; write pass, block, drop or limit")
	errNoTrusted   = errors.New("its source is trusted or untrusted, but no network is; name the trusted networks")
	errNoRegexp    = errors.New("a condition on a header has no regular expression")
	errBadAnswer   = errors.New("what it answers")
	errUnusedLimit = errors.New("it has a rate, but its action is not to limit")
	errUnusedAns   = errors.New("it has an answer, but its action answers nothing")
	errBanPassed   = errors.New("it passes and bans at once; nobody is banned for what passes")
	errBuckets     = errors.New("a limit tells 1 to 16777216 sources or users apart")
)

// Validate says in sentences what is wrong, a line for each. legs are the names of those that there are.
func (c Config) Validate(legs []string) error {
	var all []error
	names := map[string]bool{}
	for i, r := range c.Rules {
		label := fmt.Sprintf("rule %d", i+1)
		if r.Name != "" {
			label = "rule " + r.Name
		}
		say := func(err error) {
			if err != nil {
				all = append(all, fmt.Errorf("%s: %w", label, err))
			}
		}
		switch {
		case r.Name == "":
			say(errNoName)
		case names[r.Name]:
			say(errTwice)
		}
		names[r.Name] = true
		for _, leg := range r.Legs {
			if !slices.Contains(legs, leg) {
				say(fmt.Errorf("there is no leg %q", leg))
			}
		}
		r.checkConditions(say, len(c.Trusted) > 0)
		r.checkAction(say)
	}
	return errors.Join(all...)
}

func (r Rule) checkConditions(say func(error), anyTrusted bool) {
	for _, m := range r.Methods {
		if _, ok := sipwire.ParseName(m); !ok { // RFC 3261 §25.1: both are tokens
			say(fmt.Errorf("%q is no method", m))
		}
	}
	for _, s := range r.Sources {
		if s.kind != network && !anyTrusted {
			say(errNoTrusted)
			break
		}
	}
	for _, h := range r.Headers {
		if _, ok := sipwire.ParseName(h.Name); !ok {
			say(fmt.Errorf("%q is no name of a header", h.Name))
		}
		if h.Match == nil {
			say(errNoRegexp)
		}
	}
}

func (r Rule) checkAction(say func(error)) {
	switch r.Action {
	case Block:
		if err := r.Answer.validate(); err != nil {
			say(fmt.Errorf("%w: %w", errBadAnswer, err))
		}
	case Throttle:
		if err := r.Limit.Validate(); err != nil {
			say(err)
		}
		if r.Limit.Buckets < 0 || r.Limit.Buckets > mostBuckets {
			say(errBuckets)
		}
		if r.Answer != (Answer{}) {
			if err := r.Answer.validate(); err != nil {
				say(fmt.Errorf("%w: %w", errBadAnswer, err))
			}
		}
	case Pass, Drop:
		if r.Answer != (Answer{}) {
			say(errUnusedAns)
		}
	default:
		say(errNoAction)
	}
	if r.Action != Throttle && r.Limit != (Limit{}) {
		say(errUnusedLimit)
	}
	switch {
	case r.Ban == nil:
	case r.Action == Pass:
		say(errBanPassed)
	default:
		say(r.Ban.Validate())
	}
}
