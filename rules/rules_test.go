package rules

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/sipwire"
)

// request is one with these header lines in the place of the usual ones of that name.
func request(t testing.TB, line string, lines ...string) *sipwire.Message {
	t.Helper()
	method, _, _ := strings.Cut(line, " ")
	usual := []string{
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "Max-Forwards: 70", "From: <sip:alice@example.com>;tag=1", "To: <sip:bob@example.net>",
		"Call-ID: 1", "CSeq: 1 " + method,
	}
	for i, u := range usual {
		name, _, _ := strings.Cut(u, ":")
		for _, l := range lines {
			if strings.HasPrefix(l, name+":") {
				usual[i] = ""
			}
		}
	}
	text := line + " SIP/2.0\r\n"
	for _, l := range append(usual, lines...) {
		if l != "" {
			text += l + "\r\n"
		}
	}
	m := new(sipwire.Message)
	if f := m.Parse([]byte(text + "Content-Length: 0\r\n\r\n")); f != sipwire.None {
		t.Fatalf("%s: %v", text, f)
	}
	return m
}

func sources(t testing.TB, texts ...string) (all []Source) {
	t.Helper()
	for _, s := range texts {
		p, err := ParseSource(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func patterns(t testing.TB, texts ...string) (all []Pattern) {
	t.Helper()
	for _, s := range texts {
		p, err := ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func chain(t testing.TB, rules ...Rule) *Chain {
	t.Helper()
	return chainOf(t, Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Rules: rules}, nil)
}

func chainOf(t testing.TB, c Config, bans *limit.Bans) *Chain {
	t.Helper()
	if err := c.Validate([]string{"outside", "inside"}); err != nil {
		t.Fatal(err)
	}
	s, err := New(c, bans)
	if err != nil {
		t.Fatal(err)
	}
	return s.On("outside")
}

var (
	stranger = netip.MustParseAddr("192.0.2.1")
	friend   = netip.MustParseAddr("10.1.2.3")
)

func TestEachConditionHoldsForWhatItNames(t *testing.T) {
	re := regexp.MustCompile
	options := request(t, "OPTIONS sip:bob@example.net", "User-Agent: friendly-scanner 1.0", "s: one\r\n\t two", "Subject: three")
	invite := request(t, "INVITE sip:0900123@[2001:DB8::1]:5070", "From: \"A\" <sip:%41lice;x=y:secret@SIP.example.com.:5060;transport=tcp>;tag=1")
	again := request(t, "INVITE sip:bob@example.net", "To: <sip:bob@example.net>;tag=2")
	cancel, ack, tel := request(t, "CANCEL sip:bob@example.net"), request(t, "ACK sip:bob@example.net"), request(t, "INVITE tel:+49900;ext=1", "Route: <sip:a;lr>")
	for _, c := range []struct {
		name string
		rule Rule
		m    *sipwire.Message
		from netip.Addr
		want bool
	}{
		{"no condition", Rule{}, options, stranger, true},
		{"method", Rule{Methods: []string{"INVITE", "OPTIONS"}}, options, stranger, true},
		{"another method", Rule{Methods: []string{"INVITE"}}, options, stranger, false},
		{"method in small letters", Rule{Methods: []string{"options"}}, options, stranger, false},
		{"out of dialog", Rule{OutOfDialog: true}, invite, stranger, true},
		{"within a dialog", Rule{OutOfDialog: true}, again, stranger, false},
		{"CANCEL is of an INVITE", Rule{OutOfDialog: true}, cancel, stranger, false},
		{"ACK is of an INVITE", Rule{OutOfDialog: true}, ack, stranger, false},
		{"network", Rule{Sources: sources(t, "198.51.100.0/24", "192.0.2.0/24")}, options, stranger, true},
		{"another network", Rule{Sources: sources(t, "198.51.100.0/24", "2001:db8::/32")}, options, stranger, false},
		{"address", Rule{Sources: sources(t, "192.0.2.1")}, options, stranger, true},
		{"mapped address", Rule{Sources: sources(t, "::ffff:192.0.2.1")}, options, netip.MustParseAddr("::ffff:192.0.2.1"), true},
		{"trusted", Rule{Sources: sources(t, "trusted")}, options, friend, true},
		{"trusted, mapped", Rule{Sources: sources(t, "trusted")}, options, netip.MustParseAddr("::ffff:10.0.0.1"), true},
		{"not trusted", Rule{Sources: sources(t, "trusted")}, options, stranger, false},
		{"untrusted", Rule{Sources: sources(t, "untrusted")}, options, stranger, true},
		{"not untrusted", Rule{Sources: sources(t, "untrusted")}, options, friend, false},
		{"trusted or a network", Rule{Sources: sources(t, "trusted", "192.0.2.0/24")}, options, stranger, true},
		{"user agent", Rule{UserAgent: re(`(?i)FRIENDLY-|sipvicious`)}, options, stranger, true},
		{"another user agent", Rule{UserAgent: re(`^scanner`)}, options, stranger, false},
		{"no user agent", Rule{UserAgent: re(``)}, invite, stranger, false},
		{"header by its compact name", Rule{Headers: []Header{{"S", re(`^three$`), false}}}, options, stranger, true},
		{"folded header", Rule{Headers: []Header{{"subject", re(`^one two$`), false}}}, options, stranger, true},
		{"two headers", Rule{Headers: []Header{{"subject", re(`one`), false}, {"User-Agent", re(`1\.0`), false}}}, options, stranger, true},
		{"one of two headers", Rule{Headers: []Header{{"subject", re(`one`), false}, {"User-Agent", re(`2\.0`), false}}}, options, stranger, false},
		{"header that is not there", Rule{Headers: []Header{{"User-Agent", re(`.`), true}}}, invite, stranger, true},
		{"header that is there", Rule{Headers: []Header{{"User-Agent", re(`.`), true}}}, options, stranger, false},
		{"header without that", Rule{Headers: []Header{{"User-Agent", re(`Linphone`), true}}}, options, stranger, true},
		{"from", Rule{From: patterns(t, "alice@example.com")}, options, stranger, true},
		{"from another", Rule{From: patterns(t, "bob@example.com", "alice@example.org")}, options, stranger, false},
		{"from, escaped and with all that can be", Rule{From: patterns(t, "Alice@sip.Example.com")}, invite, stranger, true},
		{"from a domain", Rule{From: patterns(t, "example.com")}, options, stranger, true},
		{"from below a domain", Rule{From: patterns(t, "*.example.com")}, invite, stranger, true},
		{"a domain is not below itself", Rule{From: patterns(t, "*.example.com")}, options, stranger, false},
		{"no accident of a suffix", Rule{From: patterns(t, "*.ample.com", "ample.com")}, options, stranger, false},
		{"to", Rule{To: patterns(t, "b*b@*")}, options, stranger, true},
		{"request-URI", Rule{RequestURI: patterns(t, "0900*@*")}, invite, stranger, true},
		{"request-URI at an address", Rule{RequestURI: patterns(t, "*@[2001:db8:0::1]")}, invite, stranger, true},
		{"request-URI at another address", Rule{RequestURI: patterns(t, "[2001:db8::2]")}, invite, stranger, false},
		{"a number", Rule{RequestURI: patterns(t, "+49900@*")}, tel, stranger, true},
		{"a number has no domain", Rule{RequestURI: patterns(t, "+49900@example.com")}, tel, stranger, false},
		{"all at once", Rule{
			Methods: []string{"OPTIONS"}, OutOfDialog: true, Sources: sources(t, "untrusted"), UserAgent: re(`scanner`),
			From: patterns(t, "alice@*"), To: patterns(t, "*@example.net"), RequestURI: patterns(t, "*"),
		}, options, stranger, true},
	} {
		c.rule.Name, c.rule.Action = "the rule", Drop
		v := chain(t, c.rule).Judge(0, c.m, c.from)
		if got := v.Action == Drop; got != c.want || got != (v.Rule == "the rule") {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

func TestTheFirstRuleThatHoldsDecides(t *testing.T) {
	c := chain(
		t,
		Rule{Name: "elsewhere", Legs: []string{"inside"}, Action: Drop},
		Rule{Name: "friends", Sources: sources(t, "trusted"), Action: Pass},
		Rule{Name: "register", Methods: []string{"REGISTER"}, Action: Block, Answer: Answer{405, "No"}},
		Rule{Name: "options", Methods: []string{"OPTIONS"}, Action: Block, Answer: Answer{403, "Go Away"}},
		Rule{Name: "never", Methods: []string{"OPTIONS", "REGISTER"}, Action: Drop},
		Rule{Name: "ack", Methods: []string{"ACK"}, Action: Block, Answer: Answer{403, "Go Away"}},
	)
	for _, x := range []struct {
		line string
		from netip.Addr
		want string
	}{
		{"OPTIONS sip:b", friend, "1 friends 0 "},
		{"OPTIONS sip:b", stranger, "2 options 403 "},
		{"REGISTER sip:b", stranger, "2 register 405 Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, SUBSCRIBE, NOTIFY, PUBLISH, MESSAGE, REFER\r\n"},
		{"ACK sip:b", stranger, "3 ack 0 "},
		{"INVITE sip:b", stranger, "1  0 "},
	} {
		v := c.Judge(0, request(t, x.line), x.from)
		if got := fmt.Sprintf("%d %s %d %s", v.Action, v.Rule, v.Answer.Code, v.AppendExtra(nil)); got != x.want {
			t.Errorf("%s from %v: %s, want %s", x.line, x.from, got, x.want)
		}
	}
}

func TestALegWithoutRulesHasNoChain(t *testing.T) {
	s, err := New(Config{Rules: []Rule{{Name: "x", Legs: []string{"inside"}, Action: Drop}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.On("outside") != nil || s.On("inside") == nil {
		t.Error("the chain of the wrong leg")
	}
	if v := s.On("outside").Judge(0, request(t, "OPTIONS sip:b"), stranger); v.Action != Pass || v.Rule != "" {
		t.Errorf("%+v", v)
	}
}

func TestResponsesAreNotJudged(t *testing.T) {
	m := new(sipwire.Message)
	if f := m.Parse([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nFrom: sip:a;tag=1\r\nTo: sip:b;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n")); f != sipwire.None {
		t.Fatal(f)
	}
	if v := chain(t, Rule{Name: "x", Action: Drop}).Judge(0, m, stranger); v.Action != Pass {
		t.Errorf("%+v", v)
	}
}

func TestALimitRefusesWhatIsTooMuchAndPassesTheRest(t *testing.T) {
	rate := Limit{Rate: limit.Rate{Count: 2, Per: 10 * time.Second}, Buckets: 100}
	c := chain(
		t,
		Rule{Name: "limit", Methods: []string{"REGISTER"}, Action: Throttle, Limit: rate, Answer: Answer{503, "Slow Down"}},
		Rule{Name: "block", Methods: []string{"REGISTER"}, To: patterns(t, "mallory@*"), Action: Drop},
	)
	bob, mallory := request(t, "REGISTER sip:b"), request(t, "REGISTER sip:b", "To: sip:mallory@b")
	for n, want := range []string{"1  ", "3 block ", "2 limit Retry-After: 5\r\n", "2 limit Retry-After: 5\r\n"} {
		m := bob
		if n == 1 {
			m = mallory // the limit is not exceeded: the next rule is asked
		}
		v := c.Judge(time.Duration(n), m, stranger)
		if got := fmt.Sprintf("%d %s %s", v.Action, v.Rule, v.AppendExtra(nil)); got != want || v.Limited != (n > 1) {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if v := c.Judge(4, bob, friend); v.Action != Pass {
		t.Errorf("another source: %+v", v)
	}
	if v := c.Judge(5*time.Second+4, bob, stranger); v.Action != Pass {
		t.Errorf("five seconds later: %+v", v)
	}
}

func TestALimitOfUsersKnowsThemInEachSpelling(t *testing.T) {
	for by, header := range map[By]string{ByFrom: "From", ByTo: "To"} {
		c := chain(t, Rule{Name: "x", Action: Throttle, Limit: Limit{Rate: limit.Rate{Count: 1, Per: time.Hour}, By: by, Buckets: 100}})
		for uri, want := range map[string]Action{
			"sip:carol@example.com": Pass, "sip:dave@example.com": Pass, "sip:carol@example.org": Pass, "tel:+491": Pass, "sip:" + strings.Repeat("c", 300) + "@a": Pass,
		} {
			if v := c.Judge(0, request(t, "INVITE sip:b", header+": <"+uri+">;tag=1"), stranger); v.Action != want {
				t.Errorf("%s %s: %+v", header, uri, v)
			}
		}
		for _, uri := range []string{"sip:c%61rol@Example.com", "sips:carol:pw@example.com:5061;transport=tls", "sip:CAROL;x=y@example.com.", "tel:+491;ext=2"} {
			for n := range uint32(3) {
				var b [4]byte
				b[3] = byte(n)
				if v := c.Judge(0, request(t, "INVITE sip:b", header+": <"+uri+">;tag=1"), netip.AddrFrom4(b)); v.Action != Drop {
					t.Errorf("%s %s is another user", header, uri)
				}
			}
		}
	}
}

func TestWhoIsRefusedTooOftenIsBanned(t *testing.T) {
	bans := limit.Open(0, limit.Options{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	conf := Config{Rules: []Rule{{
		Name: "scanners", UserAgent: regexp.MustCompile("scanner"), Action: Drop, Ban: &limit.Offence{After: 3, Within: time.Minute, For: time.Hour},
	}}}
	c := chainOf(t, conf, bans)
	scan := request(t, "OPTIONS sip:b", "User-Agent: scanner")
	for n := range 3 {
		if bans.HasSource(0, stranger) {
			t.Fatalf("banned after %d", n)
		}
		if v := c.Judge(0, scan, stranger); v.Action != Drop || v.Banned != (n == 2) {
			t.Errorf("%d: %+v", n, v)
		}
		if v := c.Judge(0, scan, friend); v.Action != Drop || v.Banned {
			t.Errorf("a friend, %d: %+v", n, v)
		}
		c.Judge(0, request(t, "OPTIONS sip:b"), netip.MustParseAddr("192.0.2.9"))
	}
	if !bans.HasSource(0, stranger) || bans.HasSource(0, friend) || bans.Len() != 1 || bans.List(0)[0].Why != "scanners" {
		t.Errorf("%+v", bans.List(0))
	}
	if _, err := New(conf, nil); err != errNoBans {
		t.Error(err)
	}
}

// Who makes a header longer than is read, or hides it in folds, does not come by.
func TestALongHeaderEvadesNoRule(t *testing.T) {
	long := strings.Repeat("x", mostRead)
	folded := strings.Repeat("x\r\n ", mostRead/4)
	re := regexp.MustCompile("bad")
	for name, lines := range map[string][]string{
		"in one":    {"Subject: " + long + "bad"},
		"in many":   {"Subject: " + long[1:], "s: x", "Subject: bad"},
		"in folds":  {"Subject: " + folded + "bad"},
		"in quotes": {"Subject: \"" + long + "\" bad"},
	} {
		m := request(t, "OPTIONS sip:b", lines...)
		for _, not := range []bool{false, true} {
			condition := []Header{{"Subject", re, not}}
			if v := chain(t, Rule{Name: "x", Headers: condition, Action: Drop}).Judge(0, m, stranger); v.Action != Drop {
				t.Errorf("%s, not %v: it came by", name, not)
			}
			c := chain(t, Rule{Name: "x", Headers: condition, Action: Pass}, Rule{Name: "y", Action: Drop})
			if v := c.Judge(0, m, stranger); v.Action != Drop {
				t.Errorf("%s, not %v: it was let through", name, not)
			}
		}
	}
	m := request(t, "OPTIONS sip:b", "From: <sip:"+strings.Repeat("%61", 300)+"@b>;tag=1")
	if v := chain(t, Rule{Name: "x", From: patterns(t, "bob@b"), Action: Drop}).Judge(0, m, stranger); v.Action != Drop {
		t.Error("a long user came by")
	}
	if v := chain(t, Rule{Name: "x", From: patterns(t, "a*@b"), Action: Pass}, Rule{Name: "y", Action: Drop}).Judge(0, m, stranger); v.Action != Drop {
		t.Error("a long user was let through")
	}
}

func TestRulesAreCounted(t *testing.T) {
	s, err := New(Config{Rules: []Rule{
		{Name: "a", Action: Throttle, Limit: Limit{Rate: limit.Rate{Count: 1, Per: time.Hour}, Buckets: 10}},
		{Name: "b", Methods: []string{"INFO"}, Action: Drop},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := s.On("any")
	for range 3 {
		c.Judge(0, request(t, "INFO sip:b"), stranger)
	}
	if got := fmt.Sprint(s.Counts()); got != "[{a 3 2 0} {b 1 1 0}]" {
		t.Error(got)
	}
}

// A rule for the flood of a million sources: what is known of them stays within its bound, and who sends little is not
// concerned.
func TestAFloodIsLimitedAndOthersPass(t *testing.T) {
	bans := limit.Open(0, limit.Options{Max: 1000})
	c := chainOf(t, Config{Rules: []Rule{{
		Name: "flood", Action: Throttle, Limit: Limit{Rate: limit.Rate{Count: 10, Per: time.Second, Burst: 20}},
		Ban: &limit.Offence{After: 100, Within: time.Minute, For: time.Minute},
	}}}, bans)
	m := request(t, "OPTIONS sip:b")
	r := rand.New(rand.NewPCG(1, 2))
	passed, bannedAfter := 0, 0
	for n := range 1_000_000 {
		now := time.Duration(n) * 10 * time.Microsecond
		var b [4]byte
		x := r.Uint32() | 1<<31
		b[0], b[1], b[2], b[3] = byte(x>>24), byte(x>>16), byte(x>>8), byte(x)
		c.Judge(now, m, netip.AddrFrom4(b))
		if n%100 == 0 && !bans.HasSource(now, stranger) { // 1000 a second
			if c.Judge(now, m, stranger).Action == Pass {
				passed++
			}
			bannedAfter++
		}
		if n%200_000 == 0 && c.Judge(now, m, friend).Action != Pass {
			t.Error("who sends one each two seconds was refused")
		}
	}
	if passed > 25 || bannedAfter < 115 || bannedAfter > 125 {
		t.Errorf("%d passed, banned after %d", passed, bannedAfter)
	}
	if bans.Len() != 1 {
		t.Errorf("%d are banned", bans.Len())
	}
}

// What was found of a value is remembered: for each value what is true of it, also when several lanes ask at once.
func TestWhatARegularExpressionFoundIsNotMixedUp(t *testing.T) {
	c := chain(t, Rule{Name: "x", UserAgent: regexp.MustCompile(`[02468]$`), Action: Drop})
	var lanes sync.WaitGroup
	for range 2 {
		lanes.Go(func() {
			for round := range 3 {
				for n := range 1000 {
					want := Pass
					if n%2 == 0 {
						want = Drop
					}
					if v := c.Judge(0, request(t, "OPTIONS sip:b", fmt.Sprint("User-Agent: ", n)), stranger); v.Action != want {
						t.Errorf("round %d, %d: %+v", round, n, v)
					}
				}
			}
		})
	}
	lanes.Wait()
}
