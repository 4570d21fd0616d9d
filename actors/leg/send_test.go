package leg

import (
	"slices"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
)

// A request leaves with a Via, the Record-Routes, a hop less, and its top Via stamped; all else as it came.
func TestARequestLeavesWithWhatTheNextHopNeeds(t *testing.T) {
	h := build(t)
	const odd = "Subject :  a\r\n folded  one\r\nv: SIP/2.0/UDP 10.9.9.9\r\nX-Odd:;;,\"\r\nm:<sip:alice@10.0.0.5>\r\nContent-Length: 4\r\n"
	in := "INVITE sip:bob@example.com SIP/2.0\r\nVia: " + via + "\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" +
		"Max-Forwards: 70\r\n" + odd + "\r\nbody and surplus"
	out := h.forwarded("inside", "outside", caller, in)
	want := "INVITE sip:bob@example.com SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 203.0.113.1:5060;branch=" + branchOf(t, out) + "\r\nVia: " + via + "\r\n" +
		"Record-Route: <sip:203.0.113.1:5060;rr;lr>\r\nRecord-Route: <sip:10.0.0.1:5060;rr;lr>\r\n" +
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" +
		"Max-Forwards: 69\r\n" + odd + "\r\nbody"
	if out != want {
		t.Errorf("it left as\n%s\nwant\n%s", out, want)
	}
}

func TestOnlyWhatCanOpenADialogIsRecorded(t *testing.T) {
	for method, recorded := range map[string]bool{
		"INVITE": true, "SUBSCRIBE": true, "REFER": true, "OPTIONS": true, "MESSAGE": true, "UPDATE": true,
		"REGISTER": false, "ACK": false, "CANCEL": false, "BYE": false,
	} {
		h := build(t)
		if got := stage.Headers(h.forwarded("inside", "outside", caller, request(method, bob, via)), "Record-Route"); (len(got) > 0) != recorded {
			t.Errorf("%s: recorded %q", method, got)
		}
	}
}

// RFC 5658 §4: the value of the leg by which the request leaves is on top, above those of others.
func TestRecordRoutesAreInOrder(t *testing.T) {
	h := build(t)
	others := "Record-Route: <sip:p.example.net;lr>, <sip:q.example.net;lr>"
	for _, c := range []struct {
		by, out string
		want    []string
	}{
		{"inside", "outside", []string{"<sip:203.0.113.1:5060;rr;lr>", "<sip:10.0.0.1:5060;rr;lr>"}},
		{"outside", "inside", []string{"<sip:10.0.0.1:5060;rr;lr>", "<sip:203.0.113.1:5060;rr;lr>"}},
		{"inside", "inside", []string{"<sip:10.0.0.1:5060;rr;lr>"}},
		{"six", "nat", []string{"<sip:sip.example.com:5060;rr;lr>", "<sip:[2001:db8::1]:5060;rr;lr>"}},
	} {
		got := stage.Headers(h.forwarded(c.by, c.out, caller, request("INVITE", bob, via, others)), "Record-Route")
		if want := append(c.want, "<sip:p.example.net;lr>, <sip:q.example.net;lr>"); !slices.Equal(got, want) {
			t.Errorf("from %s to %s: recorded %q, want %q", c.by, c.out, got, want)
		}
	}
}

func TestOurViaIsOnTop(t *testing.T) {
	h := build(t)
	for out, sentBy := range map[string]string{
		"inside": "10.0.0.1:5060", "outside": "203.0.113.1:5060", "six": "[2001:db8::1]:5060", "nat": "sip.example.com:5060",
	} {
		text := request("INVITE", bob, via+" , SIP/2.0/UDP 10.7.7.7;branch=z9hG4bKq")
		got := stage.Headers(h.forwarded("inside", out, caller, text), "Via")
		if len(got) != 2 || !strings.HasPrefix(got[0], "SIP/2.0/UDP "+sentBy+";branch=z9hG4bK") || got[1] != via+" , SIP/2.0/UDP 10.7.7.7;branch=z9hG4bKq" {
			t.Errorf("by %s: the Vias are %q", out, got)
		}
	}
}

// A response leaves with our Via gone, and nothing else changed.
func TestAResponseLeavesAsItCame(t *testing.T) {
	h := build(t)
	in := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via, "Route: <sip:p.example.net;lr>")))
	in = strings.Replace(in, "\r\n\r\n", "\r\nX :  y\r\nContent-Length: 3\r\n\r\nabc", 1)
	p := h.accepted("outside", nextHop, in)
	p.To = p.Reply.Addr
	out, to := h.sent("inside", p)
	if want := strings.Replace(in, "Via: "+stage.Headers(in, "Via")[0]+"\r\n", "", 1); out != want || to != caller {
		t.Errorf("it went to %s as\n%s\nwant\n%s", to, out, want)
	}
}

