package router

import (
	"net/netip"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/target"
)

// ruled is a configuration with a rule of each kind.
func ruled(t testing.TB) func(*Config) {
	return func(c *Config) {
		hop := func(uri string) *Target { h := to(t, uri); return &h }
		c.Rules[0].Prefixes = []Prefix{{"0049", "de.example.net"}, {"00", "[2001:db8::7]:5070"}, {"0", "gateway.example.net"}, {"*#", "hash.example.net"}}
		c.Rules[0].Domains = []string{"home.example.com"}
		c.Rules[1].Domains = []string{"*.example.com", "gateway.example.net", "*"}
		c.Rules[2].Domains = []string{"six.example.com", "*.deep.example.com"}
		c.Rules[2].Proxy = hop("sip:[2001:db8::9]")
		c.NextHops = []NextHop{
			{"*", *hop("sip:192.0.2.1")},
			{"*.example.org", *hop("sip:192.0.2.2:5070")},
			{"exact.example.org", *hop("sips:192.0.2.3")},
			{"*.deep.example.org", *hop("sip:192.0.2.4;transport=udp")},
			{"home.example.com", *hop("sip:192.0.2.5")},
			{"192.0.2.200", *hop("sip:192.0.2.6")},
		}
		c.Outbound = hop("sip:192.0.2.7")
	}
}

