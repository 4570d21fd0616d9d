package sipwire

import (
	"bytes"
	"strings"
	"testing"
)

const sound = `OPTIONS sip:b@example.com SIP/2.0
Via: SIP/2.0/UDP 192.0.2.33;branch=z9hG4bK1
From: <sip:a@example.com>;tag=1
To: <sip:b@example.com>
Call-ID: c@192.0.2.33
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 4

body`

// with is the sound message with old replaced; old that is no part of it would test nothing.
func with(t *testing.T, old, new string) []byte {
	t.Helper()
	if !strings.Contains(sound, old) {
		t.Fatalf("%q is no part of the message", old)
	}
	return lines(strings.Replace(sound, old, new, 1))
}

func TestFaultsOfRequests(t *testing.T) {
	for _, c := range []struct {
		old, new string
		want     Fault
	}{
		{"", "", None},
		// start line
		{"OPTIONS sip:b@example.com SIP/2.0", "garbage", NotSIP},
		{"OPTIONS sip:b@example.com SIP/2.0", "", NotSIP},
		{"OPTIONS ", "OPT(ONS ", NotSIP},
		{"OPTIONS ", " OPTIONS ", NotSIP},
		{"SIP/2.0\n", "SIP/2.0 \n", BadRequestLine},
		{"SIP/2.0\n", "SIP/2.0\t\n", BadRequestLine},
		{"SIP/2.0\n", "HTTP/1.1\n", NotSIP},
		{"SIP/2.0\n", "SIP/7.0\n", BadVersion},
		{"SIP/2.0\n", "SIP/2.00\n", BadVersion},
		{"SIP/2.0\n", "SIP/2\n", NotSIP},
		{"SIP/2.0\n", "sIp/2.0\n", None},
		{"OPTIONS sip:b@example.com SIP/2.0", "OPTIONS SIP/2.0", BadRequestLine},
		{"OPTIONS sip:b@example.com SIP/2.0", "OPTIONS  SIP/2.0", BadRequestURI},
		{"OPTIONS sip:", "OPTIONS  sip:", BadRequestURI},
		{"OPTIONS sip:", "OPTIONS\tsip:", NotSIP},
		{".com SIP", ".com  SIP", BadRequestURI},
		{"sip:b@example.com SIP", "sip:b@example.com; lr SIP", BadRequestURI},
		{"sip:b@example.com SIP", "<sip:b@example.com> SIP", BadRequestURI},
		{"sip:b@example.com SIP", "sip:b@example.com?Route=x SIP", BadRequestURI},
		{"sip:b@example.com SIP", "sip: SIP", BadRequestURI},
		{"sip:b@example.com SIP", "b@example.com SIP", BadRequestURI},
		{"sip:b@example.com SIP", "tel:+1 SIP", UnknownScheme},
		{"OPTIONS sip:b@example.com SIP/2.0", "OPTIONS tel:+1 SIP/2.0\nRoute: <sip:a;lr>", None},
		{"sip:b@example.com SIP", "sip:b%00@example.com SIP", None},
		{"sip:b@example.com SIP", "sip:b\x00@example.com SIP", BadRequestURI},
		// header lines
		{"Max-Forwards: 70", "Max-Forwards 70", NoColon},
		{"Max-Forwards: 70", "X: y\n \nMax-Forwards: 70", None},
		{"Max-Forwards: 70", "X\n : y\nMax-Forwards: 70", BadHeaderName},
		{"Max-Forwards: 70", "X y: z", BadHeaderName},
		{"Max-Forwards: 70", ": z", BadHeaderName},
		{"Max-Forwards: 70", "X\x00: z", BadHeaderName},
		{"Max-Forwards: 70", "X:", None},
		{"Max-Forwards: 70", "X: \x00\xff", None},
		{"Max-Forwards: 70", "X: \r", BadLineEnd},
		{"Max-Forwards: 70", "X: a\rContact: <sip:b@192.0.2.9>", BadLineEnd},
		{"SIP/2.0\n", "SIP/2.0\n Subject: x\n", BadHeaderName},
		{"SIP/2.0\n", "SIP/2.0\n folded\n", NoColon},
		{"\n\nbody", "\nbody", Truncated},
		{"\n\nbody", "", Truncated},
		{"Max-Forwards: 70", strings.Repeat("X: y\n", MaxHeaders-7) + "X: y", None},
		{"Max-Forwards: 70", strings.Repeat("X: y\n", MaxHeaders) + "X: y", TooManyHeaders},
		// Via
		{"Via: SIP/2.0/UDP 192.0.2.33;branch=z9hG4bK1\n", "", NoVia},
		{"SIP/2.0/UDP 192.0.2.33;branch=z9hG4bK1", "", NoVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP", NoVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0 192.0.2.33", NoVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP[::1]", NoVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP [::1", NoVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP [192.0.2.33]", NoVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP 192.0.2.33:65536", NoVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP 192.0.2.33:50x", BadVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP 192.0.2.33 x", BadVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP 192.0.2.33;", BadVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP 192.0.2.33;=x", BadVia},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/2.0/UDP 192.0.2.33;x=\"", BadVia},
		{";branch=z9hG4bK1", "", None},
		{"SIP/2.0/UDP 192.0.2.33", "SIP/3.0/X-Odd 192.0.2.33", None},
		{"CSeq: ", "v: garbage below the top is its reader's to find\nCSeq: ", None},
		// From, To
		{"From: <sip:a@example.com>;tag=1\n", "", NoFrom},
		{"To: <sip:b@example.com>\n", "", NoTo},
		{"To: ", "t: <sip:c@example.com>\nTo: ", Duplicate},
		{"From: <sip:a@example.com>", "From: ", BadFrom},
		{"From: <sip:a@example.com>", "From: <>", BadFrom},
		{"From: <sip:a@example.com>", "From: \"a <sip:a@example.com>", BadFrom},
		{"From: <sip:a@example.com>", "From: <sip:a@example.com", BadFrom},
		{"From: <sip:a@example.com>", "From: sip:a@example.com>", BadFrom},
		{"From: <sip:a@example.com>", "From: a b <sip:a@example.com>", None},
		{"From: <sip:a@example.com>", "From: A, B <sip:a@example.com>", BadFrom},
		{"From: <sip:a@example.com>", "From: A sip:a@example.com", BadFrom},
		{"From: <sip:a@example.com>", "From: sip:a@example.com?x=y", None},
		{"From: <sip:a@example.com>", "From: http://example.com/", None},
		{"To: <sip:b@example.com>", "To: <sip:b@example.com>x", BadTo},
		{"To: <sip:b@example.com>", "To: <sip:b@example.com>, <sip:c@example.com>", BadTo},
		{"To: <sip:b@example.com>", "To: \"\\\"<,>;\" <sip:b@example.com> ;x=\"<,>\"", None},
		{"To: <sip:b@example.com>", "To: <not a URI at all>", None}, // no business of a proxy
		// Call-ID, CSeq, Max-Forwards
		{"Call-ID: c@192.0.2.33\n", "", NoCallID},
		{"c@192.0.2.33", "", BadCallID},
		{"c@192.0.2.33", "c d", BadCallID},
		{"c@192.0.2.33", "c\n d", BadCallID},
		{"c@192.0.2.33", "\n c<\">", None},
		{"Call-ID: ", "i: x\nCall-ID: ", Duplicate},
		{"CSeq: 1 OPTIONS\n", "", NoCSeq},
		{"CSeq: 1 OPTIONS", "CSeq: 1", BadCSeq},
		{"CSeq: 1 OPTIONS", "CSeq: OPTIONS", BadCSeq},
		{"CSeq: 1 OPTIONS", "CSeq: -1 OPTIONS", BadCSeq},
		{"CSeq: 1 OPTIONS", "CSeq: 2147483648 OPTIONS", BadCSeq},
		{"CSeq: 1 OPTIONS", "CSeq: 36893488147419103232 OPTIONS", BadCSeq},
		{"CSeq: 1 OPTIONS", "CSeq: 0002147483647\n\tOPTIONS", None},
		{"CSeq: 1 OPTIONS", "CSeq: 1 INVITE", CSeqMismatch},
		{"CSeq: 1 OPTIONS", "CSeq: 1 options", CSeqMismatch},
		{"CSeq: 1 OPTIONS", "CSeq: 1 OPTIONS x", BadCSeq},
		{"Max-Forwards: 70", "Max-Forwards: 70\nMax-Forwards: 70", Duplicate},
		{"Max-Forwards: 70", "Max-Forwards: ", BadMaxForwards},
		{"Max-Forwards: 70", "Max-Forwards: -1", BadMaxForwards},
		{"Max-Forwards: 70", "Max-Forwards: 7.0", BadMaxForwards},
		{"Max-Forwards: 70", "Max-Forwards: 99999999999", None},
		// Content-Length
		{"Content-Length: 4", "Content-Length: 5", ShortBody},
		{"Content-Length: 4", "Content-Length: 3", None},
		{"Content-Length: 4", "Content-Length: -4", BadLength},
		{"Content-Length: 4", "Content-Length: 0x4", BadLength},
		{"Content-Length: 4", "Content-Length: 99999999999999999999", BadLength},
		{"Content-Length: 4", "Content-Length: 4294967300", BadLength},
		{"Content-Length: 4", "Content-Length: 4, 4", BadLength},
		{"Content-Length: 4", "Content-Length:", BadLength},
		{"Content-Length: 4", "Content-Length: 4\nl: 4", BadLength},
		{"Content-Length: 4", "l : 004", None},
		// the first fault is the one that is answered; but nobody hears of any without a Via
		{"Max-Forwards: 70", "Max-Forwards: x\nCSeq: 2 OPTIONS", BadMaxForwards},
		{"SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.33", "SIP/9.9\nX: ", NoVia},
	} {
		if got := new(Message).Parse(with(t, c.old, c.new)); got != c.want {
			t.Errorf("%q for %q: %q, not %q", c.new, c.old, got, c.want)
		}
	}
}