// RFC 3261 §21.5.7: a request that outgrows a datagram is answered. The answer must fit, however large the request is.
func TestARequestThatOutgrowsADatagramIsAnswered513(t *testing.T) {
	h := build(t)
	empty := request("MESSAGE", bob, via)
	limit := func(body int) (message.Outcome, *message.Packet) {
		p := h.accepted("inside", caller, empty+strings.Repeat("a", body))
		p.Egress, p.To = h.all.Named("outside"), nextHop
		o, done := h.rooms["outside"].send(p)
		if done {
			q := h.rooms["outside"].socket.out
			h.rooms["outside"].socket.out = q[:0]
			if len(p.Out) > maxDatagram {
				t.Fatalf("%d bytes would leave", len(p.Out))
			}
			o = message.Await() // stands for: sent
		}
		return o, p
	}
	if o, p := limit(64000); o != message.Await() {
		t.Fatalf("a message that fits: %q", o)
	} else {
		p.Free()
	}
	for body := 65000; body < 65535-len(empty)-10; body += 7 {
		o, p := limit(body)
		switch o {
		case message.Await():
			p.Free()
			continue
		case message.Answer(message.TooLarge):
		default:
			t.Fatalf("%d bytes: %q", body, o)
		}
		answer, to := h.answer("inside", p, message.TooLarge)
		if firstLine(answer) != "SIP/2.0 513 Message Too Large" || to != caller || len(answer) > 1000 {
			t.Fatalf("%d bytes are answered to %s with %d bytes\n%s", body, to, len(answer), answer[:min(len(answer), 300)])
		}
	}
}

// An answer that is itself too large, because all it repeats is, is given up: there is nobody to tell.
func TestAnAnswerThatOutgrowsADatagramIsDropped(t *testing.T) {
	h := build(t)
	text := request("INVITE", bob, via, "Proxy-Require: "+strings.Repeat("x,", 20000), "From: <sip:a@b>;tag="+strings.Repeat("t", 24000))
	p, o := h.received("inside", caller, text)
	if o != message.Answer(message.Unsupported) {
		t.Fatalf("the outcome is %q", o)
	}
	p.Status, p.Reason = 420, message.Unsupported
	if o, done := h.rooms["inside"].send(p); done || o != message.Drop(message.TooLarge) {
		t.Fatalf("sent: %v, the outcome is %q, %d bytes", done, o, len(p.Out))
	}
	p.Free()
}

// Our own answers have what RFC 3261 §8.2.6 asks for and nothing that the caller did not send.
func TestAnAnswerRepeatsTheRequest(t *testing.T) {
	h := build(t)
	text := request("INVITE", bob, "SIP/2.0/UDP pc:5070;rport;branch=z9hG4bKabc, SIP/2.0/TCP 10.7.7.7", "Max-Forwards: 0", "Subject: hello", "Record-Route: <sip:p;lr>",
		"From: \"A\" <sip:a@b>;tag=1;x=y", "To: <sip:b@b>;x=y")
	text = strings.Replace(text, "From:", "v: SIP/2.0/UDP 10.8.8.8\nf :", 1)
	answer, _ := h.answered("inside", caller, text+"body", message.TooManyHops)
	_, tag, _ := strings.Cut(answer, ";tag=e")
	tag = "e" + tag[:tagLen-1]
	want := "SIP/2.0 483 Too Many Hops\n" +
		"Via: SIP/2.0/UDP pc:5070;rport=5062;branch=z9hG4bKabc;received=10.0.0.5, SIP/2.0/TCP 10.7.7.7\nv: SIP/2.0/UDP 10.8.8.8\n" +
		"f : \"A\" <sip:a@b>;tag=1;x=y\nTo: <sip:b@b>;x=y;tag=" + tag + "\nCall-ID: call-1@10.0.0.5\nCSeq: 1 INVITE\nContent-Length: 0\n\n"
	if got := strings.ReplaceAll(answer, "\r\n", "\n"); got != want {
		t.Errorf("the answer is\n%s\nwant\n%s", got, want)
	}
}

// Which node is to have a call's media may change at any moment. What a request says of it must not: its response would go to one node, and
// the ACK with the answer to another.
func TestARequestNamesOneOwner(t *testing.T) {
	h := build(t)
	asked := uint16(0)
	l := h.rooms["outside"]
	l.Node, l.Relay = 9, func([]byte) uint16 { asked++; return asked }
	out := h.forwarded("inside", "outside", caller, request("INVITE", bob, via))
	if asked != 1 || strings.Count(out, ";n=1;rr;lr>") != 2 {
		t.Errorf("asked %d times for\n%s", asked, out)
	}
}
