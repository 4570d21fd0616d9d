package digest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

func TestWhoKnowsThePasswordGetsInWithEveryAlgorithm(t *testing.T) {
	for _, role := range []Role{Server, Proxy} {
		for a := range numAlgorithms {
			h := houseOf(t, func(cfg *Config) { cfg.Role = role })
			r := h.verify(register(h.challenge(a), 1))
			if r.Verdict != OK || string(r.User) != "alice" || r.Algorithm != a {
				t.Errorf("%s: %s, user %q with %s", a, r.Verdict, r.User, r.Algorithm)
			}
		}
	}
}

func TestWhoDoesNotKnowThePasswordStaysOut(t *testing.T) {
	h := houseOf(t, nil)
	for _, l := range []ua.Login{{User: "alice", Password: "guess"}, {User: "nobody", Password: "secret"}, {User: "Alice", Password: "secret"}} {
		line := h.challenge(SHA256).Credentials(l, "REGISTER", registrar, 1)
		if r := h.verify(request("REGISTER", registrar, 1, line)); r.Verdict != BadCredentials || string(r.User) != l.User {
			t.Errorf("%s: %s", line, r.Verdict)
		}
	}
	h.want(NoCredentials, request("REGISTER", registrar, 1))
	h.want(NoCredentials, request("REGISTER", registrar, 1, "Authorization: Basic YWxpY2U6c2VjcmV0"))
	c := h.challenge(MD5)
	c.Answer = "Proxy-Authorization"
	h.want(NoCredentials, register(c, 1))
}

func TestCredentialsAreForOneRequest(t *testing.T) {
	h := houseOf(t, nil)
	line := h.challenge(SHA256).Credentials(alice, "INVITE", bob, 1)
	h.want(WrongURI, request("INVITE", "sip:premium@example.com", 1, line))
	h.want(WrongURI, request("INVITE", "sip:bob@example.net", 1, line))
	h.want(BadCredentials, request("MESSAGE", bob, 1, line))
	h.want(BadCredentials, request("INVITE", bob+";user=phone", 1, edited(t, line, bob, bob+";user=phone")))
	h.want(OK, request("INVITE", bob+";transport=udp", 1, line))

	h = houseOf(t, func(cfg *Config) { cfg.URI = AnyURI })
	line = h.challenge(SHA256).Credentials(alice, "INVITE", "sip:192.0.2.1:5060", 1)
	h.want(OK, request("INVITE", bob, 1, line))
}

func TestAReplayIsRefusedAndARetransmissionIsNot(t *testing.T) {
	h := houseOf(t, nil)
	c := h.challenge(SHA256)
	first := request("INVITE", bob, 1, c.Credentials(alice, "INVITE", bob, 1))
	h.want(OK, first)
	h.want(OK, first)
	for _, change := range [][2]string{
		{"Call-ID: c1", "Call-ID: c2"},
		{"CSeq: 1 ", "CSeq: 2 "},
		{"branch=z9hG4bK1", "branch=z9hG4bK2"},
		{"From: <sip:alice@", "From: <sip:mallory@"},
		{"\r\n\r\n", "\r\nContact: <sip:mallory@192.0.2.66>\r\n\r\n"},
	} {
		h.want(Replayed, []byte(edited(t, string(first), change[0], change[1])))
	}
	second := request("INVITE", bob, 2, c.Credentials(alice, "INVITE", bob, 2))
	h.want(OK, second)
	h.want(OK, first) // sent again after the second one has overtaken it
	h.now = h.now.Add(h.v.cfg.MaxAge)
	h.want(OK, second)
	h.now = h.now.Add(time.Millisecond)
	h.want(Stale, second)
	h.want(Stale, first)
}

