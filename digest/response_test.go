package digest

import (
	"testing"
)

// The examples of RFC 7616 §3.9.1 and §3.9.2 (with its erratum 4897: the RFC's own is a SHA-512 cut short), and that of RFC 2617
// §3.5, with and without qop.
func TestResponsesAreThoseOfTheRFCs(t *testing.T) {
	const (
		nonce7616  = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
		cnonce7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
		nonceDoe   = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"
		cnonceDoe  = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
		nonce2617  = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
	)
	h := houseOf(t, nil)
	for _, x := range []struct {
		a                                          Algorithm
		user, realm, password, uri, nonce, cn, qop string
		response                                   string
	}{
		{MD5, "Mufasa", "http-auth@example.org", "Circle of Life", "/dir/index.html", nonce7616, cnonce7616, "auth", "8ca523f5e9506fed4657c9700eebdbec"},
		{SHA256, "Mufasa", "http-auth@example.org", "Circle of Life", "/dir/index.html", nonce7616, cnonce7616, "auth", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		{SHA512_256, "Jäsøn Doe", "api@example.org", "Secret, or not?", "/doe.json", nonceDoe, cnonceDoe, "auth", "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"},
		{MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "/dir/index.html", nonce2617, "0a4f113b", "auth", "6629fae49393a05397450978507c4ef1"},
		{MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "/dir/index.html", nonce2617, "", "", "670fd8c2df070c60b045671b8b24ff02"},
	} {
		c := &h.c.creds
		*c = credentials{uri: []byte(x.uri), nonce: []byte(x.nonce), response: []byte(x.response)}
		if x.qop != "" {
			c.nc, c.cnonce, c.qop = []byte("00000001"), []byte(x.cn), []byte(x.qop)
		}
		ha1 := x.a.HA1Of(x.user, x.realm, x.password)
		if h.c.responds(x.a, ha1, []byte("GET")) != 1 {
			t.Errorf("%s of %s is refused", x.a, x.user)
		}
		for i := range x.response { // every digit counts
			c.response = []byte(x.response)
			c.response[i] ^= 1
			if h.c.responds(x.a, ha1, []byte("GET")) != 0 {
				t.Fatalf("%s of %s with another digit %d is accepted", x.a, x.user, i)
			}
		}
		for _, wrong := range []string{"", x.response[1:], x.response + "0"} {
			if c.response = []byte(wrong); h.c.responds(x.a, ha1, []byte("GET")) != 0 {
				t.Errorf("%s: %q is accepted", x.a, wrong)
			}
		}
	}
}
