package rules

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/sipwire"
)

// FuzzJudge asks each kind of rule about any message: it decides, the same way each time, and changes nothing.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{
		"OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:%61:b@c;d>;tag=1\r\nTo: tel:+1;x\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nUser-Agent: x\r\n y\r\ns:\r\n\r\n",
		"INVITE sip:0900@[::1]:1 SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nf: \"a\" <sips:%@b.>\r\nt: sip:a@b;tag=2\r\ni: 1\r\nCSeq: 1 INVITE\r\n\r\n",
		"ACK urn:x SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <>\r\nTo: <\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "", "A B SIP/2.0\r\n\r\n",
	} {
		f.Add([]byte(s), []byte{192, 0, 2, 1})
	}
	re := regexp.MustCompile(`(x+y?)*z|^\s*$`)
	trust := []netip.Prefix{netip.MustParsePrefix("128.0.0.0/1")}
	conf := Config{Trusted: trust, Rules: []Rule{
		{Name: "friends", Sources: sources(f, "trusted"), Headers: []Header{{"Subject", re, false}}, Action: Pass},
		{Name: "agent", UserAgent: re, Headers: []Header{{"x", re, true}}, Action: Block, Answer: Answer{405, "No"}},
		{Name: "from", From: patterns(f, "a*b*c@*.d", "x@[::1]"), OutOfDialog: true, Action: Block, Answer: Answer{403, "No"}},
		{Name: "to", To: patterns(f, "*1*@*"), Methods: []string{"INVITE", "ACK"}, Action: Block, Answer: Answer{603, "No"}},
		{Name: "uri", RequestURI: patterns(f, "0900*@*"), Sources: sources(f, "untrusted", "0.0.0.0/0"), Action: Drop},
		{Name: "users", Action: Throttle, Limit: Limit{Rate: limit.Rate{Count: 1_000_000, Per: time.Second}, By: ByFrom, Buckets: 10}},
		{Name: "callees", Action: Throttle, Limit: Limit{Rate: limit.Rate{Count: 1_000_000, Per: time.Second}, By: ByRequestURI, Buckets: 10}},
	}}
	c := chainOf(f, conf, nil)
	now := time.Duration(0)
	f.Fuzz(func(t *testing.T, raw, addr []byte) {
		from, _ := netip.AddrFromSlice(addr)
		received := bytes.Clone(raw)
		m := new(sipwire.Message)
		m.Parse(raw)
		v := c.Judge(now, m, from)
		now += time.Second // all buckets are full again
		again := c.Judge(now, m, from)
		now += time.Second
		if again != v {
			t.Errorf("%+v, then %+v", v, again)
		}
		switch {
		case v.Action == Block:
			if v.Answer.Code < 400 || v.Rule == "" || m.Is("ACK") || !m.IsRequest() {
				t.Errorf("%+v", v)
			}
			if extra := v.AppendExtra(nil); len(extra) > 0 && !bytes.HasSuffix(extra, []byte("\r\n")) {
				t.Errorf("extra %q", extra)
			}
		case v.Action != Pass && v.Action != Drop, v.Action == Drop && v.Rule == "", v.Limited:
			t.Errorf("%+v", v)
		}
		if !bytes.Equal(raw, received) {
			t.Error("the message was written to")
		}
	})
}

// FuzzGlob holds a pattern with stars against the regular expression that means the same.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{{"a*b*c", "aXbYbZc"}, {"*", ""}, {"", ""}, {"**a", "a"}, {"a*", "ba"}, {"*ab*ab", "abab"}, {"*aab", "aaab"}} {
		f.Add(s[0], s[1])
	}
	f.Add("\xaa", "0")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			return // a regular expression reads characters, a glob bytes
		}
		want := regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + `$`)
		if got := glob(pattern, []byte(text)); got != want.MatchString(text) {
			t.Errorf("%q of %q: %v", pattern, text, got)
		}
	})
}