func TestOnlyOurOwnFreshNoncesAreGood(t *testing.T) {
	h := houseOf(t, nil)
	c := h.challenge(SHA256)
	nonce := c.Params["nonce"]
	with := func(nonce string) []byte {
		c.Params["nonce"] = nonce
		return register(c, 1)
	}
	for i := range nonce { // every character
		swap := byte('a')
		if nonce[i] == swap {
			swap = 'b'
		}
		if r := h.verify(with(nonce[:i] + string(swap) + nonce[i+1:])); r.Verdict != Foreign {
			t.Fatalf("tampered with at %d: %s", i, r.Verdict)
		}
	}
	for _, other := range []string{"", "1", nonce[1:], nonce + "a", "dcd98b7102dd2f0e8b11d0f600bfb0c093", strings.Repeat("a", nonceLen)} {
		h.want(Foreign, with(other))
	}
	for name, change := range map[string]func(*Config){
		"cluster": func(cfg *Config) { cfg.Keys = ringOf(t, "other") },
		"role":    func(cfg *Config) { cfg.Role = Proxy },
		"realm":   func(cfg *Config) { cfg.Realm = "example.net" },
	} {
		other := houseOf(t, change)
		if r := h.verify(with(other.challenge(SHA256).Params["nonce"])); r.Verdict != Foreign {
			t.Errorf("of another %s: %s", name, r.Verdict)
		}
	}
	h.want(OK, with(nonce))
}

func TestANonceOfAClockThatIsWrongIsStale(t *testing.T) {
	h := houseOf(t, nil)
	raw := register(h.challenge(MD5), 1)
	h.now = h.now.Add(-ahead)
	h.want(OK, raw)
	h.now = h.now.Add(-time.Millisecond)
	h.want(Stale, raw)
}

// Or what was captured before a restart could be used once more after it.
func TestARestartForgetsNoUse(t *testing.T) {
	h := houseOf(t, nil)
	raw := register(h.challenge(MD5), 1)
	h.want(OK, raw)
	h.restart()
	h.want(Stale, raw)
	h.now = h.now.Add(time.Millisecond)
	h.want(OK, register(h.challenge(MD5), 1))
}

func TestANodeKnowsTheNoncesOfAnother(t *testing.T) {
	h := houseOf(t, nil)
	other := &house{t: t, cfg: h.cfg, now: started}
	other.restart()
	other.now = h.now
	other.want(OK, register(h.challenge(SHA256), 1))
}

