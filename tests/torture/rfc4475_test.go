package torture

import (
	"path/filepath"
	"testing"
)

// requests4475 are the 44 requests of RFC 4475. Where the RFC leaves a choice the row has the whole set, and no more.
var requests4475 = []row{
	{"wsinv", "3.1.1.1", forwarded(), "all elements treat it as well-formed; unknown headers pass unchanged"},
	{"intmeth", "3.1.1.2", forwarded(), "every character is legal; a proxy that knows the URI forwards it"},
	{"esc01", "3.1.1.3", forwarded(), "escapes in a URI stay: they are compared, never rewritten"},
	{"escnull", "3.1.1.4", forwarded(), "%00 is a legal escape"},
	{"esc02", "3.1.1.5", forwarded(), "% does not escape in methods and header names: an unknown method passes"},
	{"lwsdisp", "3.1.1.6", forwarded(), "a missing blank before < is a fault of the grammar: well-formed"},
	{"longreq", "3.1.1.7", forwarded(), "long values and 34 Vias are well-formed"},
	{"dblreq", "3.1.1.8", forwarded(), "what follows the body is noise and does not appear in what is forwarded"},
	{"semiuri", "3.1.1.9", forwarded(), "a semicolon in the user part begins no parameter"},
	{"transports", "3.1.1.10", forwarded(), "transports of older Vias are none of the proxy's business"},
	{"mpart01", "3.1.1.11", demand{
		forward: true,
		start:   "MESSAGE sip:" + strictHop + " SIP/2.0",
		routes:  []string{"<sip:kumiko@example.org>"},
	}, "a binary body passes untouched; the Route has no lr: RFC 3261 §16.6 step 6"},
	{"badinv01", "3.1.2.1", answered(400), "empty parameters in Via and Contact"},
	{"clerr", "3.1.2.2", answered(400), "a datagram shorter than its Content-Length (RFC 3261 §18.3)"},
	{"ncl", "3.1.2.3", answered(400), "a negative Content-Length"},
	{"scalar02", "3.1.2.4", answered(400), "a CSeq number of 2**65"},
	{"quotbal", "3.1.2.6", answered(400), "a quote is never closed; to guess where is not a proxy's to do"},
	{
		"ltgtruri", "3.1.2.7", cleaned("INVITE sip:user@example.com SIP/2.0", 400),
		"angle brackets around the request-URI must not be forwarded",
	},
	{"lwsruri", "3.1.2.8", answered(400), "a blank within the request-URI"},
	{
		"lwsstart", "3.1.2.9", cleaned("INVITE sip:user@example.com SIP/2.0", 400),
		"surplus blanks in the start line must not be forwarded",
	},
	{
		"trws", "3.1.2.10", cleaned("OPTIONS sip:remote-target@example.com SIP/2.0", 400),
		"surplus blanks at the end of the start line must not be forwarded",
	},
	{
		"escruri", "3.1.2.11", cleaned("INVITE sip:user@example.com SIP/2.0", 400),
		"headers within the request-URI must not be forwarded, let alone obeyed",
	},
	{"baddate", "3.1.2.12", forwarded(), "an element that does not use the Date should not refuse it"},
	{"regbadct", "3.1.2.13", forwarded().or(400), "a Contact that needs angle brackets and has none: 400 is reasonable"},
	{"badaspec", "3.1.2.14", forwarded().or(400), "blanks within the URI of To: 400 is reasonable"},
	{
		"baddn", "3.1.2.15", answered(400),
		"a bare comma in a display name: a proxy must not hand the fault on, nor may it rewrite From (RFC 3261 §16.6)",
	},
	{"badvers", "3.1.2.16", answered(505), "SIP/7.0"},
	{"mismatch01", "3.1.2.17", answered(400), "the method of CSeq is another one"},
	{"mismatch02", "3.1.2.18", answered(501, 400), "the method of CSeq is another one than the unknown method"},
	{"badbranch", "3.2.1", forwarded().or(400), "a branch of nothing but the magic cookie: refuse, or fall back to RFC 2543"},
	{"insuf", "3.3.1", answered(400), "no Call-ID, From or To"},
	{"unkscm", "3.3.2", answered(416), "an unknown scheme; To is not where a request is routed to"},
	{"novelsc", "3.3.3", answered(416), "soap.beep is never meaningful to this proxy"},
	{"unksm2", "3.3.4", forwarded(), "schemes of To, From, Contact do not concern a proxy"},
	{"bext01", "3.3.5", demand{
		codes:  []int{420},
		absent: []string{"noProxiesSupportThis", "norDoAnyProxiesSupportThis"},
	}, "Proxy-Require names what no proxy supports; Require is not for proxies"},
	{"invut", "3.3.6", forwarded(), "a body of unknown type is the endpoint's to judge"},
	{"regaut01", "3.3.7", forwarded(), "an unknown Authorization scheme is the registrar's to judge"},
	{"multi01", "3.3.8", answered(400), "Call-ID, From, To and CSeq twice"},
	{"mcl01", "3.3.9", answered(400), "two Content-Lengths that differ"},
	{"zeromf", "3.3.11", answered(483), "Max-Forwards is spent (RFC 3261 §16.3 step 3)"},
	{"cparam01", "3.3.12", forwarded(), "parameters of a Contact are the registrar's"},
	{"cparam02", "3.3.13", forwarded(), "parameters of a Contact's URI are the registrar's"},
	{"regescrt", "3.3.14", forwarded(), "an escaped header in a Contact's URI is legal"},
	{"sdp01", "3.3.15", forwarded(), "Accept is between the endpoints"},
	{"inv2543", "3.4.1", forwarded(), "no branch, tag, Max-Forwards, Content-Length: legal before RFC 3261, and accepted since"},
}

// responses4475 are its 5 responses. The demand is for one whose top Via the proxy made; as they are in the files their
// Vias are not ours, and RFC 3261 §16.11 has each dropped.
var responses4475 = []row{
	{"unreason", "3.1.1.12", forwarded(), "the reason phrase may be any UTF-8"},
	{"noreason", "3.1.1.13", forwarded(), "the reason phrase may be empty"},
	{"scalarlg", "3.1.2.5", dropped(), "a CSeq number that is none"},
	{"bigcode", "3.1.2.19", dropped(), "a status code above 699"},
	{"bcast", "3.3.10", dropped(), "the next Via is the broadcast address"},
}

func TestRFC4475(t *testing.T) {
	dir := folder(t, "rfc4475")
	complete(t, append(append([]row(nil), requests4475...), responses4475...), dir)
	b, judged := start(t), 0
	for _, r := range requests4475 {
		t.Run(r.file, func(t *testing.T) {
			judged++
			b.in(t).judgeRequest(t, r, load(t, filepath.Join(dir, r.file+".dat")))
		})
	}
	for _, r := range responses4475 {
		t.Run(r.file, func(t *testing.T) {
			judged++
			b.in(t).judgeResponse(t, r, load(t, filepath.Join(dir, r.file+".dat")))
		})
	}
	if judged != 49 {
		t.Errorf("%d of 49 messages judged", judged)
	}
}
