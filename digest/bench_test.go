package digest

import (
	"fmt"
	"testing"

	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/ua"
)

// bench is a house with the users of a file, and a request that is verified.
func bench(t testing.TB, l ua.Login, a Algorithm) (*house, *sipwire.Message) {
	t.Helper()
	f, _ := open(t, FileConfig{Path: userFile(t, manyUsers(1000)+"alice:example.com:plain:secret\n")})
	h := houseOf(t, func(cfg *Config) { cfg.Users = f })
	return h, parsed(t, request("REGISTER", registrar, 1, h.challenge(a).Credentials(l, "REGISTER", registrar, 1)))
}

var logins = []struct {
	name    string
	login   ua.Login
	verdict Verdict
}{
	{"right password", alice, OK},
	{"wrong password", ua.Login{User: "alice", Password: "guess"}, BadCredentials},
	{"unknown user", ua.Login{User: "alicf", Password: "guess"}, BadCredentials},
}

func TestVerifyAllocatesNothing(t *testing.T) {
	for a := range numAlgorithms {
		for _, l := range logins {
			h, m := bench(t, l.login, a)
			if n := testing.AllocsPerRun(100, func() {
				if v := h.c.Verify(m, h.now).Verdict; v != l.verdict {
					t.Fatal(v)
				}
			}); n != 0 {
				t.Errorf("%s with %s: %v allocations", l.name, a, n)
			}
		}
	}
	h, _ := bench(t, alice, MD5)
	out := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { out = h.c.AppendChallenge(out[:0], Stale, h.now) }); n != 0 {
		t.Errorf("a challenge: %v allocations", n)
	}
	c, _ := callback(t, serve(t, known(people{"alice": "secret"})), nil)
	resolve(t, c, "alice", MD5)
	user := []byte("alice")
	if n := testing.AllocsPerRun(100, func() { c.Lookup(user, "r", MD5) }); n != 0 {
		t.Errorf("a look-up in the cache: %v allocations", n)
	}
}

func BenchmarkVerify(b *testing.B) {
	for a := range numAlgorithms {
		for _, l := range logins {
			h, m := bench(b, l.login, a)
			b.Run(fmt.Sprint(a, "/", l.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if h.c.Verify(m, h.now).Verdict != l.verdict {
						b.Fatal()
					}
				}
			})
		}
	}
	b.Run("no credentials", func(b *testing.B) {
		h, _ := bench(b, alice, MD5)
		m := parsed(b, request("REGISTER", registrar, 1))
		b.ReportAllocs()
		for b.Loop() {
			h.c.Verify(m, h.now)
		}
	})
	b.Run("foreign nonce", func(b *testing.B) {
		h, _ := bench(b, alice, MD5)
		c := h.challenge(MD5)
		c.Params["nonce"] = string(h.c.appendNonce(nil, h.now)[:nonceLen-1]) + "a"
		m := parsed(b, register(c, 1))
		b.ReportAllocs()
		for b.Loop() {
			h.c.Verify(m, h.now)
		}
	})
	b.Run("SHA-256 on all cores", func(b *testing.B) {
		h, _ := bench(b, alice, MD5)
		raw := register(h.challenge(SHA256), 1)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			m, c := parsed(b, raw), h.v.Checker()
			for pb.Next() {
				c.Verify(m, h.now)
			}
		})
	})
}

func BenchmarkChallenge(b *testing.B) {
	h, _ := bench(b, alice, MD5)
	out := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		out = h.c.AppendChallenge(out[:0], NoCredentials, h.now)
	}
	b.ReportMetric(float64(len(out)), "B/challenge")
}

func BenchmarkReadFile(b *testing.B) {
	text := []byte(manyUsers(100_000))
	b.ReportAllocs()
	for b.Loop() {
		if _, r := parseUsers("users", text); r.Users != 100_000 {
			b.Fatal(r)
		}
	}
}
