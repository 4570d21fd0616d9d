package rules

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/limit"
)

// usual are rules as a proxy at the edge has them, without regular expressions.
func usual(t testing.TB) []Rule {
	return []Rule{
		{Name: "trusted", Sources: sources(t, "trusted"), Action: Pass},
		{Name: "subscribe", Methods: []string{"SUBSCRIBE", "PUBLISH"}, Action: Block, Answer: Answer{405, "No"}},
		{Name: "premium", Methods: []string{"INVITE"}, OutOfDialog: true, RequestURI: patterns(t, "0900*@*", "+49900*@*"), Action: Block, Answer: Answer{603, "No"}},
		{Name: "callers", OutOfDialog: true, Action: Throttle, Limit: Limit{Rate: limit.Rate{Count: 1_000_000, Per: time.Second}, By: ByFrom}},
		{Name: "sources", Action: Throttle, Limit: Limit{Rate: limit.Rate{Count: 1_000_000, Per: time.Second}}},
	}
}

func TestJudgingWithoutRegularExpressionsAllocatesNothing(t *testing.T) {
	c := chain(t, usual(t)...)
	m := request(t, "INVITE sip:bob@example.net", "User-Agent: Linphone")
	now := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += time.Second
		if v := c.Judge(now, m, stranger); v.Action != Pass {
			t.Fatalf("%+v", v)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkJudge(b *testing.B) {
	agent := func(value string, known bool) func(*testing.B) {
		return func(b *testing.B) {
			c := chain(b, Rule{Name: "scanners", UserAgent: regexp.MustCompile(`(?i)friendly-scanner|sipvicious|sipcli`), Action: Drop})
			m := request(b, "INVITE sip:bob@example.net", "User-Agent: "+value)
			b.ReportAllocs()
			for b.Loop() {
				if !known {
					clear(c.rules[0].headers[0].known.words[:])
				}
				c.Judge(0, m, stranger)
			}
		}
	}
	b.Run("five rules", func(b *testing.B) {
		c := chain(b, usual(b)...)
		m := request(b, "INVITE sip:bob@example.net", "User-Agent: Linphone")
		now := time.Duration(0)
		b.ReportAllocs()
		for b.Loop() {
			now += 1000
			c.Judge(now, m, stranger)
		}
	})
	b.Run("one limit", func(b *testing.B) {
		c := chain(b, usual(b)[4])
		m := request(b, "INVITE sip:bob@example.net")
		now := time.Duration(0)
		b.ReportAllocs()
		for b.Loop() {
			now += 1000
			c.Judge(now, m, stranger)
		}
	})
	b.Run("user agent", agent("Linphone/3.12.0 (belle-sip/1.6.3)", true))
	b.Run("user agent, never seen before", agent("Linphone/3.12.0 (belle-sip/1.6.3)", false))
	b.Run("longest user agent, never seen before", agent(strings.Repeat("friendly-scanne ", mostRead/16), false))
}
