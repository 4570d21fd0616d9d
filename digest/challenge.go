package digest

import (
	"time"

	"github.com/actorsip/actorsip/sipwire"
)

// names is what a role calls its headers, and the parts of a challenge that are always the same.
type names struct {
	credentials sipwire.HeaderID
	begin       string   // up to the nonce
	end         []string // behind the nonce, for each offered algorithm
}

func namesOf(cfg Config) names {
	n := names{credentials: sipwire.Authorization, begin: "WWW-Authenticate"}
	if cfg.Role == Proxy {
		n = names{credentials: sipwire.ProxyAuthorization, begin: "Proxy-Authenticate"}
	}
	n.begin += `: Digest realm="` + cfg.Realm + `", nonce="`
	for _, a := range cfg.Algorithms {
		n.end = append(n.end, `", algorithm=`+a.String()+`, qop="auth"`)
	}
	return n
}

// AppendChallenge appends the header lines of a 401 or 407 that follows from verdict: one for each offered algorithm, in the
// order of preference (RFC 8760 §2.3). They have the same nonce: it is good for one of them. stale=true tells a phone to try
// again without asking its user.
func (c *Checker) AppendChallenge(dst []byte, verdict Verdict, now time.Time) []byte {
	c.fresh = c.appendNonce(c.fresh[:0], now)
	for _, end := range c.v.names.end {
		dst = append(dst, c.v.names.begin...)
		dst = append(dst, c.fresh...)
		dst = append(dst, end...)
		if verdict.Stale() {
			dst = append(dst, ", stale=true"...)
		}
		dst = append(dst, "\r\n"...)
	}
	return dst
}
