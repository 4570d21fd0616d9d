package tests

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

const secret = "it is secret"

// users writes a file in which these have that password, and gives its name. realm is theirs.
func users(t testing.TB, realm string, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	var lines strings.Builder
	for _, name := range names {
		fmt.Fprintf(&lines, "%s:%s:plain:%s\n", name, realm, secret)
	}
	write(t, path, lines.String())
	return path
}

// demand is a proxy that registers users of example.com, who must know a password; more stands in its authorize, keys is its key
// file.
func demand(t testing.TB, usersKey, more, keys string) *system.System {
	t.Helper()
	if keys == "" {
		keys = filepath.Join(t.TempDir(), "keys.yaml")
	}
	if !strings.Contains(more, "realm:") {
		more += ", realm: example.com"
	}
	return launch(t, "  - {name: inside, listen: \"udp:127.0.0.1:0\", registrar: {domains: [example.com]}}\n",
		"trusted: [127.0.0.1]\nbans: {file: off}\nregistrar: {file: off}\nkeys: {file: "+strconv.Quote(keys)+"}\n"+
			"chain:\n  - authorize: {methods: [REGISTER], users: {"+usersKey+"}"+more+"}\n", options{})
}

// caught is a REGISTER with credentials for a challenge, each part of which a test may spoil.
type caught struct {
	phone     *ua.Phone
	challenge ua.Challenge
	login     ua.Login
	uri       string
	nc        uint32
	options   ua.Options
}

// ask has a proxy ask for a password.
func ask(t testing.TB, p *ua.Phone, s *system.System, user string) *caught {
	t.Helper()
	o := ua.Options{Proxy: s.Addr("inside"), To: "<sip:" + user + "@example.com>", From: "<sip:" + user + "@example.com>;tag=f", CSeq: 1, CallID: user}
	p.Request("REGISTER", "sip:example.com", o)
	m := p.Receive()
	c, ok := m.Challenge("SHA-256")
	if m.Status() != 401 || !ok {
		t.Fatalf("the REGISTER was answered\n%s", m.Raw)
	}
	return &caught{p, c, ua.Login{User: user, Password: secret}, "sip:example.com", 1, o}
}

// send sends it, with the next CSeq, and gives the answer.
func (c *caught) send() ua.Message {
	c.options.CSeq++
	o := c.options
	o.Headers = append([]string{c.challenge.Credentials(c.login, "REGISTER", c.uri, c.nc)}, o.Headers...)
	c.phone.Request("REGISTER", "sip:example.com", o)
	return c.phone.Receive()
}

func TestCredentialsThatAreNotForThisRequestLetNobodyIn(t *testing.T) {
	leavesNothing(t)
	names := []string{"alice", "bob"}
	file := "file: " + strconv.Quote(users(t, "example.com", names...))
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	s, short := demand(t, file, "", keys), demand(t, file, ", max_age: 1s", "")
	otherRealm := demand(t, "file: "+strconv.Quote(users(t, "example.net", names...)), ", realm: example.net", keys)
	otherKeys := demand(t, file, "", "")
	phone := ua.New(t, "127.0.0.1:0")
	const stale, asked, wrong = "stale=true", "401", "400"
	for _, c := range []struct {
		name string
		do   func(t *testing.T, c *caught) ua.Message
		want string
	}{
		{"a nonce that is too old", func(t *testing.T, c *caught) ua.Message {
			c = ask(t, c.phone, short, "alice")
			c.phone.Quiet(1200 * time.Millisecond)
			return c.send()
		}, stale},
		{"another request with a count that was used", func(t *testing.T, c *caught) ua.Message {
			if m := c.send(); m.Status() != 200 {
				t.Fatalf("the first was answered\n%s", m.Raw)
			}
			c.options.Headers = []string{"Expires: 0"}
			return c.send()
		}, stale},
		{"a nonce of another key file", func(t *testing.T, c *caught) ua.Message {
			c.challenge = ask(t, c.phone, otherKeys, "alice").challenge
			return c.send()
		}, stale},
		{"a nonce of another realm", func(t *testing.T, c *caught) ua.Message {
			c.challenge = ask(t, c.phone, otherRealm, "alice").challenge
			c.challenge.Params["realm"] = "example.com"
			return c.send()
		}, stale},
		{"credentials of another realm", func(t *testing.T, c *caught) ua.Message {
			c.challenge = ask(t, c.phone, otherRealm, "alice").challenge
			return c.send()
		}, asked},
		{"a nonce that was given to another address", func(t *testing.T, c *caught) ua.Message {
			c.challenge = ask(t, ua.New(t, "127.0.0.9:0"), s, "alice").challenge
			return c.send()
		}, stale},
		{"a nonce that was changed", func(_ *testing.T, c *caught) ua.Message {
			n := []byte(c.challenge.Params["nonce"])
			n[len(n)/2] ^= 1
			c.challenge.Params["nonce"] = string(n)
			return c.send()
		}, stale},
		{"a password that is wrong", func(_ *testing.T, c *caught) ua.Message {
			c.login.Password = "a guess"
			return c.send()
		}, asked},
		{"the name of another user", func(_ *testing.T, c *caught) ua.Message {
			line := c.challenge.Credentials(c.login, "REGISTER", c.uri, 1)
			return c.sendLine(strings.Replace(line, `username="alice"`, `username="bob"`, 1))
		}, asked},
		{"a count that was changed", func(_ *testing.T, c *caught) ua.Message {
			line := c.challenge.Credentials(c.login, "REGISTER", c.uri, 1)
			return c.sendLine(strings.Replace(line, "nc=00000001", "nc=00000002", 1))
		}, asked},
		{"a response that was changed", func(_ *testing.T, c *caught) ua.Message {
			line := c.challenge.Credentials(c.login, "REGISTER", c.uri, 1)
			i := strings.Index(line, `response="`) + len(`response="`)
			return c.sendLine(line[:i] + string(line[i]^1) + line[i+1:])
		}, asked},
		{"credentials for another method", func(_ *testing.T, c *caught) ua.Message {
			return c.sendLine(c.challenge.Credentials(c.login, "INVITE", c.uri, 1))
		}, asked},
		{"credentials for another request-URI", func(_ *testing.T, c *caught) ua.Message {
			c.uri = "sip:example.org"
			return c.send()
		}, wrong},
		{"a hash that was not offered", func(_ *testing.T, c *caught) ua.Message {
			c.challenge.Params["algorithm"] = "SHA-512-256"
			return c.send()
		}, asked},
		{"no quality of protection", func(_ *testing.T, c *caught) ua.Message {
			c.login.WithoutQop = true
			return c.send()
		}, asked},
		{"credentials without a nonce", func(_ *testing.T, c *caught) ua.Message {
			return c.sendLine(`Authorization: Digest username="alice", realm="example.com", uri="sip:example.com", response="` + strings.Repeat("0", 64) + `"`)
		}, wrong},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := phone.In(t)
			m := c.do(t, ask(t, p, s, "alice"))
			isStale := strings.Contains(m.First("WWW-Authenticate"), stale)
			if c.want == wrong && m.Status() != 400 || c.want != wrong && (m.Status() != 401 || isStale != (c.want == stale)) {
				t.Errorf("it was answered\n%s", m.Raw)
			}
		})
	}
	if c := ask(t, phone, s, "bob"); c.send().Status() != 200 {
		t.Error("the right credentials let nobody in either")
	}
}

