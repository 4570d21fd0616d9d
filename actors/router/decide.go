package router

import (
	"bytes"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/target"
)

// Decision is where a request goes, before any name is resolved.
type Decision struct {
	Query  target.Query
	Target *Target      // the configured next hop, if it was one; Query is its then
	Egress *message.Leg // nil: the leg that reaches the next hop's address
	Reason message.Reason
	Answer bool   // it does not go anywhere: it is answered with Reason
	Why    string // for people
	URI    []byte // the request-URI that it leaves with, nil when unchanged
}

// Arrival is how a request came, as far as it matters for where it goes.
type Arrival struct {
	Ingress *message.Leg
	Egress  *message.Leg // the leg that a token or a Route of ours has named, nil for none
	Opened  bool         // its request-URI was a token of ours
	Routed  bool         // a Route of ours led here within a dialog
}

// decide is RFC 3261 §16.5, "determining request targets", for a request without a route set; u is its request-URI.
// Within a dialog the request-URI is the remote target and nothing is looked up for it, but that a leg's proxy stands
// before all that is behind that leg.
//
//	prefixes ▶ domains ▶ the egress leg's proxy ▶ next_hops ▶ is it us? 404 ▶ outbound_proxy ▶ the URI itself
func (c *Config) decide(u sipwire.URI, a Arrival) Decision {
	d := c.place(u, a)
	d.Query.Secure = d.Query.Secure || u.Scheme == sipwire.SIPS // RFC 3261 §26.2.2: each hop of a sips URI is secured
	return d
}

func (c *Config) place(u sipwire.URI, a Arrival) (d Decision) {
	d.Egress = a.Egress
	dialog := a.Opened || a.Routed
	if !dialog {
		u = c.prefixed(&d, u, a.Ingress)
		if leg := c.behind(u.Host); leg != nil && d.Egress == nil {
			d.Egress, d.Why = leg, because(d.Why, "domains of leg "+leg.Name)
		}
	}
	if d.Egress != nil {
		if t := c.Rules[d.Egress.Index].Proxy; t != nil {
			return d.to(t, "proxy of leg "+d.Egress.Name)
		}
	}
	placed := dialog || d.Egress != nil && a.Egress == nil // by domains
	if t := c.nextHop(u.Host, !placed); t != nil && !dialog {
		return d.to(t, "next_hops")
	}
	if !a.Opened && c.Legs.Own(u.Host, u.Port, u.Transport()) != nil {
		return d.refuse(message.UnknownUser, "the request-URI names this proxy, and nobody of that name is here")
	}
	if c.Outbound != nil && !placed {
		return d.to(c.Outbound, "outbound_proxy")
	}
	d.Query, d.Why = queryOf(u), because(d.Why, "the request-URI itself")
	return d
}

func because(why, more string) string {
	if why == "" {
		return more
	}
	return why + ", " + more
}

func (d Decision) to(t *Target, why string) Decision {
	d.Target, d.Query, d.Why = t, t.Query, because(d.Why, why)
	return d
}

func (d Decision) refuse(reason message.Reason, why string) Decision {
	d.Answer, d.Reason, d.Why = true, reason, because(d.Why, why)
	return d
}

// prefixed takes the digits off the user that stand for a domain, on the leg by which the request came.
func (c *Config) prefixed(d *Decision, u sipwire.URI, ingress *message.Leg) sipwire.URI {
	for _, x := range c.Rules[ingress.Index].Prefixes {
		rest, ok := bytes.CutPrefix(u.User, []byte(x.Digits))
		if !ok || len(rest) == 0 {
			continue
		}
		uri := []byte("sip:")
		if u.Scheme == sipwire.SIPS {
			uri = []byte("sips:")
		}
		uri = append(append(append(uri, rest...), '@'), x.Domain...)
		uri = u.AppendParamsWithout(uri, "transport", "maddr", "ttl") // they spoke of the way to the old domain
		if v, ok := sipwire.ParseURI(uri); ok {
			d.URI, d.Why = uri, "prefix "+x.Digits+" of leg "+ingress.Name
			return v
		}
	}
	return u
}

// behind is the leg in whose domains host is, the most specific one.
func (c *Config) behind(host []byte) (leg *message.Leg) {
	best := -1
	for i := range c.Rules {
		for _, domain := range c.Rules[i].Domains {
			if n := message.Fit(domain, host); n > best {
				leg, best = c.Legs.All[i], n
			}
		}
	}
	return leg
}

// nextHop is the configured next hop for a domain; that of "*" only when any is asked for.
func (c *Config) nextHop(host []byte, any bool) *Target {
	best := -1
	var t *Target
	for i := range c.NextHops {
		h := &c.NextHops[i]
		if n := message.Fit(h.Domain, host); n > best && (n > 0 || any) {
			t, best = &h.Target, n
		}
	}
	return t
}
