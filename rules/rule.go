package rules

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/sipwire"
)

// rule is one that is ready for use. It is never changed; the counters are.
type rule struct {
	Rule
	headers []header
	extra   string // header lines of its answer
	limiter *limit.Limiter
	watch   *limit.Watch

	held, refused, banned atomic.Uint64
}

// asked is a request, with what several conditions want to know.
type asked struct {
	*sipwire.Message
	from    netip.Addr
	trusted bool
}

// holds tells whether all conditions do: the cheap ones are asked first.
func (r *rule) holds(q *asked) bool {
	if len(r.Methods) > 0 && !oneOf(q.Method(), r.Methods) {
		return false
	}
	if r.OutOfDialog && (len(q.ToTag()) > 0 || q.Is("ACK") || q.Is("CANCEL")) {
		return false
	}
	if len(r.Sources) > 0 && !isAny(r.Sources, q.from, q.trusted) {
		return false
	}
	refuses := r.Action != Pass
	if !meets(r.From, q.FromURI, refuses) || !meets(r.To, q.ToURI, refuses) || !meets(r.RequestURI, q.Message.RequestURI, refuses) {
		return false
	}
	for i := range r.headers {
		if !r.headers[i].holds(q.Message, refuses) {
			return false
		}
	}
	return true
}

// meets tells whether a URI is one of those that the patterns mean. long is what it is for one that is too long.
func meets(patterns []Pattern, uri func() []byte, long bool) bool {
	if len(patterns) == 0 {
		return true
	}
	var who party
	if who.read(uri()); who.isLong {
		return long
	}
	for i := range patterns {
		if patterns[i].matches(&who) {
			return true
		}
	}
	return false
}

// take takes a token of whom the rule counts.
func (r *rule) take(now time.Duration, q *asked) (wait time.Duration, ok bool) {
	var uri []byte
	switch r.Limit.By {
	case BySource:
		return r.limiter.TakeSource(now, q.from)
	case ByFrom:
		uri = q.FromURI()
	case ByTo:
		uri = q.ToURI()
	case ByRequestURI:
		uri = q.Message.RequestURI()
	}
	var who party
	who.read(uri)
	return r.limiter.TakeUser(now, who.key())
}
