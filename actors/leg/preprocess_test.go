package leg

import (
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

// RFC 3261 §16.4, RFC 5658 §4. Legs: inside 10.0.0.1:5060, outside 203.0.113.1:5060, nat sip.example.com:5060, which is bound
// at 192.168.7.1:5070.
func TestRouteInformationIsPreprocessed(t *testing.T) {
	const (
		inside, outside       = "<sip:10.0.0.1:5060;lr>", "<sip:203.0.113.1:5060;lr>"
		insideRR, outsideRR   = "<sip:10.0.0.1:5060;rr;lr>", "<sip:203.0.113.1:5060;rr;lr>"
		foreign, other        = "<sip:p.example.net;lr>", "<sip:q.example.net;lr>"
		contact               = "sip:carol@198.51.100.7:5070"
		strict, strictOutside = "sip:10.0.0.1:5060;rr;lr", "sip:203.0.113.1:5060;rr;lr"
	)
	for _, c := range []struct {
		name   string
		uri    string
		routes []string // Route header lines
		want   string   // request-URI that is left
		left   string   // Route values that are left, joined by blanks
		egress string   // the leg that is named
		routed bool     // within a dialog
	}{
		{"no Route", bob, nil, bob, "", "", false},
		{"a foreign one", bob, []string{foreign}, bob, foreign, "", false},
		{"a foreign list", bob, []string{foreign + ", " + other}, bob, foreign + " " + other, "", false},
		{"ours, configured", bob, []string{inside}, bob, "", "", false},
		{"ours, recorded", bob, []string{insideRR}, bob, "", "", true},
		{"ours before a foreign one", bob, []string{inside + " , " + foreign}, bob, foreign, "", false},
		{"ours behind a foreign one", bob, []string{foreign + "," + inside}, bob, foreign + " " + inside, "", false},
		{"both legs in two headers", bob, []string{insideRR, outsideRR}, bob, "", "outside", true},
		{"both legs in a list", bob, []string{insideRR + "," + outsideRR + "," + foreign}, bob, foreign, "outside", true},
		{"both legs, a header with more", bob, []string{insideRR, outsideRR + ", " + foreign, other}, bob, foreign + " " + other, "outside", true},
		{"both legs, the other way round", bob, []string{outsideRR, insideRR}, bob, "", "", true},
		{"the other leg alone", bob, []string{outside}, bob, "", "outside", false},
		{"ours without a port", bob, []string{"<sip:10.0.0.1;lr>"}, bob, "", "", false},
		{"ours with a user", bob, []string{"<sip:me@10.0.0.1;lr>"}, bob, "", "", false},
		{"ours without lr", bob, []string{"<sip:10.0.0.1>", foreign}, bob, foreign, "", false},
		{"ours by its name", bob, []string{"<sip:SIP.example.com;lr>"}, bob, "", "nat", false},
		{"ours by the address behind the name", bob, []string{"<sip:192.168.7.1:5070;lr>"}, bob, "", "nat", false},
		{"ours with a display name and parameters", bob, []string{`"a, <b>" <sip:10.0.0.1;lr;rr>;x=",<sip:y>"`, foreign}, bob, foreign, "", true},
		{"another port of ours", bob, []string{"<sip:10.0.0.1:5080;lr>"}, bob, "<sip:10.0.0.1:5080;lr>", "", false},
		{"a telephone is no proxy", bob, []string{"<tel:+49>"}, bob, "<tel:+49>", "", false},
		{"what is behind is not read", bob, []string{foreign + ", <sip:[>"}, bob, foreign + " <sip:[>", "", false},

		{"a strict router before us", strict, []string{foreign + ", <" + contact + ">"}, contact, foreign, "", true},
		{"a strict router, one value", strict, []string{"<" + contact + ">"}, contact, "", "", true},
		{"a strict router, both legs", strict, []string{outsideRR, "<" + contact + ">"}, contact, "", "outside", true},
		{"a strict router, both legs, the other way round", strictOutside, []string{insideRR + ", <" + contact + ">"}, contact, "", "", true},
		{"a strict router and the other leg alone", strictOutside, []string{"<" + contact + ">"}, contact, "", "outside", true},
		{"a request to ourselves is no strict route", strict, nil, strict, "", "", false},
		{"a user at our host is no strict route", "sip:bob@10.0.0.1;lr", []string{foreign}, "sip:bob@10.0.0.1;lr", foreign, "", false},
		{"without lr it is no strict route", "sip:10.0.0.1", []string{foreign}, "sip:10.0.0.1", foreign, "", false},

		{"a maddr that names us", "sip:bob@example.com:5070;maddr=10.0.0.1;a=b", nil, "sip:bob@example.com:5070;maddr=10.0.0.1;a=b", "", "", false},
		{"a maddr and port that name us", "sip:bob@example.com;maddr=10.0.0.1;a=b;transport=udp;ttl=1", nil, "sip:bob@example.com;a=b", "", "", false},
		{"a maddr and a written port that name us", "sip:bob@example.com:5060;a=b;maddr=10.0.0.1", nil, "sip:bob@example.com;a=b", "", "", false},
		{"a maddr that names our name", "sip:bob@example.com;maddr=sip.example.com", nil, "sip:bob@example.com", "", "", false},
		{"a maddr of others", "sip:bob@example.com;maddr=10.0.0.9", nil, "sip:bob@example.com;maddr=10.0.0.9", "", "", false},
		{"a maddr of nothing", "sip:bob@example.com;maddr", nil, "sip:bob@example.com;maddr", "", "", false},
		{"an IPv6 maddr that names us", "sip:bob@example.com;maddr=[2001:db8::1]", nil, "sip:bob@example.com", "", "", false},
		{"a maddr behind a strict router", strict, []string{"<sip:bob@example.com;maddr=10.0.0.1>"}, "sip:bob@example.com", "", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t)
			var more []string
			for _, r := range c.routes {
				more = append(more, "Route: "+r)
			}
			text := request("INVITE", c.uri, via, "X: y")
			if len(more) > 0 {
				text = strings.Replace(text, "X: y\n", "X: y\n"+strings.Join(more, "\n")+"\n", 1)
			}
			p := h.accepted("inside", caller, text)
			egress := ""
			if p.Egress != nil {
				egress = p.Egress.Name
			}
			if string(p.CurrentURI()) != c.want || egress != c.egress || p.Routed != c.routed {
				t.Errorf("the request-URI is %s, the leg %q, within a dialog %v", p.CurrentURI(), egress, p.Routed)
			}
			p.Egress = h.all.Named("outside")
			out, _ := h.sent("outside", p)
			if got := strings.Join(routes(out), " "); got != c.left {
				t.Errorf("the Route that is left is %q, want %q, in\n%s", got, c.left, out)
			}
			if want := "INVITE " + c.want + " SIP/2.0"; firstLine(out) != want {
				t.Errorf("it begins with %q, want %q", firstLine(out), want)
			}
		})
	}
}

