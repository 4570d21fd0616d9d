package rules

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/actorsip/actorsip/limit"
)

// Rules are those of all legs. They never change, and any goroutine may use them.
type Rules struct {
	trusted []netip.Prefix
	all     []*rule
}

var errNoBans = errors.New("a rule bans, but there is no list of bans")

// New makes the rules of a configuration that is valid. bans may be nil when no rule bans.
func New(c Config, bans *limit.Bans) (*Rules, error) {
	s := &Rules{}
	for _, p := range c.Trusted {
		s.trusted = append(s.trusted, p.Masked())
	}
	for _, conf := range c.Rules {
		r, err := build(conf, bans)
		if err != nil {
			return nil, err
		}
		s.all = append(s.all, r)
	}
	return s, nil
}

func build(c Rule, bans *limit.Bans) (*rule, error) {
	r := &rule{Rule: c}
	if c.UserAgent != nil {
		r.headers = append(r.headers, newHeader("User-Agent", c.UserAgent, false))
	}
	for _, h := range c.Headers {
		r.headers = append(r.headers, newHeader(h.Name, h.Match, h.Not))
	}
	if c.Answer.Code == 405 {
		r.extra = allow(c.Methods)
	}
	if c.Action == Throttle {
		r.limiter = limit.NewLimiter(c.Limit.Rate, r.buckets())
	}
	if c.Ban != nil {
		if bans == nil {
			return nil, errNoBans
		}
		r.watch = bans.Watch(c.Name, *c.Ban, r.buckets())
	}
	return r, nil
}

func (r *rule) buckets() int {
	if r.Limit.Buckets > 0 {
		return r.Limit.Buckets
	}
	return DefaultBuckets
}

// On is the chain of a leg, nil when no rule concerns it. A rule without legs is in the chain of each, and they share
// its limit.
func (s *Rules) On(leg string) *Chain {
	c := &Chain{trusted: s.trusted}
	for _, r := range s.all {
		if len(r.Legs) == 0 || slices.Contains(r.Legs, leg) {
			c.rules = append(c.rules, r)
		}
	}
	if len(c.rules) == 0 {
		return nil
	}
	return c
}

// Count is what a rule has done since the process began.
type Count struct {
	Rule    string
	Held    uint64 // requests for which its conditions held
	Refused uint64 // of these, those that were answered or dropped
	Banned  uint64 // bans that it made
}

// Counts are those of all rules, in their order.
func (s *Rules) Counts() []Count {
	all := make([]Count, len(s.all))
	for i, r := range s.all {
		all[i] = Count{r.Name, r.held.Load(), r.refused.Load(), r.banned.Load()}
	}
	return all
}
