package tests

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

func TestWhatCannotBeForwardedIsAnswered(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		method string
		uri    string
		o      ua.Options
		want   string // a line that the answer must have
	}{
		{name: "Max-Forwards used up", status: 483, o: ua.Options{MaxForwards: "0"}},
		{name: "an extension required of the proxy", status: 420, o: ua.Options{Headers: []string{"Proxy-Require: foo, bar"}}, want: "Unsupported: foo, bar"},
		{name: "an unknown scheme", status: 416, uri: "nosuch:bob"},
		{name: "nobody of that name here", status: 404, uri: "sip:bob@INSIDE"},
		{name: "a token that was never ours", status: 404, uri: "sip:xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@INSIDE"},
		{name: "is the proxy there", status: 200, method: "OPTIONS", uri: "sip:INSIDE"},
		{name: "no route there", status: 480, uri: "sip:bob@255.255.255.255"},
		{name: "outside of every leg's reach", status: 480, uri: "sip:bob@10.255.255.1"},
		{name: "a sips URI and no secured leg", status: 480, uri: "sips:bob@127.0.0.3"},
		{name: "two Call-IDs", status: 400, o: ua.Options{Headers: []string{"i: another"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, v4, v4, "next_hops: {\"example.com\": \"sip:127.0.0.9\"}\n", nil)
			if c.uri == "" {
				c.uri = "sip:bob@" + h.callee.Addr().String()
			}
			uri := strings.ReplaceAll(c.uri, "INSIDE", h.Addr("inside").String())
			if c.method == "" {
				c.method = "INVITE"
			}
			c.o.Proxy = h.Addr("inside")
			sent := h.caller.Request(c.method, uri, c.o)
			got := h.caller.Receive()
			if got.Status() != c.status {
				t.Fatalf("the answer is\n%s", got.Raw)
			}
			for _, name := range []string{"Via", "From", "Call-ID", "CSeq"} {
				if got.First(name) != sent.First(name) && name != "Via" {
					t.Errorf("%s: %q was asked, %q is answered", name, sent.First(name), got.First(name))
				}
			}
			if ua.Param(got.First("To"), "tag") == "" {
				t.Errorf("the answer has no To-tag: RFC 3261 §8.2.6.2")
			}
			if c.want != "" && !strings.Contains(string(got.Raw), c.want+"\r\n") {
				t.Errorf("%q is not in\n%s", c.want, got.Raw)
			}
			h.callee.Quiet(1)
		})
	}
}

// The ACK to an answer of ours ends here; any other goes on (RFC 3261 §8.2.7).
func TestTheAckToOurAnswerIsAbsorbed(t *testing.T) {
	h := newHouse(t)
	call := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), MaxForwards: "0"})
	refused := call.Response()
	call.Ack(refused)
	forged := h.caller.Compose("ACK", "sip:bob@example.com", ua.Options{
		To: "<sip:bob@example.com>;tag=" + strings.Repeat("a", len(ua.Param(refused.First("To"), "tag"))),
	})
	h.caller.Send(forged.Raw, h.Addr("inside"))
	if m := h.callee.Receive(); m.First("Call-ID") != forged.First("Call-ID") {
		t.Fatalf("the ACK to our own answer went on:\n%s", m.Raw)
	}
}