func TestOldKeysOpenNonces(t *testing.T) {
	path := stage.KeyFile(t, "lab")
	h := houseOf(t, func(cfg *Config) { cfg.Keys = keyring.NewRing(stage.ReadKeys(t, path)) })
	raw := register(h.challenge(MD5), 1)
	if _, err := keyring.Rotate(path, keyring.Dialog, 0, stage.KeysMade.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.cfg.Keys.Replace(stage.ReadKeys(t, path))
	if c := h.challenge(MD5); strings.HasPrefix(string(raw), c.Params["nonce"][:2]) {
		t.Error("the new key is not used")
	}
	h.want(OK, raw)
}

func TestOnlyWhatWasOfferedIsAccepted(t *testing.T) {
	h := houseOf(t, func(cfg *Config) { cfg.Algorithms = []Algorithm{SHA256} })
	line := h.challenge(SHA256).Credentials(alice, "REGISTER", registrar, 1)
	for _, change := range [][2]string{
		{"algorithm=SHA-256", "algorithm=MD5"},
		{", algorithm=SHA-256", ""}, // which means MD5
		{"algorithm=SHA-256", "algorithm=SHA-512-256"},
		{"algorithm=SHA-256", "algorithm=SHA-256-sess"},
		{"algorithm=SHA-256", `algorithm=""`},
		{"qop=auth", "qop=auth-int"},
		{"qop=auth,", ""},
		{"qop=auth", "qop=auth, userhash=true"},
	} {
		h.want(NotOffered, request("REGISTER", registrar, 1, edited(t, line, change[0], change[1])))
	}
	h.want(OK, request("REGISTER", registrar, 1, edited(t, line, "qop=auth", "qop=auth, userhash=false")))
}

func TestWhatCannotBeReadIsMalformed(t *testing.T) {
	h := houseOf(t, nil)
	line := h.challenge(MD5).Credentials(alice, "REGISTER", registrar, 1)
	for _, change := range [][2]string{
		{`username="alice", `, ""},
		{`username="alice"`, `username=""`},
		{`username="alice"`, `username="alice", username="bob"`},
		{`username="alice"`, `username="alice", username*=UTF-8''alice`},
		{`username="alice"`, `username*=alice`},
		{`username="alice"`, `username*=ISO-8859-1''alice`},
		{`username="alice"`, `username*=UTF-8''%zz`},
		{`username="alice"`, `username*=UTF-8''%0a`},
		{`username="alice"`, `username="` + strings.Repeat("a", 256) + `"`},
		{`username="alice"`, "username=\"al\x01ice\""},
		{`username="alice"`, `username="alice`},
		{`username="alice"`, `username="alice"x`},
		{`username="alice"`, `username`},
		{`username="alice"`, `="alice"`},
		{`uri="sip:example.com", `, ""},
		{`nonce="`, `nonsense="`},
		{`response="`, `respons="`},
		{`realm="example.com"`, `realm="example.com", realm="example.net"`},
		{"nc=00000001", "nc=00000000"},
		{"nc=00000001", "nc=000000001"},
		{"nc=00000001", "nc=x"},
		{"nc=00000001, ", ""},
		{"cnonce=", "snonce="},
		{`Digest `, `Digest x="` + strings.Repeat("x", maxCredentials) + `", `},
	} {
		h.want(Malformed, request("REGISTER", registrar, 1, edited(t, line, change[0], change[1])))
	}
}

func TestCredentialsAreReadAsPhonesWriteThem(t *testing.T) {
	h := houseOf(t, nil)
	for _, change := range [][2]string{
		{"Digest ", "digest\t "},
		{", ", ","},
		{", ", " ,\r\n\t"},
		{", ", ", , "},
		{"realm=", "REALM = "},
		{"algorithm=MD5", `algorithm="MD5"`},
		{"algorithm=MD5", "algorithm=md5"},
		{", algorithm=MD5", ""},
		{"qop=auth", `qop="auth"`},
		{"nc=00000001", `nc="00000001"`},
		{`Digest `, `Digest opaque="a, b=\"c\"", auth-param=x, `},
		{`username="alice"`, `username="al\ice"`},
		{`username="alice"`, `username=alice`},
		{`username="alice"`, `username*=utf-8'en'%61lice`},
		{"\r\n", ",\r\n"},
		{"Authorization:", "Authorization: Digest realm=\"other\"\r\nAuthorization: Basic x\r\nAuthorization: Digest =\r\nauthorization  : "},
	} {
		line := h.challenge(MD5).Credentials(alice, "REGISTER", registrar, 1)
		h.want(OK, request("REGISTER", registrar, 1, strings.TrimSuffix(edited(t, line+"\r\n", change[0], change[1]), "\r\n")))
	}
	line := h.challenge(MD5).Credentials(alice, "REGISTER", registrar, 1)
	i := strings.Index(line, `response="`) + len(`response="`)
	h.want(OK, request("REGISTER", registrar, 1, line[:i]+strings.ToUpper(line[i:])))

	line = h.challenge(MD5).Credentials(ua.Login{User: `a"b`, Password: "x"}, "REGISTER", registrar, 1)
	h.want(OK, request("REGISTER", registrar, 1, edited(t, line, `a"b`, `a\"b`)))
}

// RFC 7616 §3.4: a name that fits no quoted string.
func TestNamesBeyondASCII(t *testing.T) {
	h := houseOf(t, nil)
	l := ua.Login{User: "Jäsøn Doe", Password: "Secret, or not?"}
	line := h.challenge(SHA512_256).Credentials(l, "REGISTER", registrar, 1)
	h.want(OK, request("REGISTER", registrar, 1, edited(t, line, `username="Jäsøn Doe"`, `username*=UTF-8''J%C3%A4s%C3%B8n%20Doe`)))
	line = h.challenge(SHA512_256).Credentials(l, "REGISTER", registrar, 1)
	h.want(OK, request("REGISTER", registrar, 1, line))
}

// A phone older than RFC 2617 sends no nonce count: its nonce is good for one request.
func TestWithoutQopANonceIsGoodForOneRequest(t *testing.T) {
	old := alice
	old.WithoutQop = true
	h := houseOf(t, func(cfg *Config) { cfg.WithoutQop = true })
	c := h.challenge(MD5)
	line := c.Credentials(old, "INVITE", bob, 0)
	h.want(OK, request("INVITE", bob, 1, line))
	h.want(OK, request("INVITE", bob, 1, line))
	h.want(Replayed, request("INVITE", bob, 2, line))
	h.want(Replayed, request("INVITE", bob, 2, c.Credentials(alice, "INVITE", bob, 1)))

	h = houseOf(t, nil)
	h.want(NotOffered, request("INVITE", bob, 1, h.challenge(MD5).Credentials(old, "INVITE", bob, 0)))
}

// RFC 3261 §22.1.
func TestACKAndCANCELRepeatWhatTheirINVITEHad(t *testing.T) {
	h := houseOf(t, nil)
	line := h.challenge(SHA256).Credentials(alice, "INVITE", bob, 1)
	h.want(OK, request("INVITE", bob, 1, line))
	h.now = h.now.Add(time.Hour)
	h.want(OK, request("ACK", "sip:bob@192.0.2.7", 1, line))
	h.want(OK, request("CANCEL", bob, 1, line))
	h.want(OK, request("CANCEL", bob, 1, h.challenge(SHA256).Credentials(alice, "CANCEL", bob, 2)))
	h.want(WrongURI, request("CANCEL", "sip:eve@example.com", 1, line))
	h.want(BadCredentials, request("ACK", bob, 1, edited(t, line, "alice", "eve")))
	h.want(BadCredentials, request("CANCEL", bob, 1, h.challenge(SHA256).Credentials(alice, "BYE", bob, 1)))
	h.want(NoCredentials, request("ACK", bob, 1))
}

func TestCredentialsCanBeTakenOut(t *testing.T) {
	h := houseOf(t, nil)
	other := "Authorization: Digest realm=\"other, with\", nonce=\"x\""
	line := h.challenge(SHA256).Credentials(alice, "REGISTER", registrar, 1)
	m := parsed(t, request("REGISTER", registrar, 1, other, line))
	r := h.c.Verify(m, h.now)
	if r.Verdict != OK {
		t.Fatal(r.Verdict)
	}
	m.TakeCredentials(r.Field)
	if got, want := m.AppendTo(nil), request("REGISTER", registrar, 1, other); !bytes.Equal(got, want) {
		t.Errorf("left as\n%s", got)
	}
}

// A request-URI that a strict router replaced by our own, and that was put back, is the one that the phone meant.
func TestTheURIMayBeTheOneThatWasPutBack(t *testing.T) {
	h := houseOf(t, nil)
	m := parsed(t, request("INVITE", "sip:192.0.2.1;lr", 1, h.challenge(MD5).Credentials(alice, "INVITE", bob, 1)))
	m.SetRequestURI(append(m.Text(), bob...))
	if r := h.c.Verify(m, h.now); r.Verdict != OK {
		t.Error(r.Verdict)
	}
}

// counted counts the hashes that a request costs.
func (h *house) counted(raw []byte) (hashes int, v Verdict) {
	h.c.sum = func(a Algorithm, text []byte) HA1 { hashes++; return a.sum(text) }
	v = h.verify(raw).Verdict
	return hashes, v
}

func TestUnknownUsersTakeTheWayOfWrongPasswords(t *testing.T) {
	h := houseOf(t, nil)
	for a := range numAlgorithms {
		cost := map[string]int{}
		challenges := map[string]string{}
		for name, l := range map[string]ua.Login{
			"wrong password": {User: "alice", Password: "guess"}, "unknown user": {User: "alicf", Password: "guess"},
			"right password": alice,
		} {
			line := h.challenge(a).Credentials(l, "REGISTER", registrar, 1)
			hashes, verdict := h.counted(request("REGISTER", registrar, 1, line))
			cost[name] = hashes
			if (verdict == OK) != (name == "right password") || verdict != OK && verdict != BadCredentials {
				t.Errorf("%s, %s: %s", a, name, verdict)
			}
			text := string(h.c.AppendChallenge(nil, verdict, h.now))
			challenges[name] = strings.ReplaceAll(text, ua.ParseChallenge("", strings.SplitN(text, ": ", 2)[1]).Params["nonce"], "N")
		}
		if cost["wrong password"] != cost["unknown user"] || cost["unknown user"] != 2 {
			t.Errorf("%s: hashes made: %v", a, cost)
		}
		if challenges["wrong password"] != challenges["unknown user"] {
			t.Errorf("%s: the challenges differ: %v", a, challenges)
		}
	}
}

// Nobody is looked up for a nonce that is not good: guessing costs a challenge first.
func TestBadNoncesLookNobodyUp(t *testing.T) {
	h := houseOf(t, func(cfg *Config) { cfg.Users = nobodyAsks{t} })
	c := h.challenge(MD5)
	raw := register(c, 1)
	h.now = h.now.Add(time.Hour)
	h.want(Stale, raw)
	c.Params["nonce"] = "x"
	h.want(Foreign, register(c, 1))
	h.want(WrongURI, request("REGISTER", "sip:example.net", 1, h.challenge(MD5).Credentials(alice, "REGISTER", registrar, 1)))
}

type nobodyAsks struct{ t *testing.T }

func (n nobodyAsks) Lookup([]byte, string, Algorithm) (HA1, Found) {
	n.t.Error("somebody was looked up")
	return HA1{}, Absent
}
func (n nobodyAsks) Resolve(string, string, Algorithm, func()) error { return errKnown }

func TestAWornCheckerRemembersNothing(t *testing.T) {
	h := houseOf(t, nil)
	line := h.challenge(MD5).Credentials(alice, "REGISTER", registrar, 1)
	h.want(OK, request("REGISTER", registrar, 1, line))
	h.want(NoCredentials, request("REGISTER", registrar, 1))
	h.want(Malformed, request("REGISTER", registrar, 1, `Authorization: Digest realm="example.com"`))
	h.want(NoCredentials, request("REGISTER", registrar, 1, "Authorization:"))
}

func TestNothingPanicsOnResponses(t *testing.T) {
	h := houseOf(t, nil)
	m := new(sipwire.Message)
	m.Parse([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"))
	if r := h.c.Verify(m, h.now); r.Verdict != NoCredentials {
		t.Error(r.Verdict)
	}
}

// A nonce of one role is foreign to the other, though both share what they remember.
func TestTheRolesShareATableButNoNonce(t *testing.T) {
	h := houseOf(t, func(*Config) {})
	server, proxy := h.v.As(Server).Checker(), h.v.As(Proxy).Checker()
	n := server.appendNonce(nil, h.now)
	if _, ok := proxy.openNonce(n, h.now); ok {
		t.Error("the proxy took the registrar's nonce")
	}
	if _, ok := server.openNonce(n, h.now); !ok {
		t.Error("the registrar did not take its own nonce")
	}
	if s := h.v.As(Proxy).Status(); s != 407 {
		t.Errorf("the proxy asks with %d", s)
	}
}
