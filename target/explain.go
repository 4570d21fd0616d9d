package target

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

// explanation collects what a walk looks at, each question once, in order. The walk goes on behind the back of a
// caller who has given up, hence mu.
type explanation struct {
	now   func() time.Time
	mu    sync.Mutex // guards the rest
	steps []string
	seen  map[question]bool
}

// Explain does what Resolve does and waits for it, or for ctx. steps lists in order what followed from the query
// itself and every question with its answer, for people.
func (r *Resolver) Explain(ctx context.Context, q Query) (steps []string, hop Hop, err error) {
	e := &explanation{now: r.now, seen: make(map[question]bool)}
	e.say(premise(q))
	type outcome struct {
		hop Hop
		err error
	}
	told := make(chan outcome, 1)
	w := &waiter{q: q, seen: e.look, done: func(hop Hop, err error) { told <- outcome{hop, err} }}
	if err := r.resolve(w); err != nil {
		return e.list(), Hop{}, err
	}
	select {
	case o := <-told:
		return e.list(), o.hop, o.err
	case <-ctx.Done():
		return e.list(), Hop{}, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// premise says which part of RFC 3263 applies.
func premise(q Query) string {
	_, is := literal(q.Host)
	t, _ := q.fixed()
	switch {
	case is:
		return q.Host + " is an address: no question to ask"
	case q.Port != 0:
		return fmt.Sprintf("port %d is given: no NAPTR or SRV record is asked", q.Port)
	case t == sipwire.WS || t == sipwire.WSS:
		return fmt.Sprintf("transport %s has no NAPTR or SRV records", t)
	case t != sipwire.NoTransport:
		return fmt.Sprintf("transport %s is given, and no port: SRV, no NAPTR", t)
	}
	return "neither port nor transport is given: NAPTR, then SRV"
}

func (e *explanation) say(step string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.steps = append(e.steps, step)
}

func (e *explanation) list() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.steps[:len(e.steps):len(e.steps)]
}

func (e *explanation) look(set *recordSet, cached bool) {
	e.mu.Lock()
	known := e.seen[set.question]
	e.seen[set.question] = true
	e.mu.Unlock()
	if known {
		return
	}
	origin, left := set.source, set.ttl
	if cached {
		origin, left = "cache", set.expires.Sub(e.now())
	}
	note := "for " + left.Round(time.Second).String()
	if origin != "" {
		note = "from " + origin + ", " + note
	}
	e.say(fmt.Sprintf("%s: %s (%s)", set.question, set.text(), note))
}

// text is the answer for people.
func (s *recordSet) text() string {
	var parts []string
	switch {
	case s.err != nil:
		return s.why
	case s.question.kind == dns.TypeNAPTR:
		for _, n := range s.naptr {
			parts = append(parts, fmt.Sprintf("%d %d %s %s", n.order, n.preference, n.transport, n.replacement))
		}
	case s.question.kind == dns.TypeSRV:
		for _, v := range s.srv {
			parts = append(parts, fmt.Sprintf("%d %d %d %s", v.priority, v.weight, v.port, v.target))
		}
		if len(parts) == 0 {
			return ". (the service is decidedly not available)"
		}
	default:
		for _, a := range s.addrs {
			parts = append(parts, a.String())
		}
	}
	return strings.Join(parts, ", ")
}
