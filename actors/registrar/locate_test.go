package registrar

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/message"
)

// RFC 3581 and what NATs do: a phone is called where its responses go, when it is not where it says.
func TestAPhoneBehindANATIsCalledWhereItCameFrom(t *testing.T) {
	for _, c := range []struct {
		name, via, contact, from string
		to                       string // empty: to the contact
	}{
		{"no NAT", "192.0.2.7:5060;rport", "sip:alice@192.0.2.7:5060", "192.0.2.7:5060", ""},
		{"no NAT, the default port", "192.0.2.7;rport", "sip:alice@192.0.2.7", "192.0.2.7:5060", ""},
		{"no NAT, listening elsewhere", "192.0.2.7:40000;rport", "sip:alice@192.0.2.7", "192.0.2.7:40000", ""},
		{"no NAT, a name", "192.0.2.7;rport", "sip:alice@phone.example", "192.0.2.7:5060", ""},
		{"a NAT", "192.168.1.4;rport", "sip:alice@192.168.1.4", "192.0.2.7:40000", "192.0.2.7:40000"},
		{"a NAT that keeps the port, without rport", "192.168.1.4:5070", "sip:alice@192.168.1.4:5070", "192.0.2.7:5070", "192.0.2.7:5070"},
		{"a NAT that does not, without rport", "192.168.1.4:5070", "sip:alice@192.168.1.4:5070", "192.0.2.7:40000", "192.0.2.7:5070"},
		{"a NAT that the phone knows", "192.168.1.4;rport", "sip:alice@192.0.2.7:40000", "192.0.2.7:40000", ""},
		{"a NAT that has changed its mind", "192.168.1.4;rport", "sip:alice@192.0.2.7:40000", "192.0.2.7:40001", "192.0.2.7:40001"},
		{"a NAT found by STUN, and symmetric", "192.0.2.7:40000;rport", "sip:alice@192.0.2.7:40000", "192.0.2.7:40001", "192.0.2.7:40001"},
		{"a phone with two addresses", "10.1.1.1;rport", "sip:alice@192.168.1.4", "192.0.2.7:40000", "192.0.2.7:40000"},
		{"a provider's NAT", "100.64.1.1;rport", "sip:alice@100.64.1.1", "192.0.2.7:40000", "192.0.2.7:40000"},
		{"a NAT within", "192.168.1.4;rport", "sip:alice@192.168.1.4", "10.5.5.5:40000", "10.5.5.5:40000"},
		{"a name of its own", "phone.invalid;rport", "sip:alice@phone.invalid", "192.0.2.7:40000", "192.0.2.7:40000"},
		{"somebody else, from behind a NAT", "192.168.1.4;rport", "sip:gw@198.51.100.3", "192.0.2.7:40000", ""},
		{"somebody else within", "10.5.5.5;rport", "sip:gw@10.6.6.6", "10.5.5.5:5060", ""},
		{"another transport", "192.168.1.4;rport", "sip:alice@192.168.1.4;transport=tcp", "192.0.2.7:40000", ""},
		{"a sips contact", "192.168.1.4;rport", "sips:alice@192.168.1.4", "192.0.2.7:40000", ""},
		{"behind another proxy", "198.51.100.9;branch=z9hG4bKp, SIP/2.0/UDP 192.168.1.4;rport", "sip:alice@192.168.1.4", "192.0.2.7:40000", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t)
			h.accepts(came{from: netip.MustParseAddrPort(c.from)}, register("1", "Via: SIP/2.0/UDP "+c.via+";branch=z9hG4bKa", contact(c.contact, "")))
			p := h.goes(came{leg: "other"}, request("INVITE", alice), c.contact)
			want := netip.AddrPort{}
			if c.to != "" {
				want = netip.MustParseAddrPort(c.to)
			}
			if p.Pinhole.Addr != want || p.Egress != h.Legs.Named("udp") || p.Through != "" {
				t.Errorf("it goes to %v by leg %s, want %v", p.Pinhole.Addr, p.Egress.Name, want)
			}
		})
	}
}

