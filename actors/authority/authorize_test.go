package authority

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/limit"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/ua"
)

// RFC 3261 §22.2, §22.3: a registrar asks by 401, a proxy by 407, and each reads its own header.
func TestTheRoleSaysHowIsAsked(t *testing.T) {
	h := build(t, people{"alice": "secret"})
	for _, c := range []struct {
		method, uri    string
		asks           message.Reason
		header, answer string
	}{
		{"REGISTER", "sip:example.com", message.Unauthorized, "Authorization", "Proxy-Authorization"},
		{"INVITE", bob, message.ProxyUnauthorized, "Proxy-Authorization", "Authorization"},
		{"BYE", bob, message.ProxyUnauthorized, "Proxy-Authorization", "Authorization"},
	} {
		challenge := h.challenge(h.authority, request(c.method, c.uri), c.asks)
		if challenge.Answer != c.header || challenge.Params["realm"] != "example.com" {
			t.Errorf("%s: asked by %s", c.method, challenge.Value)
		}
		right := challenge.Credentials(alice, c.method, c.uri, 1)
		h.outcome(h.authority, request(c.method, c.uri, strings.Replace(right, c.header, c.answer, 1)), answers(c.asks))
		h.outcome(h.authority, request(c.method, c.uri, right), h.passes)
		h.outcome(h.authority, request(c.method, c.uri, right), h.passes) // a retransmission
		h.outcome(h.authority, request(c.method, c.uri, right, "Subject: another"), answers(c.asks))
	}
}

// RFC 3261 §22.3: they were for us. Those for others stay.
func TestCredentialsForUsAreTakenOff(t *testing.T) {
	h := build(t, people{"alice": "secret"})
	c := h.challenge(h.authority, request("INVITE", bob), message.ProxyUnauthorized)
	other := `Proxy-Authorization: Digest username="alice", realm="example.net", nonce="x", uri="sip:bob@example.com", response="00"`
	p := h.packet(request("INVITE", bob, other, c.Credentials(alice, "INVITE", bob, 1), "Authorization: Digest realm=x"))
	if o := h.authorize(p); o != h.passes(p) || p.User != "alice" {
		t.Fatalf("%s, of user %q", o, p.User)
	}
	out := string(p.AppendTo(nil))
	if strings.Count(out, "Proxy-Authorization:") != 1 || !strings.Contains(out, other) || !strings.Contains(out, "Authorization: Digest realm=x") {
		t.Errorf("it leaves as\n%s", out)
	}
}

// Each asks for its own realm, and takes what is its own.
func TestTwoAuthoritiesAskOneAfterTheOther(t *testing.T) {
	h := build(t, people{"alice": "secret"})
	second := h.asks(people{"al": "other"}, "example.net")
	first := h.challenge(h.authority, request("INVITE", bob), message.ProxyUnauthorized)
	next := h.challenge(second, request("INVITE", bob, first.Credentials(alice, "INVITE", bob, 1)), message.ProxyUnauthorized)
	for nc := uint32(2); nc < 4; nc++ {
		one, two := first.Credentials(alice, "INVITE", bob, nc), next.Credentials(ua.Login{User: "al", Password: "other"}, "INVITE", bob, nc)
		if nc == 3 {
			one, two = two, one
		}
		text := request("INVITE", bob, one, two)
		p := h.packet(text)
		for _, a := range []*authority{h.authority, second} {
			if o := a.authorize(p); o != h.passes(p) {
				t.Fatalf("%s for\n%s", o, text)
			}
		}
		if out := string(p.AppendTo(nil)); strings.Contains(out, "Authorization") || p.User != "al" {
			t.Errorf("it leaves, of %s, as\n%s", p.User, out)
		}
		p.Free()
	}
}

// Two of one realm, with filters of their own, may want the same credentials.
func TestTheSameCredentialsCanBeReadTwice(t *testing.T) {
	h := build(t, people{"alice": "secret"})
	c := h.challenge(h.authority, request("INVITE", bob), message.ProxyUnauthorized)
	p := h.packet(request("INVITE", bob, c.Credentials(alice, "INVITE", bob, 1), "Subject: x"))
	for range 2 {
		if o := h.authorize(p); o != h.passes(p) {
			t.Fatal(o)
		}
	}
	if out := string(p.AppendTo(nil)); out != strings.ReplaceAll(request("INVITE", bob, "Subject: x"), "\n", "\r\n") {
		t.Errorf("it leaves as\n%s", out)
	}
}

