package router

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/target"
	"github.com/actorsip/actorsip/tests/stage"
)

var zone = []string{
	"phone.example. 60 IN A 192.0.2.10",
	"near.example. 60 IN A 10.0.0.10",
	"six.example. 60 IN AAAA 2001:db8::10",
	"nobody.example. 60 IN A 224.0.0.1",
	"service.example. 60 IN NAPTR 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.service.example.",
	"_sip._udp.service.example. 60 IN SRV 1 1 5070 phone.example.",
	"closed.example. 60 IN A 192.0.2.11",
	"_sip._udp.closed.example. 60 IN SRV 0 0 0 .",
	"stream.example. 60 IN NAPTR 10 10 \"s\" \"SIP+D2T\" \"\" _sip._tcp.stream.example.",
	"phone.held. 60 IN A 192.0.2.12",
}

// Each request has one next hop, or an answer.
func TestARequestFindsItsNextHop(t *testing.T) {
	for _, c := range []struct {
		name   string
		text   string
		opened string // the request-URI was a token of a contact behind this leg
		to     string // where it goes; empty: it is answered
		leg    string
		answer message.Reason
	}{
		{name: "an address", text: request("INVITE", "sip:bob@192.0.2.5:5070"), to: "192.0.2.5:5070", leg: "outside"},
		{name: "an address, the default port", text: request("INVITE", "sip:bob@10.0.0.5"), to: "10.0.0.5:5060", leg: "inside"},
		{name: "an IPv6 address", text: request("INVITE", "sip:bob@[2001:db8::5]"), to: "[2001:db8::5]:5060", leg: "six"},
		{name: "a name", text: request("INVITE", "sip:bob@phone.example:5070"), to: "192.0.2.10:5070", leg: "outside"},
		{name: "a name that another leg reaches", text: request("INVITE", "sip:bob@near.example"), to: "10.0.0.10:5060", leg: "inside"},
		{name: "a name with IPv6 only", text: request("INVITE", "sip:bob@six.example"), to: "[2001:db8::10]:5060", leg: "six"},
		{name: "a service", text: request("INVITE", "sip:bob@service.example"), to: "192.0.2.10:5070", leg: "outside"},

		{name: "a Route", text: request("INVITE", "sip:bob@phone.example", "Route: <sip:192.0.2.6:5080;lr>"), to: "192.0.2.6:5080", leg: "outside"},
		{name: "a Route with a name", text: request("INVITE", "sip:bob@192.0.2.5", "Route: <sip:near.example;lr>, <sip:192.0.2.6>"), to: "10.0.0.10:5060", leg: "inside"},
		{name: "a Route for a telephone", text: request("INVITE", "tel:+4930", "Route: <sip:192.0.2.6;lr>"), to: "192.0.2.6:5060", leg: "outside"},
		{name: "a Route that is a telephone", text: request("INVITE", "sip:bob@192.0.2.5", "Route: <tel:+4930>"), answer: message.Reason(sipwire.BadRoute)},
		{name: "a Route for a token", text: request("BYE", "sip:bob@10.0.0.5", "Route: <sip:10.0.0.6;lr>"), opened: "inside", to: "10.0.0.6:5060", leg: "inside"},

		{name: "a token", text: request("BYE", "sip:bob@10.0.0.5:5070;ob"), opened: "inside", to: "10.0.0.5:5070", leg: "inside"},
		{name: "a token that leads where another leg reaches", text: request("BYE", "sip:bob@10.0.0.5:5070"), opened: "outside", answer: message.NoLeg},
		{name: "a token that leads out of reach", text: request("BYE", "sip:bob@192.0.2.5:5070"), opened: "inside", answer: message.NoLeg},
		{name: "a Route that leads out of a token's reach", text: request("BYE", "sip:bob@10.0.0.5", "Route: <sip:192.0.2.6;lr>"), opened: "inside", answer: message.NoLeg},
		{name: "a token with the leg's transport", text: request("BYE", "sip:bob@192.0.2.5;transport=UDP"), opened: "outside", to: "192.0.2.5:5060", leg: "outside"},
		{name: "a token with another transport", text: request("BYE", "sip:bob@192.0.2.5;transport=tcp"), opened: "outside", answer: message.NoLeg},
		{name: "a token with a maddr", text: request("BYE", "sip:bob@192.0.2.5;maddr=192.0.2.6"), opened: "outside", to: "192.0.2.6:5060", leg: "outside"},
		{name: "a token of a name", text: request("BYE", "sip:bob@phone.example:5090"), opened: "outside", to: "192.0.2.10:5090", leg: "outside"},
		{name: "a token of the other family", text: request("BYE", "sip:bob@[2001:db8::5]"), opened: "outside", answer: message.NoLeg},
		{name: "a secure token", text: request("BYE", "sips:bob@192.0.2.5"), opened: "outside", answer: message.NoLeg}, // no leg is

		{name: "is the proxy there", text: request("OPTIONS", "sip:10.0.0.1"), answer: message.Alive},
		{name: "is the proxy there, by name", text: request("OPTIONS", "sip:sip.example.com:5060"), answer: message.Alive},
		{name: "is somebody at the proxy", text: request("OPTIONS", "sip:bob@10.0.0.1"), answer: message.UnknownUser},
		{name: "an INVITE to the proxy", text: request("INVITE", "sip:10.0.0.1"), answer: message.UnknownUser},
		{name: "is another host there", text: request("OPTIONS", "sip:192.0.2.5"), to: "192.0.2.5:5060", leg: "outside"},

		{name: "everybody", text: request("INVITE", "sip:bob@255.255.255.255"), answer: message.NotFound},
		{name: "a group", text: request("INVITE", "sip:bob@224.0.1.75"), answer: message.NotFound},
		{name: "a group by name", text: request("INVITE", "sip:bob@nobody.example:5060"), answer: message.NotFound},
		{name: "nowhere", text: request("INVITE", "sip:bob@0.0.0.0"), answer: message.NotFound},
		{name: "a token of everybody", text: request("BYE", "sip:bob@255.255.255.255"), opened: "outside", answer: message.NotFound},
		{name: "an address that is none", text: request("INVITE", "sip:bob@1.2.3"), answer: message.NotFound},
		{name: "an IPv6 address that is none", text: request("INVITE", "sip:bob@[1::2::3]"), answer: message.NotFound},
		{name: "a name that is none", text: request("INVITE", "sip:bob@-_-.example"), answer: message.NotFound},

		{name: "a name that does not exist", text: request("INVITE", "sip:bob@nx.example:5060"), answer: message.NotFound},
		{name: "a domain that offers no SIP", text: request("INVITE", "sip:bob@closed.example"), answer: message.NotFound},
		{name: "a domain that offers TCP only", text: request("INVITE", "sip:bob@stream.example"), answer: message.NoLeg},
		{name: "a transport that no leg carries", text: request("INVITE", "sip:bob@192.0.2.5;transport=tcp"), answer: message.NoLeg},
		{name: "a secure URI", text: request("INVITE", "sips:bob@phone.example"), answer: message.NoLeg},
		{name: "name servers that fail", text: request("INVITE", "sip:bob@phone.broken:5060"), answer: message.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, stage.NameServer(t, zone...).Addr)
			for _, pass := range []string{"asked", "remembered"} {
				p := h.packet("inside", c.text)
				p.Egress, p.Opened = h.leg(c.opened), c.opened != ""
				o := h.routed(p)
				want := message.Answer(c.answer)
				if c.to != "" {
					want = message.Pass(h.next.Send[h.leg(c.leg).Index], message.Send{Packet: p})
				}
				if o != want || c.to != "" && p.To != netip.MustParseAddrPort(c.to) {
					t.Errorf("%s: %q to %v, want %q to %q", pass, o, p.To, want, c.to)
				}
				p.Free()
			}
		})
	}
}