// RFC 3327 §5.3.
func TestACallGoesByThePathOfTheRegistration(t *testing.T) {
	h := build(t)
	const behind = "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKp"
	path := []string{"Path: <sip:p3.example;lr>, <sip:p2.example:5070;transport=tcp;lr>", "Path: <sip:yflow@p1.example;lr;ob>"}
	echo := []string{expires(cell, 200), "Path: <sip:p3.example;lr>", "Path: <sip:p2.example:5070;transport=tcp;lr>", "Path: <sip:yflow@p1.example;lr;ob>"}
	h.registers(came{}, register("1", append(path, behind, "Supported: path", contact(cell, ""))...), "200", echo...)
	h.registers(came{}, register("2", append(path, behind, "Supported: path")...), "200", echo[0]) // a question has no Path in its answer
	for _, in := range []string{request("INVITE", alice), request("INVITE", alice, "Route: <sip:10.0.0.1;lr>")} {
		p := h.packet(came{}, in)
		if p.HasRoute() {
			p.TakeRoute(0) // as the leg does with one of ours
			p.Egress = h.Legs.Named("other")
		}
		if o := h.located(p); o != message.Pass(h.router, message.Route{Packet: p}) {
			t.Fatal(o)
		}
		out := string(p.AppendTo(nil))
		if !strings.HasPrefix(out, "INVITE "+cell+" SIP/2.0\r\n") || strings.Count(out, "Route:") != 1 ||
			!strings.Contains(out, "\r\nRoute: <sip:p3.example;lr>, <sip:p2.example:5070;transport=tcp;lr>, <sip:yflow@p1.example;lr;ob>\r\n") {
			t.Errorf("it leaves as\n%s", out)
		}
		if !p.Placed || p.Through != "sip:p3.example;lr" || p.Egress != nil || p.EgressFlow != 0 || p.To.IsValid() {
			t.Errorf("it goes by %q, leg %v, to %v", p.Through, p.Egress, p.To)
		}
		p.Free()
	}
	// a phone that does not know of it is not told
	h.registers(came{}, register("3", append(path, behind, contact(cell, ""))...), "200", echo[0])
	if p := h.goes(came{}, request("INVITE", alice), cell); p.Through != "sip:p3.example;lr" {
		t.Errorf("it goes by %q", p.Through)
	}
	for _, bad := range []string{"<tel:+49>", "<sip:a@b", "sip:a@b;lr", "<sip:>", "<sip:p1.example;lr?a=b>"} {
		if status, _ := h.answered(came{}, register("4", "Path: "+bad, "Supported: path", contact(cell, ""))); status != "400" {
			t.Errorf("Path: %s: %s", bad, status)
		}
	}
}

// RFC 3608 §5.
func TestAServiceRouteIsTold(t *testing.T) {
	h := build(t, func(c *Config) { c.Rules[0].Service = "sip:edge.example.com;lr" })
	h.registers(came{}, register("1", contact(desk, "")), "200", expires(desk, 200), "Service-Route: <sip:edge.example.com;lr>")
	h.registers(came{leg: "other"}, register("2", contact(desk, "")), "200", expires(desk, 200))
}

// What a stateless proxy must not do: send a CANCEL elsewhere than its INVITE.
func TestTheChoiceStaysWhilePhonesRefresh(t *testing.T) {
	h := build(t)
	cseq := 0
	registers := func(contacts ...string) {
		t.Helper()
		cseq++
		h.accepts(came{}, register(fmt.Sprint(cseq), contacts...))
		h.clock = h.clock.Add(10 * time.Second)
	}
	registers(contact(desk, ";q=0.5"))
	registers(contact(cell, ";q=0.5"))
	for _, refreshed := range []string{desk, cell, desk} {
		h.goes(came{}, request("INVITE", alice), cell).Free()
		registers(contact(refreshed, ";q=0.5"))
		h.goes(came{}, request("CANCEL", alice), cell).Free()
		h.goes(came{}, request("ACK", alice), cell).Free()
	}
	registers(contact("sip:low@192.0.2.9", ";q=0.4"))
	h.goes(came{}, request("CANCEL", alice), cell).Free()
	registers(contact(desk, ";q=0.6"))
	h.goes(came{}, request("INVITE", alice), desk).Free()
	registers(contact(desk, ";expires=0"))
	h.goes(came{}, request("INVITE", alice), cell).Free()
}

func TestWhoIsNotThereIsAnsweredAlike(t *testing.T) {
	h := build(t)
	h.registers(came{}, register("1", contact(desk, ";expires=30")), "200", expires(desk, 30))
	h.clock = h.clock.Add(30 * time.Second)
	for _, uri := range []string{alice, "sip:nobody@example.com", "sips:nobody@a.example.org"} {
		if status, lines := h.answered(came{}, request("INVITE", uri)); status != "404" || len(lines) > 0 {
			t.Errorf("%s: %s %q", uri, status, lines)
		}
	}
	forward := build(t, func(c *Config) { c.Rules[0].Forward = true })
	p := forward.packet(came{}, request("INVITE", alice))
	if o := forward.located(p); o != message.Pass(forward.router, message.Route{Packet: p}) || p.Placed || string(p.CurrentURI()) != alice {
		t.Errorf("%s, placed %v at %s", o, p.Placed, p.CurrentURI())
	}
}