func TestWhoIsAskedIsConfigured(t *testing.T) {
	h := build(t, people{})
	for _, method := range []string{"INVITE", "REGISTER", "BYE", "MESSAGE", "ACK", "CANCEL"} {
		p := h.packet(request(method, bob))
		p.Ingress = h.legs[1]
		if h.Concerns(p) {
			t.Errorf("%s by a leg that is not asked", method)
		}
		p.Ingress = h.legs[0]
		if never := method == "ACK" || method == "CANCEL"; h.Concerns(p) == never { // RFC 3261 §22.1
			t.Errorf("%s is asked: %v", method, !never)
		}
		some := Config{Legs: h.Legs, Methods: []string{"INVITE", "ACK"}}
		if some.Concerns(p) != (method == "INVITE") {
			t.Errorf("%s is not asked as configured", method)
		}
		p.Free()
	}
}

// Wrong passwords and unknown users are answered alike, and who goes on is banned. His user is not: others could lock him out.
func TestWhoGuessesPasswordsIsBanned(t *testing.T) {
	bans := limit.Open(0, limit.Options{})
	h := build(t, people{"alice": "secret"}, func(c *Config) {
		c.Bans, c.Failed = bans, bans.Watch("test", limit.Offence{After: 3, Within: time.Hour, For: time.Hour}, 100)
	})
	c := h.challenge(h.authority, request("INVITE", bob), message.ProxyUnauthorized)
	from := h.packet(request("INVITE", bob)).Source.Addr()
	for nc, l := range []ua.Login{{User: "alice", Password: "guess"}, {User: "nobody", Password: "secret"}, {User: "alice", Password: "Secret"}} {
		if bans.HasSource(0, from) {
			t.Fatalf("banned after %d guesses", nc)
		}
		h.outcome(h.authority, request("INVITE", bob, c.Credentials(l, "INVITE", bob, uint32(nc+1))), answers(message.ProxyUnauthorized))
		for range 5 { // nobody is banned for a nonce that has grown old, or for a phone's mistakes
			h.outcome(h.authority, request("INVITE", bob, `Proxy-Authorization: Digest username="alice", realm="example.com", nonce="old", uri="`+bob+
				`", response="00", algorithm=MD5, qop=auth, nc=00000001, cnonce="x"`), answers(message.ProxyUnauthorized))
		}
	}
	if !bans.HasSource(0, from) || bans.HasUser(0, []byte("alice@example.com")) {
		t.Errorf("%+v is banned", bans.List(0))
	}
}

// What is looked at first: who does not know the password learns nothing of bans and filters.
func TestABannedUserIsRefusedWhoKnowsHisPassword(t *testing.T) {
	bans := limit.Open(0, limit.Options{})
	who, err := limit.ParseSubject("user:alice@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := bans.Add(0, who, "test", time.Hour); err != nil {
		t.Fatal(err)
	}
	h := build(t, people{"alice": "secret", "bob": "secret"}, func(c *Config) { c.Bans = bans })
	c := h.challenge(h.authority, request("INVITE", bob), message.ProxyUnauthorized)
	h.outcome(h.authority, request("INVITE", bob, c.Credentials(ua.Login{User: "alice", Password: "x"}, "INVITE", bob, 1)), answers(message.ProxyUnauthorized))
	h.outcome(h.authority, request("INVITE", bob, c.Credentials(alice, "INVITE", bob, 1)), answers(message.Forbidden))
	h.outcome(h.authority, request("INVITE", bob, c.Credentials(ua.Login{User: "bob", Password: "secret"}, "INVITE", bob, 2)), h.passes)
}