// RFC 3261 §16.6 step 6: a strict router gets itself as request-URI, and the target at the end of the route set.
func TestAStrictRouterGetsItselfAsRequestURI(t *testing.T) {
	h := build(t, "")
	for _, c := range []struct {
		name   string
		routes []string
		uri    string
		left   string
		to     string
	}{
		{"loose", []string{"<sip:192.0.2.6;lr>, <sip:p2>"}, "sip:bob@192.0.2.5;a=b", "<sip:192.0.2.6;lr>, <sip:p2>", "192.0.2.6:5060"},
		{"loose as others write it", []string{"<sip:192.0.2.6;lr=on>"}, "sip:bob@192.0.2.5;a=b", "<sip:192.0.2.6;lr=on>", "192.0.2.6:5060"},
		{"strict", []string{"<sip:192.0.2.6>"}, "sip:192.0.2.6", "<sip:bob@192.0.2.5;a=b>", "192.0.2.6:5060"},
		{"strict, then loose", []string{"<sip:192.0.2.6;x=y>, <sip:p2;lr>"}, "sip:192.0.2.6;x=y", "<sip:p2;lr> <sip:bob@192.0.2.5;a=b>", "192.0.2.6:5060"},
		{"strict, in two headers", []string{"<sip:192.0.2.6:5080>", "<sip:p2;lr>;z"}, "sip:192.0.2.6:5080", "<sip:p2;lr>;z <sip:bob@192.0.2.5;a=b>", "192.0.2.6:5080"},
	} {
		text := request("INVITE", "sip:bob@192.0.2.5;a=b")
		for _, r := range c.routes {
			text = strings.TrimSuffix(text, "\n") + "Route: " + r + "\n\n"
		}
		p := h.packet("inside", text)
		h.routed(p)
		out := string(p.AppendTo(nil))
		var left []string
		for line := range strings.SplitSeq(out, "\r\n") {
			if v, ok := strings.CutPrefix(line, "Route: "); ok {
				left = append(left, v)
			}
		}
		if !strings.HasPrefix(out, "INVITE "+c.uri+" SIP/2.0\r\n") || strings.Join(left, " ") != c.left || p.To.String() != c.to {
			t.Errorf("%s: it goes to %s as\n%s", c.name, p.To, out)
		}
		p.Free()
	}
}

