package digest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

var started = stage.KeysMade.Add(100 * 24 * time.Hour)

// people are Users that are at hand.
type people map[string]string

func (p people) Lookup(user []byte, realm string, a Algorithm) (HA1, Found) {
	password, ok := p[string(user)]
	if !ok {
		return HA1{}, Absent
	}
	return a.HA1Of(string(user), realm, password), Present
}

func (p people) Resolve(string, string, Algorithm, func()) error { return errKnown }

func ringOf(t testing.TB, cluster string) *keyring.Ring {
	return keyring.NewRing(stage.ReadKeys(t, stage.KeyFile(t, cluster)))
}

// house is a verifier with a phone before it, and a clock.
type house struct {
	t   testing.TB
	cfg Config
	v   *Verifier
	c   *Checker
	now time.Time
}

func houseOf(t testing.TB, change func(*Config)) *house {
	t.Helper()
	cfg := Config{
		Keys: ringOf(t, "lab"), Users: people{"alice": "secret", "Jäsøn Doe": "Secret, or not?", `a"b`: "x"}, Realm: "example.com",
		Algorithms: []Algorithm{SHA512_256, SHA256, MD5},
	}
	if change != nil {
		change(&cfg)
	}
	h := &house{t: t, cfg: cfg, now: started}
	h.restart()
	h.now = h.now.Add(time.Second)
	return h
}

// restart forgets all that was not in the keys.
func (h *house) restart() {
	h.t.Helper()
	v, err := New(h.cfg, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	h.v, h.c = v, v.Checker()
}

func (h *house) challenge(a Algorithm) ua.Challenge {
	h.t.Helper()
	text := "SIP/2.0 401 Unauthorized\r\n" + string(h.c.AppendChallenge(nil, NoCredentials, h.now)) + "\r\n"
	m, err := ua.Parse([]byte(text))
	if err != nil {
		h.t.Fatal(err)
	}
	c, ok := m.Challenge(a.String())
	if !ok {
		h.t.Fatalf("no challenge with %s in\n%s", a, text)
	}
	return c
}

var alice = ua.Login{User: "alice", Password: "secret"}

// request is a request with further header lines.
func request(method, uri string, cseq int, headers ...string) []byte {
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d%[1]s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: c1\r\nCSeq: %[3]d %[1]s\r\n%[4]s\r\n",
		method, uri, cseq, lines(headers))
}

func lines(headers []string) string {
	text := ""
	for _, h := range headers {
		text += h + "\r\n"
	}
	return text
}

func parsed(t testing.TB, raw []byte) *sipwire.Message {
	t.Helper()
	m := new(sipwire.Message)
	if fault := m.Parse(raw); fault != sipwire.None {
		t.Fatalf("%v:\n%s", fault, raw)
	}
	return m
}

func (h *house) verify(raw []byte) Result {
	h.t.Helper()
	return h.c.Verify(parsed(h.t, raw), h.now)
}

func (h *house) want(verdict Verdict, raw []byte) {
	h.t.Helper()
	if r := h.verify(raw); r.Verdict != verdict {
		h.t.Errorf("%s, want %s, for\n%s", r.Verdict, verdict, raw)
	}
}

const registrar, bob = "sip:example.com", "sip:bob@example.com"

// register is a REGISTER of alice that answers c.
func register(c ua.Challenge, nc uint32) []byte {
	return request("REGISTER", registrar, 10+int(nc), c.Credentials(alice, "REGISTER", registrar, nc))
}

// edited is a header line with one text in the place of another.
func edited(t testing.TB, line, old, new string) string {
	t.Helper()
	if !strings.Contains(line, old) {
		t.Fatalf("no %q in %s", old, line)
	}
	return strings.Replace(line, old, new, 1)
}