// routes are the Route values of a message, one by one.
func routes(text string) (values []string) {
	for _, line := range stage.Headers(text, "Route") {
		for v := range strings.SplitSeq(line, ",") {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

// The ACK to a failure carries the To tag of the callee and the Route that its INVITE had. It goes where the INVITE went
// (RFC 3261 §17.1.1.3), which is by the rules for new requests. The ACK to a success has the recorded route.
func TestAConfiguredRouteIsNoDialog(t *testing.T) {
	h := build(t)
	for name, c := range map[string]struct {
		method, to, route string
		dialog            bool
	}{
		"the INVITE":           {"INVITE", "<sip:bob@example.com>", "<sip:10.0.0.1;lr>", false},
		"its CANCEL":           {"CANCEL", "<sip:bob@example.com>", "<sip:10.0.0.1;lr>", false},
		"the ACK to a failure": {"ACK", "<sip:bob@example.com>;tag=to", "<sip:10.0.0.1;lr>", false},
		"the ACK to a success": {"ACK", "<sip:bob@example.com>;tag=to", "<sip:10.0.0.1:5060;rr;lr>", true},
		"the BYE":              {"BYE", "<sip:bob@example.com>;tag=to", "<sip:10.0.0.1:5060;RR;lr>", true},
	} {
		p := h.accepted("inside", caller, request(c.method, bob, via, "To: "+c.to, "Route: "+c.route))
		if p.Routed != c.dialog {
			t.Errorf("%s: within a dialog: %v", name, p.Routed)
		}
		p.Free()
	}
}

// What we record comes back as a Route that we know, by whichever leg.
func TestARecordedRouteIsKnownAgain(t *testing.T) {
	for _, by := range []string{"inside", "outside", "six", "nat"} {
		for _, out := range []string{"inside", "outside", "six", "nat"} {
			h := build(t)
			recorded := stage.Headers(h.forwarded(by, out, caller, request("INVITE", bob, via)), "Record-Route")
			if want := 2; by != out && len(recorded) != want || by == out && len(recorded) != 1 {
				t.Fatalf("from %s to %s: recorded %q", by, out, recorded)
			}
			for from, route := range map[string]string{out: strings.Join(recorded, ","), by: strings.Join(reversed(recorded), ", ")} {
				p := h.accepted(from, nextHop, request("BYE", "sip:carol@198.51.100.7", via, "To: <sip:b@b>;tag=to", "Route: "+route))
				far := h.all.Named(by)
				if from == by {
					far = h.all.Named(out)
				}
				if by == out {
					far = nil // wherever the address is reached
				}
				if p.Egress != far || !p.Routed {
					t.Errorf("from %s to %s: a BYE by %s is to leave by %v, within a dialog %v", by, out, from, p.Egress, p.Routed)
				}
				if left := p.CurrentURI(); string(left) != "sip:carol@198.51.100.7" {
					t.Errorf("the request-URI is %s", left)
				}
				p.Free()
			}
		}
	}
}

func reversed(list []string) (out []string) {
	for _, v := range list {
		out = append([]string{v}, out...)
	}
	return out
}

func TestARouteThatCannotBeReadIsAnswered(t *testing.T) {
	h := build(t)
	for _, route := range []string{
		"<sip:", "bob", "<>", "<sip:[::1>", "<sip:10.0.0.1;lr>, <", `"a <sip:b>`, "<sip:a b>", "<sip:10.0.0.1;lr>, <sip:[10>",
	} {
		p, o := h.received("inside", caller, request("INVITE", bob, via, "Route: "+route))
		if o != message.Answer(message.Reason(sipwire.BadRoute)) {
			t.Errorf("%s: %q", route, o)
		}
		p.Free()
	}
}
