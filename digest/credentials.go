package digest

import (
	"bytes"

	"github.com/actorsip/actorsip/sipwire"
)

// What credentials may fill. Real ones have 300 to 500 bytes.
const (
	maxCredentials = 4096
	maxUser        = 255
)

// credentials are those of one header field, as pieces of it: what stood in quotes without them, escapes as they are. nil is
// a parameter that is not there (RFC 7616 §3.4).
type credentials struct {
	username, usernameExt, realm, nonce, uri, response []byte
	algorithm, qop, nc, cnonce, userhash               []byte
}

// scheme tells whether value are credentials of the scheme Digest, and what is behind that word.
func scheme(value []byte) (params []byte, isDigest bool) {
	const word = "Digest"
	if len(value) <= len(word) || !sipwire.EqualFold(value[:len(word)], word) || !isBlank(value[len(word)]) {
		return nil, false
	}
	return value[len(word):], true
}

// parse reads: name = ( token | quoted string ) *( , … ). Blanks may stand between all of these, and commas that part nothing
// are passed over. A parameter that is known must not be there twice: two readers might take different ones.
func (c *credentials) parse(b []byte) bool {
	*c = credentials{}
	for p := 0; ; {
		for p < len(b) && (isBlank(b[p]) || b[p] == ',') {
			p++
		}
		if p == len(b) {
			return true
		}
		name, value, next := param(b[p:])
		if next < 0 {
			return false
		}
		p += next
		if to := c.field(name); to != nil {
			if *to != nil {
				return false
			}
			*to = value
		}
	}
}

// param reads the parameter that b begins with, and what is behind it up to a comma; next is -1 when there is none.
func param(b []byte) (name, value []byte, next int) {
	eq := bytes.IndexByte(b, '=')
	if eq < 0 {
		return nil, nil, -1
	}
	if name = bytes.TrimRight(b[:eq], " \t\r\n"); len(name) == 0 || bytes.ContainsAny(name, " \t\r\n\",") {
		return nil, nil, -1
	}
	p := eq + 1
	for p < len(b) && isBlank(b[p]) {
		p++
	}
	start := p
	if p < len(b) && b[p] == '"' {
		p = quoteEnd(b, p)
		if p < 0 {
			return nil, nil, -1
		}
		value = b[start+1 : p-1]
	} else {
		for p < len(b) && b[p] != ',' && !isBlank(b[p]) {
			if b[p] == '"' || b[p] == '\\' || b[p] < ' ' || b[p] == 0x7f {
				return nil, nil, -1
			}
			p++
		}
		if value = b[start:p]; len(value) == 0 {
			return nil, nil, -1
		}
	}
	for p < len(b) && isBlank(b[p]) {
		p++
	}
	if p < len(b) && b[p] != ',' {
		return nil, nil, -1
	}
	return name, value, p
}

// quoteEnd is the offset behind the quoted string that begins at p, -1 when it does not end or has a control character.
func quoteEnd(b []byte, p int) int {
	for p++; p < len(b); p++ {
		switch c := b[p]; {
		case c == '"':
			return p + 1
		case c == '\\':
			if p++; p < len(b) && b[p] < ' ' {
				return -1
			}
		case c < ' ' && c != '\t' || c == 0x7f:
			return -1
		}
	}
	return -1
}

// field is where the parameter of that name belongs, nil for one that means nothing to us.
func (c *credentials) field(name []byte) *[]byte {
	for _, f := range [...]struct {
		name string
		to   *[]byte
	}{
		{"username", &c.username},
		{"realm", &c.realm},
		{"nonce", &c.nonce},
		{"uri", &c.uri},
		{"response", &c.response},
		{"algorithm", &c.algorithm},
		{"cnonce", &c.cnonce},
		{"qop", &c.qop},
		{"nc", &c.nc},
		{"username*", &c.usernameExt},
		{"userhash", &c.userhash},
	} {
		if sipwire.EqualFold(name, f.name) {
			return f.to
		}
	}
	return nil
}

// complete tells whether all is there that a response is made of (RFC 7616 §3.4).
func (c *credentials) complete() bool {
	return (c.username == nil) != (c.usernameExt == nil) && c.nonce != nil && c.uri != nil && c.response != nil &&
		(c.qop == nil || c.nc != nil && c.cnonce != nil)
}

// user is the name that the credentials are for, in buf where it cannot stay in place. ok is false for one that is too long or
// not written as RFC 7616 §3.4 has it.
func (c *credentials) user(buf []byte) (user []byte, ok bool) {
	switch {
	case c.usernameExt != nil:
		user, ok = decodeExt(buf[:0], c.usernameExt)
	case bytes.IndexByte(c.username, '\\') >= 0:
		user, ok = unescape(buf[:0], c.username), true
	default:
		user, ok = c.username, true
	}
	return user, ok && len(user) > 0 && len(user) <= maxUser
}

// unescape takes a quoted string's backslashes out (RFC 3261 §25.1, quoted-pair).
func unescape(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		dst = append(dst, b[i])
	}
	return dst
}

// decodeExt reads UTF-8'language'percent-encoded (RFC 5987 §3.2.1).
func decodeExt(dst, b []byte) ([]byte, bool) {
	const charset = "UTF-8'"
	if len(b) < len(charset) || !sipwire.EqualFold(b[:len(charset)], charset) {
		return nil, false
	}
	b = b[len(charset):]
	i := bytes.IndexByte(b, '\'')
	if i < 0 {
		return nil, false
	}
	for b = b[i+1:]; len(b) > 0; {
		c, n, ok := unpercent(b)
		if !ok || c < ' ' || c == 0x7f {
			return nil, false
		}
		dst, b = append(dst, c), b[n:]
	}
	return dst, true
}

// unpercent is the first character of b, which n bytes stand for.
func unpercent(b []byte) (c byte, n int, ok bool) {
	if b[0] != '%' {
		return b[0], 1, true
	}
	if len(b) < 3 {
		return 0, 0, false
	}
	hi, lo := hexDigit(b[1]), hexDigit(b[2])
	return hi<<4 | lo, 3, hi < 16 && lo < 16
}

// count reads nc: hexadecimal digits, eight of them (RFC 7616 §3.4). Some phones leave out the zeros.
func count(b []byte) (nc uint32, ok bool) {
	for _, c := range b {
		d := hexDigit(c)
		if d > 15 {
			return 0, false
		}
		nc = nc<<4 | uint32(d)
	}
	return nc, len(b) > 0 && len(b) <= 8 && nc > 0
}

// hexDigit is above 15 for what is none.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
