package leg

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

func TestWhatIsNoMessageIsDropped(t *testing.T) {
	h := build(t)
	good := request("OPTIONS", bob, via)
	for _, c := range []struct {
		name, text string
		want       message.Reason
	}{
		{"nothing", "", message.KeepAlive},
		{"a NUL", "\x00", message.KeepAlive},
		{"a keep-alive", "\n\n", message.KeepAlive},
		{"a short text", "hello, world", message.KeepAlive},
		{"many empty lines", strings.Repeat("\n", 20), message.Reason(sipwire.NotSIP)},
		{"another protocol", "GET / HTTP/1.1\nHost: a\n\n", message.Reason(sipwire.NotSIP)},
		{"a STUN binding request", "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl", message.Reason(sipwire.NotSIP)},
		{"a request that does not end", good[:len(good)-1], message.Reason(sipwire.Truncated)},
		{"no Via", strings.Replace(good, "Via", "Wia", 1), message.Reason(sipwire.NoVia)},
		{"a response with no Via", "SIP/2.0 200 OK\nCSeq: 1 A\n\n", message.Reason(sipwire.NoVia)},
		{"a status that is none", "SIP/2.0 99 Low\n" + good[strings.Index(good, "\n")+1:], message.Reason(sipwire.BadStatusLine)},
		{"a response with two Call-IDs", "SIP/2.0 200 OK\ni: 2\n" + good[strings.Index(good, "\n")+1:], message.Reason(sipwire.Duplicate)},
	} {
		p, o := h.received("inside", caller, c.text)
		if o != message.Drop(c.want) {
			t.Errorf("%s: %q, want %q", c.name, o, message.Drop(c.want))
		}
		p.Free()
	}
}

// RFC 3261 §16.3, in its order: syntax, scheme, Max-Forwards, Proxy-Require.
func TestARequestIsValidated(t *testing.T) {
	h := build(t)
	bad := func(f sipwire.Fault) message.Reason { return message.Reason(f) }
	for _, c := range []struct {
		name, method, uri string
		more              []string
		want              message.Reason // 0: it goes on
	}{
		{"nothing is wrong", "INVITE", bob, nil, 0},
		{"another version", "INVITE", bob + " SIP/3.0\nX: ", nil, bad(sipwire.BadVersion)},
		{"no request-URI", "INVITE", "<sip:bob@example.com>", nil, bad(sipwire.BadRequestURI)},
		{"an unknown scheme", "INVITE", "nosuch:bob", nil, bad(sipwire.UnknownScheme)},
		{"an unknown scheme with a Route", "INVITE", "nosuch:bob", []string{"Route: <sip:p.example.net;lr>"}, 0},
		{"CSeq of another method", "INVITE", bob, []string{"CSeq: 1 BYE"}, bad(sipwire.CSeqMismatch)},
		{"two Call-IDs", "INVITE", bob, []string{"i: x"}, bad(sipwire.Duplicate)},
		{"an unreadable Route", "INVITE", bob, []string{"Route: <sip:"}, bad(sipwire.BadRoute)},
		{"a Route that is no URI", "INVITE", bob, []string{"Route: <10.0.0.1>"}, bad(sipwire.BadRoute)},
		{"no hops left", "INVITE", bob, []string{"Max-Forwards: 0"}, message.TooManyHops},
		{"no hops left, many zeros", "INVITE", bob, []string{"Max-Forwards: 000"}, message.TooManyHops},
		{"no hops left for OPTIONS", "OPTIONS", bob, []string{"Max-Forwards: 0"}, message.TooManyHops},
		{"no hops left and an extension", "INVITE", bob, []string{"Max-Forwards: 0", "Proxy-Require: x"}, message.TooManyHops},
		{"one hop left", "INVITE", bob, []string{"Max-Forwards: 1"}, 0},
		{"hops that are no number", "INVITE", bob, []string{"Max-Forwards: -1"}, bad(sipwire.BadMaxForwards)},
		{"an extension", "INVITE", bob, []string{"Proxy-Require: x"}, message.Unsupported},
		{"an extension for a CANCEL", "CANCEL", bob, []string{"Proxy-Require: x"}, 0},
		{"an extension for an ACK", "ACK", bob, []string{"Proxy-Require: x"}, 0},
		{"an extension for endpoints", "INVITE", bob, []string{"Require: x"}, 0},
		{"a bad Contact is not ours to judge yet", "INVITE", bob, []string{"Contact: ???"}, 0},
	} {
		p, o := h.received("inside", caller, request(c.method, c.uri, via, c.more...))
		want := message.Answer(c.want)
		if c.want == 0 {
			want = message.Pass(h.next.Open, message.Open{Packet: p})
		}
		if o != want {
			t.Errorf("%s: %q, want %q", c.name, o, want)
		}
		p.Free()
	}
}

