package router

import (
	"context"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/target"
)

// Explain says step by step where a request would go that arrives so, with a request-URI of uri and this Call-ID. It
// asks the name servers, and sends nothing else.
func (c Config) Explain(ctx context.Context, uri []byte, a Arrival, callID string) (steps []string) {
	say := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	answer := func(r message.Reason) []string {
		say("answer:   %d %s (%s)", r.Status(), r.Phrase(), r)
		return steps
	}
	u, ok := sipwire.ParseURI(uri)
	switch {
	case !ok:
		return answer(message.Reason(sipwire.BadRequestURI))
	case u.Scheme == sipwire.OtherScheme:
		return answer(message.Reason(sipwire.UnknownScheme))
	}
	d := c.decide(u, a)
	say("decision: %s", d.Why)
	if d.Answer {
		return answer(d.Reason)
	}
	if d.URI != nil {
		say("uri:      %s", d.URI)
	}
	if d.Target != nil {
		say("next hop: %s", d.Target.URI)
	}
	hop, ok := c.explainHop(ctx, say, d, callID)
	if !ok {
		return answer(hop.reason)
	}
	r := router{Config: c, kernel: newKernel()}
	egress, why := d.Egress, "named by the decision"
	if egress == nil || egress.Transport != hop.Transport {
		if egress, why = r.legFor(hop.Hop); egress == nil {
			return answer(message.NoLeg)
		}
		if t := c.Rules[egress.Index].Proxy; t != nil && d.Target == nil {
			say("next hop: %s, the proxy of leg %s", t.URI, egress.Name)
			d.Target, d.Query, d.Egress = t, t.Query, egress
			if hop, ok = c.explainHop(ctx, say, d, callID); !ok {
				return answer(hop.reason)
			}
		}
	}
	if egress.Addr.Addr().Is4() != hop.Addr.Addr().Is4() || d.Target == nil && !r.reaches(egress, hop.Addr) {
		return answer(message.NoLeg)
	}
	say("leg:      %s (%s)", egress.Name, why)
	say("send:     %s %s from %s", hop.Transport, hop.Addr, egress.Addr)
	return steps
}

// explained is a hop, or the reason why there is none.
type explained struct {
	target.Hop
	reason message.Reason
}

// explainHop says how the next hop of a decision is resolved.
func (c Config) explainHop(ctx context.Context, say func(string, ...any), d Decision, callID string) (explained, bool) {
	d.Query.Key = xxhash.Sum64String(callID)
	if d.Egress != nil {
		d.Query = named(d.Query, d.Egress)
	}
	asked, hop, err := c.Resolver.Explain(ctx, d.Query)
	for _, s := range asked {
		say("resolve:  %s", s)
	}
	switch {
	case err != nil:
		say("resolve:  %s", err)
		return explained{reason: reasonOf(err)}, false
	case !message.Deliverable(hop.Addr):
		return explained{reason: message.NotFound}, false
	}
	return explained{Hop: hop}, true
}
