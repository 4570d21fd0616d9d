package rules

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/limit"
)

func TestRulesThatCannotBeAreSaid(t *testing.T) {
	rate := Limit{Rate: limit.Rate{Count: 1, Per: time.Second}}
	for _, c := range []struct {
		rules []Rule
		want  string
	}{
		{[]Rule{{Action: Drop}}, "rule 1: it has no name"},
		{[]Rule{{Name: "a", Action: Drop}, {Name: "a", Action: Drop}}, "rule a: another rule has the same name"},
		{[]Rule{{Name: "a"}}, "rule a: it says nothing of what is to happen; write pass, block, drop or limit"},
		{[]Rule{{Name: "a", Action: Drop, Legs: []string{"outside", "nowhere"}}}, `rule a: there is no leg "nowhere"`},
		{[]Rule{{Name: "a", Action: Drop, Methods: []string{"IN VITE"}}}, `rule a: "IN VITE" is no method`},
		{[]Rule{{Name: "a", Action: Drop, Sources: []Source{{kind: untrusted}, {kind: trusted}}}}, "rule a: its source is trusted or untrusted, but no network is; name the trusted networks"},
		{[]Rule{{Name: "a", Action: Drop, Headers: []Header{{Name: "a:b"}}}}, "rule a: \"a:b\" is no name of a header\nrule a: a condition on a header has no regular expression"},
		{[]Rule{{Name: "a", Action: Block}}, "rule a: what it answers: a request is refused with a status of 400 to 699"},
		{[]Rule{{Name: "a", Action: Block, Answer: Answer{200, "OK"}}}, "rule a: what it answers: a request is refused with a status of 400 to 699"},
		{[]Rule{{Name: "a", Action: Block, Answer: Answer{407, "x"}}}, "rule a: what it answers: 401 and 407 ask for credentials, which a block does not; write 403"},
		{[]Rule{{Name: "a", Action: Block, Answer: Answer{403, "x\r\ny"}}}, "rule a: what it answers: the phrase is up to 100 characters without a line break"},
		{[]Rule{{Name: "a", Action: Drop, Answer: Answer{403, "x"}}}, "rule a: it has an answer, but its action answers nothing"},
		{[]Rule{{Name: "a", Action: Drop, Limit: rate}}, "rule a: it has a rate, but its action is not to limit"},
		{[]Rule{{Name: "a", Action: Throttle}}, "rule a: a rate of less than one is a block; write a whole number before the slash"},
		{[]Rule{{Name: "a", Action: Throttle, Limit: Limit{Rate: rate.Rate, Buckets: 1 << 30}}}, "rule a: a limit tells 1 to 16777216 sources or users apart"},
		{[]Rule{{Name: "a", Action: Throttle, Limit: rate, Answer: Answer{302, "x"}}}, "rule a: what it answers: a request is refused with a status of 400 to 699"},
		{[]Rule{{Name: "a", Action: Pass, Ban: &limit.Offence{}}}, "rule a: it passes and bans at once; nobody is banned for what passes"},
		{[]Rule{{Name: "a", Action: Drop, Ban: &limit.Offence{}}}, "rule a: a ban comes after 1 to 10000 offences"},
	} {
		if err := (Config{Rules: c.rules}).Validate([]string{"outside"}); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	good := Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Rules: []Rule{
		{Name: "a", Action: Throttle, Limit: rate, Answer: Answer{503, "x"}, Ban: &limit.Offence{After: 1, Within: time.Second, For: time.Minute}},
		{Name: "b", Action: Block, Answer: Answer{403, "x"}, Sources: []Source{{kind: untrusted}}, Headers: []Header{{"s", regexp.MustCompile("x"), true}}},
	}}
	if err := good.Validate(nil); err != nil {
		t.Error(err)
	}
}

func TestSourcesThatCannotBeAreSaid(t *testing.T) {
	for text, want := range map[string]string{
		"":               `"" is no source; write trusted, untrusted, 192.0.2.0/24 or 192.0.2.1`,
		"Trusted":        `"Trusted" is no source; write trusted, untrusted, 192.0.2.0/24 or 192.0.2.1`,
		"192.0.2.1/24":   `"192.0.2.1/24" has bits behind its length; write 192.0.2.0/24`,
		"::ffff:0:0/96":  `"::ffff:0:0/96" is an IPv4 network in IPv6; write the IPv4 network`,
		"2001:db8::1%lo": `"2001:db8::1%lo" is no source; write trusted, untrusted, 192.0.2.0/24 or 192.0.2.1`,
	} {
		if _, err := ParseSource(text); err == nil || err.Error() != want {
			t.Errorf("%s:\n%v\n%s", text, err, want)
		}
	}
	for _, text := range []string{"trusted", "untrusted", "192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "2001:db8::1", "0.0.0.0/0"} {
		if s, err := ParseSource(text); err != nil || s.String() != text {
			t.Errorf("%s is %v: %v", text, s, err)
		}
	}
}

func TestPatternsThatCannotBeAreSaid(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "there is no domain behind the @; write alice@* for any",
		"alice@":              "there is no domain behind the @; write alice@* for any",
		"@example.com":        "there is no user before the @; write *@example.com for any",
		"sip:a@example.com":   "write neither scheme nor port nor parameters",
		"a@example.com:5060":  "write neither scheme nor port nor parameters",
		"example.com;lr":      "write neither scheme nor port nor parameters",
		"a@b@c":               "write neither scheme nor port nor parameters",
		"a@sip.*.com":         "a * in a domain stands for its first part, as *.example.com, or alone",
		"*example.com":        "a * in a domain stands for its first part, as *.example.com, or alone",
		"a@<sip:example.com>": "write neither scheme nor port nor parameters",
	} {
		_, err := ParsePattern(text)
		if err == nil || !strings.HasSuffix(err.Error(), " is no user@domain: "+want) {
			t.Errorf("%s:\n%v\n%s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"Alice@Example.com.": "alice@example.com", "*": "*@*", "example.com": "*@example.com", "a*b*@*.example.com": "a*b*@*.example.com",
		"a@192.0.2.1": "a@192.0.2.1", "[2001:DB8::0]": "*@[2001:db8::]", "a@2001:db8::": "a@[2001:db8::]", "ÄB@a": "Äb@a",
	} {
		p, err := ParsePattern(text)
		if err != nil || p.String() != want {
			t.Errorf("%s is %v: %v", text, p, err)
		}
		if again, err := ParsePattern(p.String()); err != nil || again != p {
			t.Errorf("%s again is %v: %v", p, again, err)
		}
	}
}

func TestAnswersThatCannotBeAreSaid(t *testing.T) {
	for text, want := range map[string]string{
		"":         `"" is no status; write 403, or "403 Not from here"`,
		"Forbid":   `"Forbid" is no status; write 403, or "403 Not from here"`,
		"200":      `"200" cannot be answered: a request is refused with a status of 400 to 699`,
		"401":      `"401" cannot be answered: 401 and 407 ask for credentials, which a block does not; write 403`,
		"403 a\rb": `"403 a\rb" cannot be answered: the phrase is up to 100 characters without a line break`,
	} {
		if _, err := ParseAnswer(text); err == nil || err.Error() != want {
			t.Errorf("%s:\n%v\n%s", text, err, want)
		}
	}
	for text, want := range map[string]Answer{
		"403": {403, "Forbidden"}, "503 Go  away ": {503, "Go  away"}, "499": {499, "Refused"},
	} {
		if a, err := ParseAnswer(text); err != nil || a != want {
			t.Errorf("%s is %v: %v", text, a, err)
		}
	}
}