func TestMaxForwardsIsCountedDownAndCapped(t *testing.T) {
	h := build(t)
	for _, c := range []struct {
		in    string // empty: no header
		limit int
		want  string
	}{
		{"70", 70, "69"},
		{"1", 70, "0"},
		{"", 70, "70"},
		{"255", 70, "70"},
		{"71", 70, "70"},
		{"255", 255, "254"},
		{"", 255, "70"},
		{"70", 20, "20"},
		{"", 20, "20"},
		{"20", 20, "19"},
		{"007", 70, "6"},
		{"2147483647", 70, "70"},
	} {
		h.rooms["inside"].MaxForwards = c.limit
		text := request("INVITE", bob, via, "Max-Forwards: "+c.in)
		if c.in == "" {
			text = strings.Replace(text, "Max-Forwards: \n", "", 1)
		}
		if got := stage.Headers(h.forwarded("inside", "outside", caller, text), "Max-Forwards"); len(got) != 1 || got[0] != c.want {
			t.Errorf("%q with a limit of %d leaves as %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func TestUnsupportedListsWhatWasRequired(t *testing.T) {
	h := build(t)
	for in, want := range map[string]string{
		"foo":                               "foo",
		"foo, bar":                          "foo, bar",
		"foo,bar ,\tbaz":                    "foo, bar, baz",
		"foo\nProxy-Require: bar":           "foo, bar",
		"foo,,bar":                          "foo, bar",
		strings.Repeat("an-extension,", 50): strings.TrimSuffix(strings.Repeat("an-extension, ", 50), ", "), // more than a packet has place for
	} {
		answer, _ := h.answered("inside", caller, request("INVITE", bob, via, "Proxy-Require: "+in), message.Unsupported)
		if got := stage.Headers(answer, "Unsupported"); len(got) != 1 || got[0] != want || firstLine(answer) != "SIP/2.0 420 Bad Extension" {
			t.Errorf("Proxy-Require: %q is answered %s with Unsupported: %q", in, firstLine(answer), got)
		}
	}
}

// Under overload new calls are shed first; who has a call keeps it.
func TestALaneThatIsBehindRefusesNewCallsOnly(t *testing.T) {
	h := build(t)
	for name, c := range map[string]struct {
		text string
		shed bool
	}{
		"a new call":   {request("INVITE", bob, via), true},
		"a re-INVITE":  {request("INVITE", bob, via, "To: <sip:bob@example.com>;tag=to"), false},
		"a BYE":        {request("BYE", bob, via, "To: <sip:bob@example.com>;tag=to"), false},
		"an ACK":       {request("ACK", bob, via), false},
		"a CANCEL":     {request("CANCEL", bob, via), false},
		"a REGISTER":   {request("REGISTER", "sip:example.com", via), false},
		"an OPTIONS":   {request("OPTIONS", bob, via), false},
		"a hopeless 1": {request("INVITE", bob, via, "Max-Forwards: 0"), false},
	} {
		p := h.packet("inside", caller, c.text)
		p.Pressed = true
		o := h.rooms["inside"].receive(p)
		if (o == message.Answer(message.Overloaded)) != c.shed {
			t.Errorf("%s: %q", name, o)
		}
		if !c.shed {
			p.Free()
			continue
		}
		answer, _ := h.answer("inside", p, message.Overloaded)
		if firstLine(answer) != "SIP/2.0 503 Service Unavailable" || len(stage.Headers(answer, "Retry-After")) != 1 {
			t.Errorf("%s is answered\n%s", name, answer)
		}
	}
}

func TestAResponseIsTakenBackTheWayItsRequestCame(t *testing.T) {
	h := build(t)
	for _, by := range []string{"inside", "outside", "six", "nat"} {
		for _, out := range []string{"inside", "outside", "six", "nat"} {
			forwarded := h.forwarded(by, out, caller, request("INVITE", bob, "SIP/2.0/UDP host.invalid:5070;rport;branch=z9hG4bKabc"))
			p := h.accepted(out, netip.MustParseAddrPort("198.51.100.9:5060"), response(183, forwarded))
			if p.Egress != h.all.Named(by) || p.Reply.Addr != caller {
				t.Errorf("a request by %s left by %s; its response goes out by %v to %+v", by, out, p.Egress, p.Reply)
			}
			p.To = p.Reply.Addr
			back, _ := h.sent(by, p)
			if vias := stage.Headers(back, "Via"); len(vias) != 1 || vias[0] != "SIP/2.0/UDP host.invalid:5070;rport=5062;branch=z9hG4bKabc;received=10.0.0.5" {
				t.Errorf("the response goes back with the Vias %q", vias)
			}
		}
	}
}

// RFC 3261 §16.11: a response that is not ours to forward is dropped without a word.
func TestAStrayResponseIsDropped(t *testing.T) {
	h := build(t)
	forwarded := h.forwarded("inside", "outside", caller, request("INVITE", bob, via))
	good := response(200, forwarded)
	ours := stage.Headers(good, "Via")[0]
	for name, c := range map[string]struct {
		text string
		want message.Reason
	}{
		"no Via below":            {strings.Replace(good, "Via: "+via+"\r\n", "", 1), message.NoWayBack},
		"ours is not on top":      {strings.Replace(good, "Via: "+ours+"\r\nVia: "+via+"\r\n", "Via: "+via+"\r\nVia: "+ours+"\r\n", 1), message.AlienResponse},
		"another proxy's on top":  {strings.Replace(good, ours, "SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bKxyz", 1), message.AlienResponse},
		"no branch":               {strings.Replace(good, ours, "SIP/2.0/UDP 203.0.113.1:5060", 1), message.AlienResponse},
		"a branch of RFC 2543":    {strings.Replace(good, ours, "SIP/2.0/UDP 203.0.113.1:5060;branch=1", 1), message.AlienResponse},
		"a Via below of nonsense": {strings.Replace(good, via, "SIP/2.0/UDP [;branch=z9hG4bKabc", 1), message.NoWayBack},
	} {
		p, o := h.received("outside", caller, c.text)
		if o != message.Drop(c.want) {
			t.Errorf("%s: %q, want %q", name, o, message.Drop(c.want))
		}
		p.Free()
	}
}
