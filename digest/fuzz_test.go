package digest

import (
	"bytes"
	"testing"

	"github.com/actorsip/actorsip/sipwire"
)

// FuzzCredentials puts any value into a request: nothing panics, nothing is let in but by its response, and what can be read is
// read the same when it is written anew.
func FuzzCredentials(f *testing.F) {
	h := houseOf(f, func(cfg *Config) { cfg.WithoutQop = true })
	whole := h.challenge(MD5).Credentials(alice, "REGISTER", registrar, 1)
	f.Add([]byte(whole[len("Authorization: "):]))
	for _, s := range []string{
		`Digest realm="example.com", username="a\"b", nonce="", uri="", response=""`, `Digest realm="example.com`, "Digest ,,=,",
		`Digest realm="example.com",username*=UTF-8''%41,nonce=a,uri=sip:a,response=b,algorithm=SHA-256,qop=auth,nc=1,cnonce=""`,
		"Digest\r\n realm = \"example.com\" ,\r\n nc = 00000001", `Digest realm="\\", realm="example.com"`, "Basic eA==", `Digest x="\`,
	} {
		f.Add([]byte(s))
	}
	secret := MD5.HA1Of("alice", "example.com", "secret")
	f.Fuzz(func(t *testing.T, value []byte) {
		m := new(sipwire.Message)
		raw := request("REGISTER", registrar, 1, "Authorization: "+string(value))
		if m.Parse(raw) != sipwire.None {
			return
		}
		received := bytes.Clone(raw)
		r := h.c.Verify(m, h.now)
		if r.Verdict == OK && (string(r.User) != "alice" || h.c.responds(r.Algorithm, secret, []byte("REGISTER")) != 1 && r.Algorithm == MD5) {
			t.Errorf("%q was let in", r.User)
		}
		if !bytes.Equal(raw, received) {
			t.Error("the received bytes were written to")
		}
		params, ok := scheme(value)
		var c, again credentials
		if !ok || !c.parse(params) {
			return
		}
		if user, ok := c.user(make([]byte, 0, maxUser)); ok && (len(user) == 0 || len(user) > maxUser) {
			t.Errorf("user %q", user)
		}
		if !again.parse(written(c)) || !bytes.Equal(written(again), written(c)) {
			t.Errorf("%q reads as\n%q and then as\n%q", params, written(c), written(again))
		}
	})
}

// written is c with every value in quotes.
func written(c credentials) (b []byte) {
	for _, f := range []struct {
		name  string
		value []byte
	}{
		{"username", c.username},
		{"realm", c.realm},
		{"nonce", c.nonce},
		{"uri", c.uri},
		{"response", c.response},
		{"algorithm", c.algorithm},
		{"cnonce", c.cnonce},
		{"qop", c.qop},
		{"nc", c.nc},
		{"username*", c.usernameExt},
		{"userhash", c.userhash},
	} {
		if f.value != nil {
			b = append(b, f.name+`="`...)
			b = append(append(b, f.value...), `", `...)
		}
	}
	return b
}
