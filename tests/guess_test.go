package tests

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

const guesses = 20 // wrong passwords that earn a ban

// banning is a configuration file for a proxy that bans who guesses passwords. Beside the legs of UDP there is one of TCP, whose
// address is given.
func banning(t testing.TB, names ...string) (path, tcp string) {
	t.Helper()
	tcp = "127.0.0.1:" + steadyPort(t, v4)
	return registering(t, fmt.Sprintf(`  - {name: stream, listen: "tcp:%s", registrar: {domains: [example.com]}}
chain:
  - authorize: {methods: [REGISTER], realm: example.com, users: {file: %q}, ban: {after: %d, within: 1m, for: 1h}}
`, tcp, users(t, "example.com", names...), guesses)), tcp
}

// enter registers as phones do, who send again what is not answered. ok is false when nothing is answered at all, or the password
// was not taken.
func enter(p *ua.Phone, o ua.Options, login ua.Login) (ok bool) {
	o.From, o.To = "<sip:"+login.User+"@example.com>;tag=f", "<sip:"+login.User+"@example.com>"
	for o.CSeq = 1; o.CSeq < 3; o.CSeq++ {
		m, came := again(p, p.Compose("REGISTER", "sip:example.com", o), o)
		switch {
		case !came || m.Status() != 401:
			return came && m.Status() == 200
		}
		o.CallID = m.First("Call-ID")
		c, _ := m.Challenge("SHA-256")
		o.Headers = []string{c.Credentials(login, "REGISTER", "sip:example.com", 1)}
	}
	return false
}

// again sends a request until it is answered, a few times.
func again(p *ua.Phone, request ua.Message, o ua.Options) (answer ua.Message, came bool) {
	const soon = 100 * time.Millisecond
	for range 8 {
		p.Send(request.Raw, o.Proxy)
		for answer, came = p.Next(soon); came; answer, came = p.Next(soon) {
			if answer.First("Call-ID") == request.First("Call-ID") && answer.CSeq() == request.CSeq() {
				return answer, true
			}
		}
	}
	return answer, false
}

// guess tries a wrong password for alice. It is false when nobody answers.
func guess(p *ua.Phone, o ua.Options, n int) bool {
	o.From, o.To = "<sip:alice@example.com>;tag=f", "<sip:alice@example.com>"
	m, came := again(p, p.Compose("REGISTER", "sip:example.com", o), o)
	if !came {
		return false
	}
	c, _ := m.Challenge("SHA-256")
	o.CallID, o.CSeq = m.First("Call-ID"), 2
	o.Headers = []string{c.Credentials(ua.Login{User: "alice", Password: fmt.Sprint("guess ", n)}, "REGISTER", "sip:example.com", 1)}
	m, came = again(p, p.Compose("REGISTER", "sip:example.com", o), o)
	return came && m.Status() == 401
}

// Somebody tries passwords. He is banned soon, by all transports, and still after a restart, until he is let go. All others register
// as ever, even the user whose password he wants.
func TestWhoGuessesPasswordsIsBannedAndNobodyElse(t *testing.T) {
	const by = "127.0.0.66"
	right := ua.Login{User: "alice", Password: secret}
	for _, c := range []struct {
		transport string
		robber    func(t *testing.T) *ua.Phone
	}{
		{"udp", func(t *testing.T) *ua.Phone { return ua.New(t, by+":0") }},
		{"tcp", func(t *testing.T) *ua.Phone { return ua.NewOver(t, "tcp", by+":0") }},
	} {
		t.Run(c.transport, func(t *testing.T) {
			path, tcp := banning(t, "alice", "bob")
			p := serve(t, path)
			udp := ua.Options{Proxy: p.inside}
			robber, o := c.robber(t), udp
			if c.transport == "tcp" {
				o.Proxy = netip.MustParseAddrPort(tcp)
			}
			alice, bob := ua.New(t, "127.0.0.5:0"), ua.New(t, "127.0.0.6:0")
			n := 0
			for ; guess(robber, o, n); n++ {
				if n == guesses {
					t.Fatalf("%d wrong passwords were answered", n)
				}
				if !enter(bob, udp, ua.Login{User: "bob", Password: secret}) {
					t.Fatalf("bob cannot register after %d guesses of somebody else", n)
				}
			}
			if n < guesses-1 {
				t.Errorf("he was banned after %d guesses", n)
			}
			if !enter(alice, udp, right) {
				t.Error("alice is locked out, whose password was guessed at")
			}
			if enter(robber, o, right) || enter(ua.New(t, by+":0"), udp, right) {
				t.Error("who is banned gets in with the right password")
			}

			p.kill(t)
			p = serve(t, path)
			if enter(ua.New(t, by+":0"), udp, right) || enter(ua.NewOver(t, "tcp", by+":0"), ua.Options{Proxy: netip.MustParseAddrPort(tcp)}, right) {
				t.Fatal("the ban did not survive the process")
			}
			list, code := actorsip(t, "bans", "list", "--config", path, "--admin", p.admin)
			if code != 0 || !strings.Contains(list, by) || strings.Contains(list, "127.0.0.5") {
				t.Errorf("bans list: %d %s", code, list)
			}
			if out, code := actorsip(t, "bans", "delete", by, "--config", path, "--admin", p.admin); code != 0 {
				t.Fatalf("bans delete: %d %s", code, out)
			}
			if !enter(c.robber(t), o, right) {
				t.Error("he is still banned after he was let go")
			}
		})
	}
}
