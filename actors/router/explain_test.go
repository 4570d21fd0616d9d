package router

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
)

// The explanation says what would be done, in the words of the configuration.
func TestTheWayIsExplained(t *testing.T) {
	server := stage.NameServer(t, zone...).Addr
	for _, c := range []struct {
		name   string
		uri    string
		arrive Arrival
		egress string
		want   []string // what each step begins with, blanks squeezed
	}{
		{"an address", "sip:bob@192.0.2.5", Arrival{}, "", []string{
			"decision: the request-URI itself", "resolve: 192.0.2.5 is an address", "leg: outside (the first leg of that transport and address family",
			"send: UDP 192.0.2.5:5060 from 203.0.113.1:5060",
		}},
		{"a service", "sip:bob@service.example", Arrival{}, "", []string{
			"decision: the request-URI itself", "resolve: neither port nor transport is given", "resolve: NAPTR service.example",
			"resolve: SRV _sip._udp.service.example", "resolve: A phone.example: 192.0.2.10", "resolve: AAAA phone.example", "leg: outside",
			"send: UDP 192.0.2.10:5070 from 203.0.113.1:5060",
		}},
		{"a rule", "sip:0123@anywhere.example", Arrival{}, "", []string{
			"decision: prefix 0 of leg inside, next_hops", "uri: sip:123@gateway.example", "next hop: sip:10.0.0.10:5070", "resolve: 10.0.0.10 is an address",
			"leg: inside (reach)", "send: UDP 10.0.0.10:5070 from 10.0.0.1:5060",
		}},
		{"a token", "sip:bob@10.0.0.5", Arrival{Opened: true}, "inside", []string{
			"decision: the request-URI itself", "resolve: 10.0.0.5 is an address", "leg: inside (named by the decision)", "send: UDP 10.0.0.5:5060 from 10.0.0.1:5060",
		}},
		{"a token that leads out of reach", "sip:bob@192.0.2.5", Arrival{Opened: true}, "inside", []string{
			"decision: the request-URI itself", "resolve: 192.0.2.5 is an address", "answer: 480 Temporarily Unavailable (no leg reaches the next hop)",
		}},
		{"a token of the other family", "sip:bob@[2001:db8::5]", Arrival{Opened: true}, "inside", []string{
			"decision: the request-URI itself", "resolve: 2001:db8::5 is an address", "resolve: no leg carries", "answer: 480 Temporarily Unavailable (no leg reaches the next hop)",
		}},
		{"ourselves", "sip:bob@10.0.0.1", Arrival{}, "", []string{
			"decision: the request-URI names this proxy, and nobody of that name is here", "answer: 404 Not Found (no such user here)",
		}},
		{"everybody", "sip:bob@255.255.255.255", Arrival{}, "", []string{"decision: the request-URI itself", "resolve:", "answer: 480"}},
		{"a name that does not exist", "sip:bob@nx.example:5060", Arrival{}, "", []string{
			"decision: the request-URI itself", "resolve: port 5060 is given", "resolve: A nx.example: the name does not exist", "resolve: AAAA nx.example", "resolve: the target has no address", "answer: 480",
		}},
		{"a secure URI", "sips:bob@192.0.2.5", Arrival{}, "", []string{"decision: the request-URI itself", "resolve:", "resolve: no leg carries the target's transport", "answer: 480"}},
		{"a secure URI with a next hop", "sips:bob@gateway.example", Arrival{}, "", []string{"decision: next_hops", "next hop: sip:10.0.0.10:5070", "resolve:", "resolve: no leg carries", "answer: 480"}},
		{"another scheme", "tel:+4930", Arrival{}, "", []string{"answer: 416 Unsupported URI Scheme"}},
		{"no URI", "bob", Arrival{}, "", []string{"answer: 400 Bad Request-URI"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, server, func(cfg *Config) {
				cfg.Rules[0].Prefixes = []Prefix{{"0", "gateway.example"}}
				cfg.NextHops = []NextHop{{"gateway.example", to(t, "sip:10.0.0.10:5070")}}
			})
			c.arrive.Ingress, c.arrive.Egress = h.leg("inside"), h.leg(c.egress)
			steps := h.Explain(context.Background(), []byte(c.uri), c.arrive, "c")
			squeezed := make([]string, len(steps))
			for i, s := range steps {
				squeezed[i] = blanks.ReplaceAllString(s, " ")
			}
			if !slices.EqualFunc(squeezed, c.want, strings.HasPrefix) {
				t.Errorf("it says\n%s\nwant\n%s", strings.Join(steps, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

var blanks = regexp.MustCompile(` +`)

// What is explained is what is done.
func TestTheExplanationIsTrue(t *testing.T) {
	server := stage.NameServer(t, zone...).Addr
	for _, uri := range []string{
		"sip:bob@192.0.2.5:5070", "sip:bob@near.example", "sip:bob@six.example", "sip:bob@service.example", "sip:bob@closed.example",
		"sip:0123@x.example", "sip:bob@gateway.example", "sip:bob@10.0.0.1", "sip:bob@phone.broken:5060", "sips:bob@phone.example",
	} {
		h := build(t, server, func(cfg *Config) {
			cfg.Rules[0].Prefixes = []Prefix{{"0", "gateway.example"}}
			cfg.NextHops = []NextHop{{"gateway.example", to(t, "sip:10.0.0.10:5070")}}
		})
		steps := h.Explain(context.Background(), []byte(uri), Arrival{Ingress: h.leg("inside")}, "c")
		last := blanks.ReplaceAllString(steps[len(steps)-1], " ")
		p := h.packet("inside", request("INVITE", uri))
		o := h.routed(p)
		done := strings.Replace(o.String(), "answer ", "answer: ", 1)
		if p.To.IsValid() && o == message.Pass(h.next.Send[p.Egress.Index], message.Send{Packet: p}) {
			done = "send: UDP " + p.To.String() + " from " + p.Egress.Addr.String()
		}
		if !strings.HasPrefix(last, strings.SplitAfterN(done, " ", 3)[0]+strings.SplitAfterN(done, " ", 3)[1][:3]) {
			t.Errorf("%s: it says %q and does %q", uri, last, done)
		}
		if strings.HasPrefix(done, "send") && last != done {
			t.Errorf("%s: it says %q and does %q", uri, last, done)
		}
		p.Free()
	}
}
