package peers

import (
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// scenario is one of Net::SIP's own tests, played by Net::SIP phones through the proxy. The lines are patterns that the
// output of a phone must match in their order; {inside}, {outside}, {caller}, {callee} are addresses, {near} and {far} the
// transports of caller and callee as Via has them.
type scenario struct {
	t      string // the number and name of Net::SIP's test
	part   string // the subroutine in Scenarios.pm
	caller []string
	callee []string
}

var scenarios = []scenario{
	{
		"02_listen_and_invite", "invite",
		[]string{"^preliminary 180$", "^in 200 INVITE$", "^established$", "^in 200 BYE$", "^bye answered$"},
		[]string{"^in INVITE hops=69 ", "^in ACK hops=69 ", "^established$", "^in BYE hops=69 ", "^over$"},
	},
	{
		"05_call_with_stateless_proxy", "media",
		[]string{"^in 200 INVITE$", "^media done$", "^bye answered$"},
		[]string{"^in INVITE .* vias={outside},{caller}$", "^established$", "^in BYE ", "^over$", "^media heard$"},
	},
	{
		"06_call_with_reinvite", "reinvite_media",
		[]string{"^in 200 INVITE$", "^in INVITE .* vias={inside},{callee}$", "^in ACK ", "^session changed$", "^media heard$", "^bye answered$"},
		[]string{"^in INVITE ", "^in ACK ", "^media heard$", "^in 200 INVITE$", "^session change: OK$", "^in BYE ", "^over$"},
	},
	{
		"11_invite_timeout", "timeout",
		[]string{"^in 180 INVITE$", "^ringing$", "^final 487$"},
		[]string{"^in INVITE hops=69 branch=(\\S+) ", "^in CANCEL hops=69 branch=$1 ", "^in ACK hops=69 branch=$1 ", "^over$"},
	},
	{
		"12_maddr", "maddr",
		[]string{"^in 200 INVITE$", "^established$", "^bye answered$"},
		[]string{"^in INVITE ", "^established$", "^in BYE ", "^over$"},
	},
	{
		"13_maddr_proxy", "maddr_route",
		[]string{"^in 481 NOTIFY$", "^answer 481$"},
		[]string{"^in NOTIFY hops=69 .* vias={outside},{caller}$"},
	},
	{
		"14_bugfix_0.51", "hung_up",
		[]string{"^in 200 INVITE$", "^in INVITE hops=69 ", "^in ACK ", "^in BYE hops=69 ", "^session changes accepted: 1$", "^over$"},
		[]string{"^in INVITE ", "^in ACK ", "^in 200 INVITE$", "^session change: OK$", "^context kept$", "^in 200 BYE$", "^bye answered$"},
	},
	{
		"15_block_invite", "blocks",
		[]string{"^in 405 INVITE$", "^final 405$"},
		[]string{"^in INVITE hops=69 branch=(\\S+) ", "^in ACK hops=69 branch=$1 ", "^over$"},
	},
	{
		"16_drop_invite", "dropped",
		[]string{"^no answer$"},
		[]string{"^(in INVITE .*)$", "^$1$", "^over$"},
	}, // a retransmission is forwarded as the first was
	{
		"17_call_with_reinvite_and_auth", "auth",
		[]string{"^in 401 INVITE$", "^in 200 INVITE$", "^established$", "^in 200 INVITE$", "^session change: OK$", "^bye answered$"},
		[]string{"^in INVITE ", "^in ACK ", "^in INVITE ", "^in ACK ", "^established$", "^in INVITE ", "^in ACK ", "^established$", "^in BYE ", "^over$"},
	},
	{
		"22_stateless_proxy_ack_on_error", "fails",
		[]string{"^in 504 INVITE$", "^final 504$"},
		[]string{"^in INVITE hops=69 branch=(\\S+) ", "^in ACK hops=69 branch=$1 ", "^over$"},
	},
	{
		"23_valid_message", "valid",
		[]string{"^answer 603$", "^answer 400$", "^answer 400$", "^answer 400$", "^answer 400$", "^answer 400$", "^answer 400$", "^answer 603$"},
		[]string{"^in INVITE ", "^in INVITE "},
	},
	{
		"26_request_ack", "fails", // the ACK that Net::SIP makes has a Max-Forwards, and the proxy takes one off
		[]string{"^final 504$"},
		[]string{"^in ACK hops=69 "},
	},
}

func TestNetSIPPhonesThroughTheProxy(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "[::1]"} {
		for _, s := range scenarios {
			t.Run(s.t+"/"+ip, func(t *testing.T) {
				t.Parallel()
				s.play(t, ip)
			})
		}
	}
}

func (s scenario) play(t *testing.T, ip string) {
	s.through(t, place{"udp", ip}, place{"udp", ip}, func(callerAt, calleeAt string) map[string]netip.AddrPort {
		more := fmt.Sprintf("next_hops: {\"*\": \"sip:%s\"}\n", calleeAt)
		if strings.HasPrefix(s.part, "maddr") {
			more = "" // the message alone says where
		}
		return serve(t, []leg{
			{name: "inside", listen: ip, reach: []string{callerAt}},
			{name: "outside", listen: ip, reach: []string{calleeAt}},
		}, more)
	})
}

// place is where a phone is.
type place struct{ transport, ip string }

