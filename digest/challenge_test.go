package digest

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// RFC 8760 §2.3: a header for each algorithm, the preferred one on top.
// What somebody else sends is foreign, and so is what a phone sends from another address; but not from another one of its /64.
func TestANonceIsForOneAddress(t *testing.T) {
	h := houseOf(t, func(*Config) {})
	for _, c := range []struct {
		made, used string
		good       bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
	} {
		h.c.From(netip.MustParseAddr(c.made))
		text := h.c.appendNonce(nil, h.now)
		h.c.From(netip.MustParseAddr(c.used))
		if _, ok := h.c.openNonce(text, h.now); ok != c.good {
			t.Errorf("made for %s, used by %s: %v", c.made, c.used, ok)
		}
	}
}

func TestAChallengeHasAHeaderForEachAlgorithm(t *testing.T) {
	for role, header := range map[Role]string{Server: "WWW-Authenticate", Proxy: "Proxy-Authenticate"} {
		h := houseOf(t, func(cfg *Config) { cfg.Role = role })
		text := string(h.c.AppendChallenge([]byte("before\r\n"), NoCredentials, h.now))
		nonce := ua.ParseChallenge("", text[strings.Index(text, "Digest"):]).Params["nonce"]
		want := "before\r\n"
		for _, a := range []string{"SHA-512-256", "SHA-256", "MD5"} {
			want += header + `: Digest realm="example.com", nonce="` + nonce + `", algorithm=` + a + `, qop="auth"` + "\r\n"
		}
		if text != want {
			t.Errorf("%s\nwant\n%s", text, want)
		}
		if got, want := h.v.Status(), map[Role]int{Server: 401, Proxy: 407}[role]; got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
}

func TestOnlyAPhoneThatMayKnowThePasswordIsToldToTryAgain(t *testing.T) {
	h := houseOf(t, nil)
	for v := range numVerdicts {
		text := string(h.c.AppendChallenge(nil, v, h.now))
		if got := strings.Count(text, ", stale=true\r\n"); got != map[Verdict]int{Stale: 3, Foreign: 3, Replayed: 3}[v] {
			t.Errorf("%s: %s", v, text)
		}
		if v.String() == "" || v.Stale() && !v.Challenges() {
			t.Errorf("verdict %d: %q", v, v)
		}
	}
}

func TestNoTwoChallengesHaveTheSameNonce(t *testing.T) {
	h := houseOf(t, nil)
	seen := map[string]bool{}
	for range 10000 {
		n := string(h.c.appendNonce(nil, h.now))
		if seen[n] || len(n) != nonceLen {
			t.Fatalf("%s is there again", n)
		}
		seen[n] = true
	}
}

func TestANonceKnowsItsAge(t *testing.T) {
	h := houseOf(t, nil)
	for _, made := range []time.Time{started, time.UnixMilli(1<<timeBits - 1), time.UnixMilli(1 << timeBits), time.UnixMilli(1<<timeBits + 7)} {
		text := h.c.appendNonce(nil, made)
		for _, later := range []time.Duration{0, time.Millisecond, time.Hour, 365 * 24 * time.Hour, -time.Minute} {
			n, ok := h.c.openNonce(text, made.Add(later))
			if !ok || n.age != later || n.at != made.UnixMilli() {
				t.Errorf("made %v, %v later: %v, %v, made %d", made, later, ok, n.age, n.at)
			}
		}
	}
}

func TestAWrongConfigurationIsRefusedInASentence(t *testing.T) {
	good := houseOf(t, nil).cfg
	for want, change := range map[string]func(*Config){
		"needs keys and users": func(c *Config) { c.Users = nil },
		"1 to 255 characters":  func(c *Config) { c.Realm = "" },
		"has a quote":          func(c *Config) { c.Realm = `a"b` },
		"offered twice":        func(c *Config) { c.Algorithms = []Algorithm{MD5, SHA256, MD5} },
		"algorithm 9 is none":  func(c *Config) { c.Algorithms = []Algorithm{9} },
		"good for 24h0m0s":     func(c *Config) { c.MaxAge = 25 * time.Hour },
		"remembered is not":    func(c *Config) { c.Nonces = -1 },
		"role 2 is none":       func(c *Config) { c.Role = 2 },
		"URI rule 2 is none":   func(c *Config) { c.URI = 2 },
		"a control character":  func(c *Config) { c.Realm = "a\r\nX: y" },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg, started); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := ParseAlgorithm("MD6"); err == nil || !strings.Contains(err.Error(), `"MD6" is no digest algorithm`) {
		t.Error(err)
	}
}