// RFC 3261 §8.3, §21.3.3.
func TestARedirectTellsOfAllContactsTheBestFirst(t *testing.T) {
	h := build(t, func(c *Config) { c.Rules[0].Redirect = true })
	h.registers(came{}, register("1", contact(desk, ";q=0.25"), contact(cell, ""), contact("sip:x@192.0.2.9", ";q=0")), "200",
		expires(cell, 200), contact(desk, ";q=0.250;expires=200"), contact("sip:x@192.0.2.9", ";q=0.000;expires=200"))
	h.registers(came{}, request("INVITE", alice), "302", contact(cell, ""), contact(desk, ";q=0.250"), contact("sip:x@192.0.2.9", ";q=0.000"))
	h.registers(came{}, request("CANCEL", alice), "481")
	h.registers(came{}, request("INVITE", "sip:bob@example.com"), "404")
	h.goes(came{leg: "other"}, request("INVITE", alice), cell)
}

// RFC 3261 §26.2.2, RFC 5630 §5.3.
func TestASecuredCallDoesNotGoInTheClear(t *testing.T) {
	h := build(t)
	h.registers(came{}, register("1", contact(desk, "")), "200", expires(desk, 200))
	h.registers(came{}, request("INVITE", "sips:alice@example.com"), "480", `Warning: 380 10.0.0.1:5060 "SIPS Not Allowed"`)
	h.registers(came{}, register("2", contact("sips:alice@192.0.2.7", ";q=0.1")), "200", expires(desk, 200), contact("sips:alice@192.0.2.7", ";q=0.100;expires=200"))
	h.goes(came{}, request("INVITE", "sips:alice@example.com"), "sips:alice@192.0.2.7").Free()
	h.goes(came{}, request("INVITE", alice), desk).Free()
}

// What somebody has said already where it goes is not looked up.
func TestOnlyNewRequestsForOurUsersAreLookedUp(t *testing.T) {
	h := build(t)
	for _, c := range []struct {
		name, text string
		change     func(*message.Packet)
		want       bool
	}{
		{"a call", request("INVITE", alice), nil, true},
		{"a call to a subdomain", request("INVITE", "sip:alice@a.example.org"), nil, true},
		{"a subscription", request("SUBSCRIBE", alice), nil, true},
		{"a REGISTER", register("1"), nil, true},
		{"another domain", request("INVITE", "sip:alice@notexample.com"), nil, false},
		{"below our domain", request("INVITE", "sip:alice@a.example.com"), nil, false},
		{"above our domains", request("INVITE", "sip:alice@example.org"), nil, false},
		{"a REGISTER of another domain", request("REGISTER", "sip:example.net"), nil, false},
		{"the domain itself", request("OPTIONS", "sip:example.com"), nil, false},
		{"a telephone", request("INVITE", "tel:+49", "Route: <sip:x;lr>"), nil, false},
		{"a Route", request("INVITE", alice, "Route: <sip:x;lr>"), nil, false},
		{"a Route of ours", request("INVITE", alice, "Route: <sip:10.0.0.1;lr>"), func(p *message.Packet) { p.TakeRoute(0) }, true},
		{"a Record-Route of ours", request("BYE", alice, "Route: <sip:10.0.0.1;rr;lr>"), func(p *message.Packet) { p.TakeRoute(0); p.Routed = true }, false},
		{"a token", request("BYE", alice), func(p *message.Packet) { p.Opened = true }, false},
		{"a flow", request("INVITE", alice), func(p *message.Packet) { p.EgressFlow = 7 }, false},
		{"found already", request("INVITE", alice), func(p *message.Packet) { p.Placed = true }, false},
	} {
		p := h.packet(came{}, c.text)
		if _, ok := p.Routes(); c.change != nil && ok {
			c.change(p)
		}
		if got := h.Concerns(p); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		p.Free()
	}
	none := build(t, func(c *Config) { c.Rules[0].Domains = nil })
	if p := none.packet(came{}, request("INVITE", alice)); none.Concerns(p) {
		t.Error("a leg without domains looks somebody up")
	}
}

func TestABindingOfALegThatIsGoneLeadsNowhere(t *testing.T) {
	h := build(t)
	h.registers(came{leg: "other"}, register("1", contact(desk, "")), "200", expires(desk, 200))
	fewer := build(t, func(c *Config) {
		c.Store = h.Store
		c.Legs = message.NewLegs(c.Legs.All[:4])
	})
	fewer.clock = h.clock
	if status, _ := fewer.answered(came{}, request("INVITE", alice)); status != "430" {
		t.Error(status)
	}
}
