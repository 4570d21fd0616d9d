package rules

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

// Chain is the rules of one leg. The nil Chain passes all.
type Chain struct {
	trusted []netip.Prefix
	rules   []*rule
}

// Verdict is what is to happen with a request.
type Verdict struct {
	Action  Action // Pass, Block or Drop
	Rule    string // which rule decided, by its name in the configuration; empty when none did
	Limited bool   // it was too much for the rule
	Banned  bool   // and with it its source has been banned
	Answer  Answer // of Block
	extra   string
	wait    time.Duration
}

// Judge asks the rules about a request that can be forwarded or answered (its fault is not silent). from is who sent it,
// now a reading of the monotonic clock that all lanes share.
//
// An ACK is never answered (RFC 3261 §17): a rule that blocks drops it.
//
// A limit that answers what is too much may so answer the retransmission of an INVITE that has passed, which ends a call
// that is being set up: nothing is known of it here (RFC 3261 §16.11). One that drops does no harm.
func (c *Chain) Judge(now time.Duration, m *sipwire.Message, from netip.Addr) Verdict {
	if c == nil || !m.IsRequest() {
		return Verdict{Action: Pass}
	}
	from = from.Unmap().WithZone("")
	q := asked{m, from, contains(c.trusted, from)}
	for _, r := range c.rules {
		if !r.holds(&q) {
			continue
		}
		r.held.Add(1)
		switch r.Action {
		case Pass:
			return Verdict{Action: Pass, Rule: r.Name}
		case Throttle:
			if wait, ok := r.take(now, &q); !ok {
				return r.refuse(now, &q, wait)
			}
		default:
			return r.refuse(now, &q, 0)
		}
	}
	return Verdict{Action: Pass}
}

// refuse is the verdict of a rule whose conditions hold, and counts the offence.
func (r *rule) refuse(now time.Duration, q *asked, wait time.Duration) Verdict {
	r.refused.Add(1)
	v := Verdict{Action: Drop, Rule: r.Name, Limited: r.Action == Throttle, wait: wait}
	if r.Answer.Code != 0 && !q.Is("ACK") {
		v.Action, v.Answer, v.extra = Block, r.Answer, r.extra
	}
	if r.watch != nil && r.watch.StrikeSource(now, q.from) {
		v.Banned = true
		r.banned.Add(1)
	}
	return v
}

// AppendExtra appends the header lines of the answer, for sipwire.Message.AppendAnswer: Retry-After of a limit
// (RFC 3261 §20.33), Allow of a 405.
func (v Verdict) AppendExtra(dst []byte) []byte {
	dst = append(dst, v.extra...)
	if v.Limited && v.Action == Block {
		dst = append(dst, "Retry-After: "...)
		dst = strconv.AppendInt(dst, int64((v.wait+time.Second-1)/time.Second), 10)
		dst = append(dst, "\r\n"...)
	}
	return dst
}
