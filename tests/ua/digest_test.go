package ua

import (
	"strings"
	"testing"
)

// The examples of RFC 7616 §3.9.1.
func TestCredentialsAreThoseOfTheRFC(t *testing.T) {
	const value = `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%, ` +
		`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
	l := Login{User: "Mufasa", Password: "Circle of Life", CNonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"}
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c := ParseChallenge("Authorization", strings.Replace(value, "%", algorithm, 1))
		if got := c.Credentials(l, "GET", "/dir/index.html", 1); !strings.HasSuffix(got, `response="`+want+`"`) {
			t.Errorf("%s: %s", algorithm, got)
		}
	}
}
