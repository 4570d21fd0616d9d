package authority

import (
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/ua"
)

func TestAFilterHoldsUsersToWhoTheyAre(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to string
		user     string
		realm    bool // what each filter says
		is       bool
		self     bool
	}{
		{"alice herself", "sip:alice@example.com", "sip:alice@example.com", "alice", true, true, true},
		{"alice of a subdomain", "sip:alice@a.Example.com", "sip:alice@example.com", "alice", true, true, false},
		{"alice of another domain", "sip:alice@notexample.com", "sip:alice@notexample.com", "alice", false, true, true},
		{"alice of a domain with a dot only", "sip:alice@.example.com", "sip:alice@example.com", "alice", false, true, false},
		{"bob as alice", "sip:alice@example.com", "sip:alice@example.com", "bob", true, false, true},
		{"alice for bob", "sip:alice@example.com", "sip:bob@example.com", "alice", true, true, false},
		{"Alice", "sip:Alice@example.com", "sip:alice@example.com", "alice", true, false, false},
		{"alice, escaped", "sip:%61lice:x@EXAMPLE.com:5061", "sips:alice@example.com;user=phone", "alice", true, true, true},
		{"nobody", "sip:example.com", "sip:example.com", "alice", true, false, true},
		{"a telephone", "tel:+49", "tel:+49", "alice", false, false, false},
		{"a telephone for alice", "sip:alice@example.com", "tel:+49", "alice", true, true, false},
	} {
		for f, want := range map[Filter]bool{FromIsRealm: c.realm, FromIsUser: c.is, ToIsFrom: c.self} {
			h := build(t, people{c.user: "secret"}, func(cfg *Config) { cfg.Filters = []Filter{f} })
			lines := []string{"From: <" + c.from + ">;tag=1", "To: <" + c.to + ">"}
			challenge := h.challenge(h.authority, request("INVITE", bob, lines...), message.ProxyUnauthorized)
			credentials := challenge.Credentials(ua.Login{User: c.user, Password: "secret"}, "INVITE", bob, 1)
			outcome := answers(message.Forbidden)
			if want {
				outcome = h.passes
			}
			t.Run(c.name, func(t *testing.T) {
				h.outcome(h.authority, request("INVITE", bob, append(lines, credentials)...), outcome)
			})
		}
	}
}

func TestAllFiltersMustLetARequestBy(t *testing.T) {
	h := build(t, people{"alice": "secret"}, func(c *Config) { c.Filters = []Filter{FromIsRealm, FromIsUser, ToIsFrom} })
	for to, want := range map[string]func(*message.Packet) message.Outcome{"sip:alice@example.com": h.passes, bob: answers(message.Forbidden)} {
		lines := []string{"To: <" + to + ">"}
		c := h.challenge(h.authority, request("REGISTER", "sip:example.com", lines...), message.Unauthorized)
		h.outcome(h.authority, request("REGISTER", "sip:example.com", append(lines, c.Credentials(alice, "REGISTER", "sip:example.com", 1))...), want)
	}
}