// through plays the scenario with phones at two places, through a proxy that serve starts when they are there.
func (s scenario) through(t *testing.T, callerIs, calleeIs place, serve func(callerAt, calleeAt string) map[string]netip.AddrPort, secure ...string,
) (caller, callee *child) {
	t.Helper()
	callee, calleeAt := netsipPhone(t, "callee", s.part, calleeIs, secure...)
	caller, callerAt := netsipPhone(t, "caller", s.part, callerIs, secure...)
	at := serve(callerAt, calleeAt)
	callee.say(fmt.Sprintf("go %s %s", at["outside"], callerAt))
	callee.until("^ready$")
	caller.say(fmt.Sprintf("go %s %s", at["inside"], calleeAt))
	for _, c := range []*child{caller, callee} {
		if err := c.end(patience); err != nil {
			t.Errorf("the %s ended badly: %v", c.name, err)
		}
	}
	place := strings.NewReplacer("{inside}", regexp.QuoteMeta(at["inside"].String()),
		"{outside}", regexp.QuoteMeta(at["outside"].String()),
		"{caller}", regexp.QuoteMeta(callerAt), "{callee}", regexp.QuoteMeta(calleeAt),
		"{near}", strings.ToUpper(callerIs.transport), "{far}", strings.ToUpper(calleeIs.transport))
	for c, patterns := range map[*child][]string{caller: s.caller, callee: s.callee} {
		if missing := inOrder(c.lines, patterns, place); missing != "" {
			t.Errorf("the %s never said %q", c.name, missing)
		}
	}
	if t.Failed() {
		t.Logf("caller %s\n%s\n\ncallee %s\n%s", callerAt, caller.said(), calleeAt, callee.said())
	}
	return caller, callee
}

// netsipPhone starts a side of a scenario and says where it listens. On TLS it needs the files of a certificate, of its key
// and of an authority.
func netsipPhone(t *testing.T, role, part string, at place, secure ...string) (c *child, where string) {
	t.Helper()
	perl, err := exec.LookPath("perl")
	if err != nil || exec.CommandContext(t.Context(), perl, "-MNet::SIP", "-e", "1").Run() != nil {
		t.Skip("Net::SIP for Perl is not installed")
	}
	if at.transport == "tls" && exec.CommandContext(t.Context(), perl, "-MIO::Socket::SSL", "-e", "1").Run() != nil {
		t.Skip("IO::Socket::SSL for Perl, which Net::SIP needs for TLS, is not installed")
	}
	c = spawn(t, "netsip", perl, append([]string{"phone.pl", role, part, strings.Trim(at.ip, "[]"), at.transport}, secure...)...)
	c.name = role
	return c, c.until(`^at (\S+)$`)[1]
}

// inOrder is the first pattern that no line matches behind the line of the pattern before it; empty when all are there.
// $1 in a pattern is what the first pattern's group matched.
func inOrder(lines, patterns []string, place *strings.Replacer) (missing string) {
	group := ""
	for _, pattern := range patterns {
		re := regexp.MustCompile(strings.ReplaceAll(place.Replace(pattern), "$1", regexp.QuoteMeta(group)))
		for found := false; !found; {
			if len(lines) == 0 {
				return re.String()
			}
			match := re.FindStringSubmatch(lines[0])
			lines, found = lines[1:], match != nil
			if len(match) > 1 {
				group = match[1]
			}
		}
	}
	return ""
}

// Net::SIP's 03_forward_stateless: the domain of the request-URI chooses the next hop and with it the leg, whichever leg
// a request comes from.
func TestNetSIPRequestsLeaveByTheLegOfTheirDomain(t *testing.T) {
	caller, callerAt := netsipPhone(t, "caller", "forward", place{"udp", "127.0.0.1"})
	targets := map[string]*ua.Phone{}
	legs := []leg{{name: "default"}, {name: "com"}, {name: "org"}}
	for i := range legs {
		targets[legs[i].name] = ua.New(t, "127.0.0.1:0")
		legs[i].listen = "127.0.0.1"
		legs[i].reach = []string{targets[legs[i].name].Addr().String()}
	}
	at := serve(t, legs, fmt.Sprintf(`next_hops:
  example.com: "sip:%s"
  example.org: "sip:%s"
  "*.example.org": "sip:%s"
  "*": "sip:%s"
`, targets["com"].Addr(), targets["org"].Addr(), targets["org"].Addr(), targets["default"].Addr()))
	caller.say(fmt.Sprintf("go %s,%s,%s %s", at["default"], at["com"], at["org"], callerAt))
	for _, want := range []struct {
		uri, from, to string
	}{
		{"sip:me@example.com", "default", "com"},
		{"sip:me@example.com", "org", "com"},
		{"sip:me@somewhere.example.com", "org", "default"},
		{"sip:me@example.org", "com", "org"},
		{"sip:me@somewhere.example.org", "com", "org"},
		{"sip:me@whatever", "com", "default"},
	} {
		request := targets[want.to].Receive()
		if request.RequestURI() != want.uri || request.Source != at[want.to] {
			t.Fatalf("%s from the leg %s was to leave by the leg %s (%v):\n%s", want.uri, want.from, want.to, at[want.to], request)
		}
		if sentBy := netip.MustParseAddrPort(sentBy(request)); sentBy != at[want.to] {
			t.Errorf("the Via of the leg %s says %s", want.to, sentBy)
		}
		targets[want.to].Answer(request, 200, ua.Options{})
		caller.until("^answer 200$")
	}
	if err := caller.end(patience); err != nil {
		t.Errorf("the caller ended badly: %v\n%s", err, caller.said())
	}
}

// sentBy is the host and port of the top Via.
func sentBy(m ua.Message) string {
	value, _, _ := strings.Cut(m.Vias()[0], ";")
	return strings.Fields(value)[1]
}