// A request that leaves by a rule has the request-URI of that rule, or its own.
func TestOnlyAPrefixChangesTheRequestURI(t *testing.T) {
	h := build(t, "", func(c *Config) {
		c.Rules[0].Prefixes = []Prefix{{"0", "192.0.2.9:5070"}}
		c.NextHops = []NextHop{{"example.com", to(t, "sip:192.0.2.6")}}
	})
	for _, c := range []struct{ in, out, to string }{
		{"sip:bob@example.com;a=b", "sip:bob@example.com;a=b", "192.0.2.6:5060"},
		{"sip:0123@example.com;user=phone", "sip:123@192.0.2.9:5070;user=phone", "192.0.2.9:5070"},
		{"sip:123@192.0.2.5", "sip:123@192.0.2.5", "192.0.2.5:5060"},
	} {
		p := h.packet("inside", request("INVITE", c.in))
		h.routed(p)
		if out := string(p.AppendTo(nil)); !strings.HasPrefix(out, "INVITE "+c.out+" SIP/2.0\r\n") || p.To.String() != c.to {
			t.Errorf("%s goes to %s as\n%s", c.in, p.To, out)
		}
		p.Free()
	}
}

// RFC 5626 §5.3, for datagrams: where a NAT lets us in is where a request goes, whatever its URI says and however large it is.
func TestAPinholeLeadsBehindANAT(t *testing.T) {
	h := build(t, "", func(c *Config) {
		c.Large = true
		c.Legs.All = append(c.Legs.All, message.NewLeg("tcp", sipwire.TCP, netip.MustParseAddrPort("10.0.0.1:5060"), "", 0))
		c.Legs, c.Rules, c.Streams = message.NewLegs(c.Legs.All), append(c.Rules, Rules{}), append(c.Streams, nil)
	})
	for _, c := range []struct {
		name, leg, hole, uri string
		to                   string // empty: it is answered
	}{
		{"a Contact behind it", "inside", "10.0.0.7:40000", "sip:bob@192.168.1.4", "10.0.0.7:40000"},
		{"out of the leg's reach: it has come from there", "inside", "192.0.2.7:40000", "sip:bob@192.168.1.4", "192.0.2.7:40000"},
		{"IPv6", "six", "[2001:db8::7]:40000", "sip:bob@[fd00::1]", "[2001:db8::7]:40000"},
		{"a sips URI", "inside", "10.0.0.7:40000", "sips:bob@10.0.0.8", ""},
		{"another family", "inside", "[2001:db8::7]:40000", "sip:bob@10.0.0.8", "10.0.0.8:5060"},
		{"everybody", "inside", "255.255.255.255:40000", "sip:bob@10.0.0.8", "10.0.0.8:5060"},
		{"a leg of connections by now", "tcp", "10.0.0.7:40000", "sip:bob@10.0.0.8;transport=udp", "10.0.0.8:5060"},
	} {
		p := h.packet("outside", request("INVITE", c.uri, "X: "+strings.Repeat("x", large)))
		if c.to != "" && c.hole != c.to {
			p.Free()
			p = h.packet("outside", request("INVITE", c.uri))
		}
		p.Egress, p.Routed, p.Pinhole = h.leg(c.leg), true, message.Pinhole{Addr: netip.MustParseAddrPort(c.hole), Node: 7}
		o := h.routed(p)
		if went := strings.HasPrefix(o.String(), "pass"); went != (c.to != "") || went && p.To.String() != c.to || p.Pinhole.Addr.IsValid() != (c.hole == c.to) {
			t.Errorf("%s: %q to %v by %+v", c.name, o, p.To, p.Pinhole)
		}
		p.Free()
	}
}

// RFC 3261 §26.2.2: no hop of a sips URI goes in the clear, whatever next hop is configured.
func TestASecureRequestIsNotSentInTheClear(t *testing.T) {
	h := build(t, "", func(c *Config) {
		c.NextHops = []NextHop{{"example.com", to(t, "sip:192.0.2.6")}}
		out := to(t, "sip:192.0.2.7")
		c.Outbound = &out
	})
	for _, uri := range []string{"sips:bob@example.com", "sips:bob@elsewhere.example", "sips:bob@192.0.2.5"} {
		p := h.packet("inside", request("INVITE", uri))
		if o := h.routed(p); o != message.Answer(message.NoLeg) {
			t.Errorf("%s: %q", uri, o)
		}
		p.Free()
	}
}

