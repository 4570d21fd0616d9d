package registrar

import (
	"github.com/actorsip/actorsip/sipwire"
)

// appendAOR appends the canonical form of an address of record (RFC 3261 §10.3 step 5): scheme, user, host; no parameters, no port,
// escapes undone, and the host in lower case. sip and sips are one: who registers sips is reached by sip as well.
func appendAOR(dst []byte, u sipwire.URI) []byte {
	dst = append(dst, "sip:"...)
	for i := 0; i < len(u.User); i++ {
		c := u.User[i]
		if c == ':' {
			break // the password of a user is not his name
		}
		if c == '%' && i+2 < len(u.User) {
			if d := unhex(u.User[i+1])<<4 | unhex(u.User[i+2]); d > ' ' && d < 0x7f && d != '@' && d != ':' && d != '%' {
				c = d
				i += 2
			}
		}
		dst = append(dst, c)
	}
	dst = append(dst, '@')
	for _, c := range u.Host {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	default: // validated: it is one of a to f, in any case
		return c | 0x20 - 'a' + 10
	}
}