func TestWhereARequestGoesIsDecided(t *testing.T) {
	without := func(change ...func(*Config)) func(*Config) {
		return func(c *Config) {
			ruled(t)(c)
			for _, f := range change {
				f(c)
			}
		}
	}
	noStarDomain := func(c *Config) { c.Rules[1].Domains = []string{"*.example.com", "gateway.example.net"} }
	noStarHop := func(c *Config) { c.NextHops = c.NextHops[1:] }
	noOutbound := func(c *Config) { c.Outbound = nil }
	all, plain := without(), without(noStarDomain)
	bare, nothing := without(noStarDomain, noStarHop), func(*Config) {}
	direct := without(noStarDomain, noStarHop, noOutbound)
	for _, c := range []struct {
		name   string
		config func(*Config)
		uri    string
		arrive Arrival // Ingress and Egress are filled in from the next two
		by     string
		egress string // named before
		leg    string // named then
		query  target.Query
		newURI string
		answer message.Reason
		why    string
	}{
		// domains: exact before wildcard, longer before shorter, "*" last
		{name: "an exact domain", config: all, uri: "sip:bob@home.example.com", leg: "inside", query: target.Query{Host: "192.0.2.5"}, why: "domains of leg inside, next_hops"},
		{name: "an exact domain in another case", config: all, uri: "sip:bob@HOME.Example.com", leg: "inside", query: target.Query{Host: "192.0.2.5"}, why: "domains of leg inside, next_hops"},
		{name: "a wildcard", config: all, uri: "sip:bob@a.example.com", leg: "outside", query: target.Query{Host: "a.example.com"}, why: "domains of leg outside, the request-URI itself"},
		{name: "a wildcard, two labels", config: all, uri: "sip:bob@a.b.example.com:5070", leg: "outside", query: target.Query{Host: "a.b.example.com", Port: 5070}, why: "domains of leg outside, the request-URI itself"},
		{name: "a longer wildcard, a leg with a proxy", config: all, uri: "sip:bob@a.deep.example.com", leg: "six", query: target.Query{Host: "2001:db8::9"}, why: "domains of leg six, proxy of leg six"},
		{name: "exact before wildcard", config: all, uri: "sip:bob@six.example.com", leg: "six", query: target.Query{Host: "2001:db8::9"}, why: "domains of leg six, proxy of leg six"},
		{name: "the domain itself is not below it", config: plain, uri: "sip:bob@example.com", query: target.Query{Host: "192.0.2.1"}, why: "next_hops"},
		{name: "a domain that ends likewise", config: plain, uri: "sip:bob@notexample.com", query: target.Query{Host: "192.0.2.1"}, why: "next_hops"},
		{name: "a domain that begins likewise", config: plain, uri: "sip:bob@a.example.com.evil.org", query: target.Query{Host: "192.0.2.1"}, why: "next_hops"},
		{name: "any domain", config: all, uri: "sip:bob@example.net", leg: "outside", query: target.Query{Host: "example.net"}, why: "domains of leg outside, the request-URI itself"},

		// next_hops
		{name: "an exact next hop", config: plain, uri: "sip:bob@exact.example.org", query: target.Query{Host: "192.0.2.3", Secure: true}, why: "next_hops"},
		{name: "a wildcard next hop", config: plain, uri: "sip:bob@a.example.org", query: target.Query{Host: "192.0.2.2", Port: 5070}, why: "next_hops"},
		{name: "a longer wildcard next hop", config: plain, uri: "sip:bob@a.deep.example.org", query: target.Query{Host: "192.0.2.4", Transport: sipwire.UDP}, why: "next_hops"},
		{name: "any next hop", config: plain, uri: "sip:bob@example.org", query: target.Query{Host: "192.0.2.1"}, why: "next_hops"},
		{name: "an address as next hop", config: plain, uri: "sip:bob@192.0.2.200:9999;maddr=192.0.2.66;transport=tcp", query: target.Query{Host: "192.0.2.6"}, why: "next_hops"},
		{name: "an exact next hop for a domain behind a leg", config: all, uri: "sip:bob@a.example.org", leg: "outside", query: target.Query{Host: "192.0.2.2", Port: 5070}, why: "domains of leg outside, next_hops"},

		// the rest of the way
		{name: "the outbound proxy", config: bare, uri: "sip:bob@elsewhere.example", query: target.Query{Host: "192.0.2.7"}, why: "outbound_proxy"},
		{name: "a domain behind a leg needs no outbound proxy", config: bare, uri: "sip:bob@a.example.com", leg: "outside", query: target.Query{Host: "a.example.com"}, why: "domains of leg outside, the request-URI itself"},
		{name: "the URI itself", config: direct, uri: "sip:bob@elsewhere.example:5070;transport=tcp", query: target.Query{Host: "elsewhere.example", Port: 5070, Transport: sipwire.TCP}, why: "the request-URI itself"},
		{name: "the URI itself, secure", config: nothing, uri: "sips:bob@192.0.2.200", query: target.Query{Host: "192.0.2.200", Secure: true}, why: "the request-URI itself"},
		{name: "the URI itself, IPv6", config: nothing, uri: "sip:bob@[2001:db8::5]:5070", query: target.Query{Host: "2001:db8::5", Port: 5070}, why: "the request-URI itself"},
		{name: "maddr stands for the host", config: nothing, uri: "sip:bob@example.com;maddr=192.0.2.66", query: target.Query{Host: "192.0.2.66"}, why: "the request-URI itself"},
		{name: "maddr that is empty", config: nothing, uri: "sip:bob@example.com;maddr", query: target.Query{Host: "example.com"}, why: "the request-URI itself"},

		// it is us
		{name: "nobody here", config: bare, uri: "sip:bob@10.0.0.1", answer: message.UnknownUser},
		{name: "nobody here, by name", config: bare, uri: "sip:bob@sip.example.com:5060", answer: message.UnknownUser, leg: "outside"},
		{name: "nobody here, no user", config: bare, uri: "sip:10.0.0.1", answer: message.UnknownUser},
		{name: "another port of ours is not us", config: direct, uri: "sip:bob@10.0.0.1:5061", query: target.Query{Host: "10.0.0.1", Port: 5061}, why: "the request-URI itself"},
		{name: "any next hop takes what names us", config: plain, uri: "sip:bob@10.0.0.1", query: target.Query{Host: "192.0.2.1"}, why: "next_hops"},
		{name: "a name of ours that is nobody's within a dialog", config: plain, uri: "sip:xgone@10.0.0.1", arrive: Arrival{Routed: true}, answer: message.UnknownUser},

		// prefixes, of the leg by which it came; the longest first
		{name: "a prefix", config: all, uri: "sip:030123@anywhere.example", leg: "outside", newURI: "sip:30123@gateway.example.net", query: target.Query{Host: "gateway.example.net"}, why: "prefix 0 of leg inside, domains of leg outside, the request-URI itself"},
		{name: "a longer prefix", config: bare, uri: "sip:00130123@10.0.0.1", newURI: "sip:130123@[2001:db8::7]:5070", query: target.Query{Host: "192.0.2.7"}, why: "prefix 00 of leg inside, outbound_proxy"},
		{name: "the longest prefix", config: direct, uri: "sip:004930123@10.0.0.1", newURI: "sip:30123@de.example.net", query: target.Query{Host: "de.example.net"}, why: "prefix 0049 of leg inside, the request-URI itself"},
		{name: "a prefix of signs", config: direct, uri: "sips:*#7;a=b@10.0.0.1;user=phone", newURI: "sips:7;a=b@hash.example.net;user=phone", query: target.Query{Host: "hash.example.net", Secure: true}, why: "prefix *# of leg inside, the request-URI itself"},
		{name: "the way to the old domain goes", config: direct, uri: "sip:01@x;maddr=192.0.2.66;transport=tcp;ttl=1;user=phone", newURI: "sip:1@gateway.example.net;user=phone", leg: "outside", query: target.Query{Host: "gateway.example.net"}, why: "prefix 0 of leg inside, domains of leg outside, the request-URI itself"},
		{name: "a prefix and nothing behind", config: direct, uri: "sip:0@elsewhere.example", query: target.Query{Host: "elsewhere.example"}, why: "the request-URI itself"},
		{name: "a prefix and too little behind for the longer one", config: direct, uri: "sip:00@elsewhere.example", newURI: "sip:0@gateway.example.net", leg: "outside", query: target.Query{Host: "gateway.example.net"}, why: "prefix 0 of leg inside, domains of leg outside, the request-URI itself"},
		{name: "a prefix of another leg", config: direct, uri: "sip:030@elsewhere.example", by: "outside", query: target.Query{Host: "elsewhere.example"}, why: "the request-URI itself"},
		{name: "no user, no prefix", config: direct, uri: "sip:0.example", query: target.Query{Host: "0.example"}, why: "the request-URI itself"},

		// within a dialog the request-URI is the remote target
		{name: "a token", config: all, uri: "sip:030@home.example.com", arrive: Arrival{Opened: true}, egress: "outside", leg: "outside", query: target.Query{Host: "home.example.com"}, why: "the request-URI itself"},
		{name: "a token of a leg with a proxy", config: all, uri: "sip:030@[2001:db8::5]", arrive: Arrival{Opened: true}, egress: "six", leg: "six", query: target.Query{Host: "2001:db8::9"}, why: "proxy of leg six"},
		{name: "a token that stands for a token of ours", config: all, uri: "sip:xtoken@10.0.0.1", arrive: Arrival{Opened: true}, egress: "outside", leg: "outside", query: target.Query{Host: "10.0.0.1"}, why: "the request-URI itself"},
		{name: "a recorded route", config: all, uri: "sip:030@a.example.org:5070", arrive: Arrival{Routed: true}, egress: "outside", leg: "outside", query: target.Query{Host: "a.example.org", Port: 5070}, why: "the request-URI itself"},
		{name: "a recorded route of one leg", config: all, uri: "sip:030@a.example.org:5070", arrive: Arrival{Routed: true}, query: target.Query{Host: "a.example.org", Port: 5070}, why: "the request-URI itself"},

		// a configured Route that names a leg only says by which
		{name: "a named leg", config: plain, uri: "sip:bob@a.example.org", egress: "inside", leg: "inside", query: target.Query{Host: "192.0.2.2", Port: 5070}, why: "next_hops"},
		{name: "a named leg, any next hop", config: plain, uri: "sip:bob@elsewhere.example", egress: "inside", leg: "inside", query: target.Query{Host: "192.0.2.1"}, why: "next_hops"},
		{name: "a named leg before domains", config: all, uri: "sip:bob@home.example.com", egress: "six", leg: "six", query: target.Query{Host: "2001:db8::9"}, why: "proxy of leg six"},
		{name: "a named leg, the outbound proxy", config: bare, uri: "sip:bob@elsewhere.example", egress: "inside", leg: "inside", query: target.Query{Host: "192.0.2.7"}, why: "outbound_proxy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, "", c.config)
			if c.by == "" {
				c.by = "inside"
			}
			c.arrive.Ingress, c.arrive.Egress = h.leg(c.by), h.leg(c.egress)
			u, ok := sipwire.ParseURI([]byte(c.uri))
			if !ok {
				t.Fatalf("%q is no URI", c.uri)
			}
			d := h.decide(u, c.arrive)
			if d.Answer != (c.answer != 0) || d.Answer && d.Reason != c.answer {
				t.Fatalf("it is answered: %v, %q", d.Answer, d.Reason)
			}
			if d.Answer {
				return
			}
			if d.Egress != h.leg(c.leg) || d.Query != c.query || string(d.URI) != c.newURI {
				t.Errorf("leg %v, query %+v, request-URI %q; want %q, %+v, %q", d.Egress, d.Query, d.URI, c.leg, c.query, c.newURI)
			}
			if d.Why != c.why {
				t.Errorf("because of %q, want %q", d.Why, c.why)
			}
		})
	}
}