// An ACK is never answered, whatever is wrong with it, and neither is a response.
func TestAnAckIsNeverAnswered(t *testing.T) {
	h := newHouse(t)
	h.caller.Request("ACK", "sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), MaxForwards: "0"})
	h.caller.Request("ACK", "nosuch:bob", ua.Options{Proxy: h.Addr("inside")})
	h.caller.Request("OPTIONS", "sip:"+h.Addr("inside").String(), ua.Options{Proxy: h.Addr("inside")})
	if m := h.caller.Receive(); m.Method() != "OPTIONS" {
		t.Fatalf("an ACK was answered:\n%s", m.Raw)
	}
}

// Who sends with somebody else's address must not get more out of us than he puts in.
func TestAnswersDoNotAmplify(t *testing.T) {
	h := newHouse(t)
	for _, o := range []ua.Options{
		{MaxForwards: "0"},
		{Headers: []string{"Proxy-Require: x"}},
		{MaxForwards: "x"},
		{Headers: []string{"i: another"}},
	} {
		o.Proxy = h.Addr("inside")
		sent := h.caller.Request("INVITE", "sip:bob@example.com", o)
		got := h.caller.Receive()
		if len(got.Raw) > len(sent.Raw) {
			t.Errorf("%d bytes were answered with %d:\n%s", len(sent.Raw), len(got.Raw), got.Raw)
		}
	}
	// The least that can be asked: the answer has its own start line, tag and length more, and nothing else.
	raw := fmt.Sprintf("A sip:a SIP/2.0\r\nv:SIP/2.0/UDP %s\r\nf:sip:a\r\nt:sip:a\r\ni:1\r\nCSeq:1 A\r\nMax-Forwards:0\r\n\r\n", h.caller.Addr())
	h.caller.Send([]byte(raw), h.Addr("inside"))
	if got := h.caller.Receive(); len(got.Raw) > len(raw)+80 {
		t.Errorf("%d bytes were answered with %d:\n%s", len(raw), len(got.Raw), got.Raw)
	}
}

func TestGarbageGetsNoAnswer(t *testing.T) {
	h := newHouse(t)
	random := rand.New(rand.NewSource(1))
	noise := make([]byte, 400)
	random.Read(noise)
	good := h.caller.Compose("OPTIONS", "sip:bob@example.com", ua.Options{}).Raw
	for _, raw := range [][]byte{
		{0},
		[]byte("\r\n\r\n"), []byte("hello"), noise,
		[]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		bytes.Replace(good, []byte("Via:"), []byte("Wia:"), 1),
		good[:len(good)-30],
		[]byte("SIP/2.0 200 OK\r\n\r\n"),
	} {
		h.caller.Send(raw, h.Addr("inside"))
	}
	h.caller.Request("OPTIONS", "sip:"+h.Addr("inside").String(), ua.Options{Proxy: h.Addr("inside")})
	if m := h.caller.Receive(); m.Status() != 200 {
		t.Fatalf("garbage was answered:\n%s", m.Raw)
	}
}

func TestADatagramLongerThanTheLimitIsRefused(t *testing.T) {
	h := build(t, v4, v4, "limits: {max_message: 1500}\n", nil)
	sent := h.caller.Compose("MESSAGE", "sip:bob@example.com", ua.Options{Type: "text/plain", Body: strings.Repeat("x", 2000)}).Raw
	sent = bytes.Replace(sent, []byte("Content-Length: 2000\r\n"), nil, 1) // else it is too short for its own length
	h.caller.Send(sent, h.Addr("inside"))
	if m := h.caller.Receive(); m.Status() != 513 {
		t.Fatalf("the caller was told\n%s", m.Raw)
	}
	h.callee.Quiet(1)
}

// What a stranger writes into Route or request-URI does not lead out of a leg's reach, whichever leg it names.
func TestNobodyIsLedOutOfALegsReach(t *testing.T) {
	h := build(t, v4, v4, "contact: {rewrite: never}\n", nil)
	victim := ua.New(t, "127.0.0.1:0")
	inside, outside := h.Addr("inside").String(), h.Addr("outside").String()
	h.callee.Request("OPTIONS", victim.URI(), ua.Options{
		Proxy:   h.Addr("outside"),
		Headers: []string{"Route: <sip:" + outside + ";rr;lr>, <sip:" + inside + ";rr;lr>"},
	})
	if m := h.callee.Receive(); m.Status() != 480 {
		t.Fatalf("the stranger was told\n%s", m.Raw)
	}
	victim.Quiet(1)
}

// A leg's proxy stands before all that leaves by it, also when the leg was picked for its reach.
func TestALegsProxyGetsAllThatLeavesByIt(t *testing.T) {
	leavesNothing(t)
	caller, proxy := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	s := begin(t, `
  - {name: inside, listen: "udp:127.0.0.1:0", reach: ["`+caller.Addr().String()+`"]}
  - {name: outside, listen: "udp:127.0.0.1:0", reach: ["127.0.0.0/8"], proxy: "sip:`+proxy.Addr().String()+`"}
`)
	caller.Request("OPTIONS", "sip:bob@127.0.0.99:5099", ua.Options{Proxy: s.Addr("inside")})
	if m := proxy.Receive(); m.RequestURI() != "sip:bob@127.0.0.99:5099" {
		t.Fatalf("the proxy got\n%s", m.Raw)
	}
}

// The answer to a retransmission is the answer to the request (RFC 3261 §8.2.7).
func TestAnAnswerRepeatsItself(t *testing.T) {
	h := newHouse(t)
	raw := h.caller.Compose("INVITE", "sip:bob@example.com", ua.Options{MaxForwards: "0"}).Raw
	h.caller.Send(raw, h.Addr("inside"))
	first := h.caller.Receive().Raw
	h.caller.Send(raw, h.Addr("inside"))
	if again := h.caller.Receive().Raw; !bytes.Equal(again, first) {
		t.Errorf("answered first\n%s\nthen\n%s", first, again)
	}
}

// A response goes where its request came from, whatever the Via below ours says: else a stranger could have responses sent
// to a third party.
func TestAResponseDoesNotFollowMAddr(t *testing.T) {
	h := newHouse(t)
	third := ua.New(t, "127.0.0.3:0")
	raw := h.caller.Compose("OPTIONS", "sip:bob@example.com", ua.Options{}).Raw
	raw = bytes.Replace(raw, []byte(";branch="), []byte(";maddr=127.0.0.3;branch="), 1)
	h.caller.Send(raw, h.Addr("inside"))
	h.callee.Answer(h.callee.Receive(), 200, ua.Options{})
	if m := h.caller.Receive(); m.Status() != 200 {
		t.Fatalf("the caller got\n%s", m.Raw)
	}
	third.Quiet(1)
}

// Whoever holds a token can reach who is behind it, but not read who that is.
func TestATokenIsNotShownToItsHolder(t *testing.T) {
	h := newHouse(t)
	call := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	_ = call
	token := ua.URI(h.callee.Receive().List("Contact")[0])
	inside := "<sip:" + h.Addr("inside").String() + ";lr>"
	h.callee.Request("OPTIONS", token, ua.Options{
		Proxy: h.Addr("outside"), Headers: []string{"Route: <" + h.callee.URI() + ";lr>"},
	})
	if m := h.callee.Receive(); m.Status() != 480 {
		t.Fatalf("the request-URI was shown:\n%s", m.Raw)
	}
	h.callee.Request("OPTIONS", h.callee.URI(), ua.Options{
		Proxy: h.Addr("outside"), Contact: "<" + token + ">", Headers: []string{"Route: " + inside},
	})
	if m := h.callee.Receive(); m.Status() != 480 {
		t.Fatalf("the Contact was shown:\n%s", m.Raw)
	}
}