// sendLine sends the REGISTER with that line as its credentials.
func (c *caught) sendLine(line string) ua.Message {
	c.options.CSeq++
	o := c.options
	o.Headers = []string{line}
	c.phone.Request("REGISTER", "sip:example.com", o)
	return c.phone.Receive()
}

// A retransmission is the same request, and not a replay: an answer that was lost is given again.
func TestARetransmissionIsNoReplay(t *testing.T) {
	leavesNothing(t)
	s := demand(t, "file: "+strconv.Quote(users(t, "example.com", "alice")), "", "")
	c := ask(t, ua.New(t, "127.0.0.1:0"), s, "alice")
	o := c.options
	o.CSeq, o.Headers = 2, []string{c.challenge.Credentials(c.login, "REGISTER", c.uri, 1)}
	sent := c.phone.Request("REGISTER", "sip:example.com", o)
	c.phone.Receive()
	c.phone.Send(sent.Raw, o.Proxy)
	if m := c.phone.Receive(); m.Status() != 200 {
		t.Errorf("the retransmission was answered\n%s", m.Raw)
	}
}

// Who asks for a user learns nothing of whether there is one: not before a password is tried, nor afterwards.
func TestAKnownUserIsAnsweredLikeAnUnknownOne(t *testing.T) {
	leavesNothing(t)
	s := demand(t, "file: "+strconv.Quote(users(t, "example.com", "alice")), "", "")
	phone := ua.New(t, "127.0.0.1:0")
	changing := regexp.MustCompile(`nonce="[^"]*"|;tag=[^f\r][^\r]*|branch=[^;\r]*`)
	answers := func(user string) (all [][]byte) {
		o := ua.Options{Proxy: s.Addr("inside"), From: "<sip:f@example.com>;tag=f", To: "<sip:" + user + "@example.com>", CallID: "c"}
		phone.Request("REGISTER", "sip:example.com", o)
		first := phone.Receive()
		all = append(all, first.Raw)
		for _, offered := range first.Challenges() {
			o.Headers = []string{offered.Credentials(ua.Login{User: user, Password: "a guess"}, "REGISTER", "sip:example.com", 1)}
			phone.Request("REGISTER", "sip:example.com", o)
			all = append(all, phone.Receive().Raw)
		}
		for i, a := range all {
			all[i] = bytes.ReplaceAll(changing.ReplaceAll(a, nil), []byte(user), []byte("USER"))
		}
		return all
	}
	known, unknown := answers("alice"), answers("nobody")
	if len(known) != 3 {
		t.Fatalf("%d answers, not one without credentials and one for each of two hashes", len(known))
	}
	for i := range known {
		if !bytes.Equal(known[i], unknown[i]) {
			t.Errorf("a known user is answered\n%s\nan unknown one\n%s", known[i], unknown[i])
		}
	}
}