func TestFaultsOfResponses(t *testing.T) {
	for line, want := range map[string]Fault{
		"SIP/2.0 200 OK":           None,
		"sip/2.0 200 OK":           None,
		"SIP/2.0 200":              None,
		"SIP/2.0 200 ":             None,
		"SIP/2.0 299 \x00\xff, \"": None,
		"SIP/2.0 699 x":            None,
		"SIP/2.0 99 x":             BadStatusLine,
		"SIP/2.0 099 x":            BadStatusLine,
		"SIP/2.0 700 x":            BadStatusLine,
		"SIP/2.0 2000":             BadStatusLine,
		"SIP/2.0 4294967301 x":     BadStatusLine,
		"SIP/2.0 2x0 OK":           BadStatusLine,
		"SIP/2.0  200 OK":          BadStatusLine,
		"SIP/2.0":                  BadStatusLine,
		"SIP/3.0 200 OK":           BadStatusLine,
	} {
		m := new(Message)
		if got := m.Parse(with(t, "OPTIONS sip:b@example.com SIP/2.0", line)); got != want {
			t.Errorf("%s: %q, not %q", line, got, want)
		}
		if want == None && (m.IsRequest() || m.Status() < 200) {
			t.Errorf("%s: request %v, status %d", line, m.IsRequest(), m.Status())
		}
	}
	ringing := with(t, "OPTIONS sip:b@example.com SIP/2.0", "SIP/2.0 180 Ringing")
	for old, new := range map[string]string{
		"Max-Forwards: 70": "Max-Forwards: x\r\nMax-Forwards: y", // nothing that a response is forwarded by
		"1 OPTIONS":        "1 WHATEVER",
	} {
		if got := (&Message{}).Parse(bytes.Replace(ringing, []byte(old), []byte(new), 1)); got != None {
			t.Errorf("%s: %q", new, got)
		}
	}
}

// TestEveryFaultHasItsWords keeps the table of faults whole.
func TestEveryFaultHasItsWords(t *testing.T) {
	for f := range Fault(Faults) {
		if f.String() == "" {
			t.Errorf("fault %d has no text", f)
		}
		if s := f.Status(); s != 0 && (s < 400 || s > 505) {
			t.Errorf("%q is answered with %d", f, s)
		}
	}
}