func TestOnlySIPURIsAreTargets(t *testing.T) {
	for uri, want := range map[string]target.Query{
		"sip:192.0.2.1":                         {Host: "192.0.2.1"},
		"sip:example.com:5070;transport=tcp;lr": {Host: "example.com", Port: 5070, Transport: sipwire.TCP},
		"sips:[2001:db8::1]:5061":               {Host: "2001:db8::1", Port: 5061, Secure: true},
		"sip:example.com;maddr=[2001:db8::1]":   {Host: "2001:db8::1"},
	} {
		if got := to(t, uri); got.Query != want || got.URI != uri {
			t.Errorf("%s is %+v, want %+v", uri, got.Query, want)
		}
	}
	for _, uri := range []string{"", "example.com", "tel:+49", "sip:", "http://example.com", "sip:a b"} {
		if got, ok := ParseTarget(uri); ok {
			t.Errorf("%q is %+v", uri, got)
		}
	}
}

func TestAnAddressIsDeliverableIfOneHasIt(t *testing.T) {
	for addr, want := range map[string]bool{
		"10.0.0.1:5060": true, "127.0.0.1:1": true, "[2001:db8::1]:5060": true, "[::1]:65535": true, "169.254.1.1:5060": true,
		"10.0.0.1:0": false, "0.0.0.0:5060": false, "[::]:5060": false, "255.255.255.255:5060": false,
		"224.0.1.75:5060": false, "239.255.255.255:5060": false, "[ff02::1]:5060": false,
	} {
		if got := message.Deliverable(netip.MustParseAddrPort(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if message.Deliverable(netip.AddrPort{}) {
		t.Error("no address at all is one")
	}
}