// Contacts are sealed when they cross from leg to leg, always, or never.
func TestContactIsAskedAsConfigured(t *testing.T) {
	for _, c := range []struct {
		seal             Seal
		crossing, within bool
	}{
		{SealCrossing, true, false}, {SealAlways, true, true}, {SealNever, false, false},
	} {
		h := build(t, "", func(cfg *Config) { cfg.Seal = c.seal })
		for _, uri := range []string{"sip:bob@192.0.2.5", "sip:bob@10.0.0.5"} {
			for _, contact := range []string{"Contact: <sip:alice@10.0.0.7>", "X: y"} {
				p := h.packet("inside", request("INVITE", uri, contact))
				o := h.routed(p)
				sealed := o == message.Pass(h.next.Seal, message.Seal{Packet: p})
				if !sealed && o != message.Pass(h.next.Send[p.Egress.Index], message.Send{Packet: p}) {
					t.Fatalf("%q", o)
				}
				crosses := uri == "sip:bob@192.0.2.5"
				if want := contact[0] == 'C' && (crosses && c.crossing || !crosses && c.within); sealed != want {
					t.Errorf("rewrite %d, %s, %s: sealed %v", c.seal, uri, contact, sealed)
				}
				p.Free()
			}
		}
	}
}

// One name server that is slow must not take all packets of the lane.
func TestOnlySoManyPacketsWait(t *testing.T) {
	server := stage.NameServer(t, zone...)
	h := build(t, server.Addr, func(c *Config) { c.Waiting = 2 })
	var waiting []*message.Packet
	for range 2 {
		p := h.packet("inside", request("INVITE", "sip:bob@phone.held:5060"))
		if o := h.route(p); o != message.Await() {
			t.Fatalf("%q", o)
		} else {
			p.Settle(nil, message.AtRoute, o)
		}
		waiting = append(waiting, p)
	}
	third := h.packet("inside", request("INVITE", "sip:bob@phone.held:5060"))
	if o := h.route(third); o != message.Answer(message.TooManyWaiting) {
		t.Errorf("the third: %q", o)
	}
	third.Free()
	other := h.packet("inside", request("INVITE", "sip:bob@192.0.2.5")) // needs no name
	if o := h.route(other); o != message.Pass(h.next.Send[1], message.Send{Packet: other}) {
		t.Errorf("one that need not wait: %q", o)
	}
	other.Free()
	server.Release()
	for back := 0; back < 2; {
		<-h.woken
		for _, p := range h.next.Later.Take(nil) {
			if o := h.route(p); o != message.Pass(h.next.Send[1], message.Send{Packet: p}) || p.To.String() != "192.0.2.12:5060" {
				t.Errorf("one that waited: %q to %s", o, p.To)
			}
			back++
		}
	}
	if n := waiting[0].Waiting(message.AtRoute); n != 0 {
		t.Errorf("%d wait when all are back", n)
	}
	for _, p := range waiting {
		p.Free()
	}
}

// The bound holds whatever becomes of a packet when it comes back: a room that panics on it must not use it up.
func TestAPacketThatIsLostNoLongerWaits(t *testing.T) {
	h := build(t, stage.NameServer(t, zone...).Addr, func(c *Config) { c.Waiting = 1 })
	for n := range 3 {
		p := h.packet("inside", request("INVITE", "sip:bob@nx"+string(rune('a'+n))+".example:5060"))
		o := h.route(p)
		if o != message.Await() {
			t.Fatalf("packet %d: %q", n, o)
		}
		p.Settle(nil, message.AtRoute, o)
		h.back().Lost()
	}
}

func TestAResolverThatIsBusyOrClosedIsAnswered(t *testing.T) {
	server := stage.NameServer(t, zone...)
	h := buildAsking(t, target.Config{Servers: []string{server.Addr}, MaxWaiting: 1})
	first := h.packet("inside", request("INVITE", "sip:bob@phone.held:5060"))
	if o := h.route(first); o != message.Await() {
		t.Fatalf("%q", o)
	} else {
		first.Settle(nil, message.AtRoute, o)
	}
	second := h.packet("inside", request("INVITE", "sip:bob@other.held:5060"))
	if o := h.route(second); o != message.Answer(message.TooManyWaiting) || second.Waiting(message.AtRoute) != 1 {
		t.Errorf("%q, %d wait", o, second.Waiting(message.AtRoute))
	}
	server.Release()
	h.back().Free()
	h.Resolver.Close()
	if o := h.route(second); o != message.Answer(message.Unavailable) {
		t.Errorf("%q", o)
	}
	second.Free()
}