func TestCredentialsThatAreNoneAreRefused(t *testing.T) {
	h := build(t, people{"alice": "secret"})
	c := h.challenge(h.authority, request("INVITE", bob), message.ProxyUnauthorized)
	right := c.Credentials(alice, "INVITE", bob, 1)
	for name, edit := range map[string][2]string{
		"another URI":     {`uri="` + bob + `"`, `uri="sip:0900123@example.com"`},
		"no response":     {"response=", "respond="},
		"a broken quote":  {`username="alice"`, `username="alice`},
		"a broken number": {"nc=00000001", "nc=x"},
	} {
		text := request("INVITE", bob, strings.Replace(right, edit[0], edit[1], 1))
		if !strings.Contains(text, edit[1]) {
			t.Fatalf("%s: nothing to edit in %s", name, right)
		}
		h.outcome(h.authority, text, answers(message.WrongCredentials))
	}
	h.outcome(h.authority, request("INVITE", bob, right), h.passes)
}

// A user who is not known yet is asked for; the packet waits, and is told to the authority again. So it is when nobody answers.
func TestAPacketWaitsForWhoKnowsTheUser(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var q struct{ User, Realm string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.User == "broken" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		if q.User != "alice" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		ha1 := digest.SHA256.HA1Of("alice", q.Realm, "secret")
		_, _ = w.Write([]byte(`{"ha1": "` + hex.EncodeToString(ha1[:]) + `"}`))
	}))
	defer server.Close()
	users, err := digest.NewCallback(digest.CallbackConfig{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer users.Close()
	h := build(t, users, func(c *Config) { c.Waiting = 2 })
	c := h.challenge(h.authority, request("INVITE", bob), message.ProxyUnauthorized)
	nc := uint32(0)
	for _, x := range []struct {
		login ua.Login
		want  func(*message.Packet) message.Outcome
	}{
		{alice, h.passes},
		{ua.Login{User: "alice", Password: "guess"}, answers(message.ProxyUnauthorized)}, // remembered by now
		{ua.Login{User: "nobody", Password: "secret"}, answers(message.ProxyUnauthorized)},
		{ua.Login{User: "broken", Password: "secret"}, answers(message.UsersUnavailable)},
	} {
		nc++
		p := h.packet(request("INVITE", bob, c.Credentials(x.login, "INVITE", bob, nc)))
		o := h.authorize(p)
		if nc != 2 {
			if o != message.Await() {
				t.Fatalf("%s: %s", x.login.User, o)
			}
			p.Settle(nil, message.AtAuthorize, o)
			<-h.woken
			if back := h.inbox.Take(nil); len(back) != 1 || back[0] != p {
				t.Fatalf("%d packets came back", len(back))
			}
			at, again, ok := p.Returned()
			if !ok || at != message.AtAuthorize || again.String() != "pass to authority: Authorize" {
				t.Fatalf("%s comes back from %s", again, at)
			}
			o = h.authorize(p)
		}
		if want := x.want(p); o != want {
			t.Errorf("%s: %s, want %s", x.login.User, o, want)
		}
		p.Free()
	}
	if asked.Load() != 3 {
		t.Errorf("asked %d times", asked.Load())
	}
	users.Close()
	h.outcome(h.authority, request("INVITE", bob, c.Credentials(ua.Login{User: "late", Password: "x"}, "INVITE", bob, 9)), answers(message.UsersUnavailable))
}

// A service that hangs must not take all packets of the lane.
func TestOnlySoManyPacketsWaitForUsers(t *testing.T) {
	hangs := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs }))
	defer server.Close()
	defer close(hangs)
	users, err := digest.NewCallback(digest.CallbackConfig{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	h := build(t, users, func(c *Config) { c.Waiting = 2 })
	c := h.challenge(h.authority, request("INVITE", bob), message.ProxyUnauthorized)
	for i, want := range []message.Outcome{message.Await(), message.Await(), message.Answer(message.UsersUnavailable)} {
		p := h.packet(request("INVITE", bob, c.Credentials(ua.Login{User: string(rune('a' + i)), Password: "x"}, "INVITE", bob, 1)))
		o := h.authorize(p)
		if o != want {
			t.Fatalf("packet %d: %s, want %s", i, o, want)
		}
		if o == message.Await() {
			p.Settle(nil, message.AtAuthorize, o)
		}
	}
	users.Close() // as at the end of the process: they come back
	for n := 0; n < 2; {
		<-h.woken
		n += len(h.inbox.Take(nil))
	}
}
