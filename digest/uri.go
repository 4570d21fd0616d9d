package digest

import (
	"bytes"

	"github.com/actorsip/actorsip/sipwire"
)

// sameURI tells whether two URIs name the same resource. RFC 7616 §3.4.6 wants that of the uri parameter and the
// request-URI.
//
// Deviates: RFC 3261 §19.1.4 compares more. Phones leave parameters out of one of the two (transport, user=phone), or write the
// port in one only; proxies before us add and take away parameters. So scheme, user and host are held against one another,
// parameters are not, and the port only where both have one.
func sameURI(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	u, ok := sipwire.ParseURI(a)
	w, ok2 := sipwire.ParseURI(b)
	if !ok || !ok2 || u.Scheme != w.Scheme {
		return false
	}
	if u.Scheme == sipwire.OtherScheme {
		return bytes.EqualFold(a, b)
	}
	return sameUser(u.User, w.User) && bytes.EqualFold(u.Host, w.Host) && (u.Port == w.Port || u.Port == 0 || w.Port == 0)
}

// sameUser compares letter by letter: a character and its escape are the same (RFC 3261 §19.1.4). Both were parsed.
func sameUser(a, b []byte) bool {
	for len(a) > 0 && len(b) > 0 {
		c, n, _ := unpercent(a)
		d, k, _ := unpercent(b)
		if c != d {
			return false
		}
		a, b = a[n:], b[k:]
	}
	return len(a) == len(b)
}
