package ua

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Challenge is one WWW-Authenticate or Proxy-Authenticate value (RFC 3261 §20.44, §20.27).
type Challenge struct {
	Answer string            // the header that answers it: Authorization or Proxy-Authorization
	Value  string            // as it came
	Params map[string]string // by name in lower case, without quotes
}

// Login is what a phone knows of itself.
type Login struct {
	User, Password string
	CNonce         string // default: a new one
	WithoutQop     bool   // answer like a phone older than RFC 2617
}

// Challenges are those of a response, in their order.
func (m Message) Challenges() (all []Challenge) {
	for _, h := range []struct{ asks, answers string }{{"WWW-Authenticate", "Authorization"}, {"Proxy-Authenticate", "Proxy-Authorization"}} {
		for _, value := range m.Header(h.asks) {
			all = append(all, ParseChallenge(h.answers, value))
		}
	}
	return all
}

// Challenge is the first of a response with that algorithm: MD5, SHA-256 or SHA-512-256. ok is false when there is none.
func (m Message) Challenge(algorithm string) (c Challenge, ok bool) {
	for _, c := range m.Challenges() {
		if strings.EqualFold(c.algorithm(), algorithm) {
			return c, true
		}
	}
	return Challenge{}, false
}

// ParseChallenge reads the value of a challenge that the header answer answers.
func ParseChallenge(answer, value string) Challenge {
	c := Challenge{Answer: answer, Value: value, Params: map[string]string{}}
	_, params, _ := strings.Cut(value, " ")
	for _, p := range splitOutside(params, ',') {
		name, v, _ := strings.Cut(p, "=")
		c.Params[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(v), `"`)
	}
	return c
}

func (c Challenge) algorithm() string {
	if a := c.Params["algorithm"]; a != "" {
		return a
	}
	return "MD5"
}

// Credentials is the header line that answers c for a request, as Options.Headers takes it. nc counts the requests with the nonce
// of c, from 1 on.
func (c Challenge) Credentials(l Login, method, uri string, nc uint32) string {
	h, realm, nonce := c.hash(), c.Params["realm"], c.Params["nonce"]
	if l.CNonce == "" {
		l.CNonce = token()
	}
	ha1, ha2 := h(l.User+":"+realm+":"+l.Password), h(method+":"+uri)
	line := fmt.Sprintf(`%s: Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s`,
		c.Answer, l.User, realm, nonce, uri, c.algorithm())
	if opaque, ok := c.Params["opaque"]; ok {
		line += fmt.Sprintf(`, opaque="%s"`, opaque)
	}
	if l.WithoutQop || c.Params["qop"] == "" {
		return line + fmt.Sprintf(`, response="%s"`, h(ha1+":"+nonce+":"+ha2))
	}
	count := fmt.Sprintf("%08x", nc)
	return line + fmt.Sprintf(`, qop=auth, nc=%s, cnonce="%s", response="%s"`,
		count, l.CNonce, h(strings.Join([]string{ha1, nonce, count, l.CNonce, "auth", ha2}, ":")))
}

// hash is the hexadecimal hash of the challenge's algorithm (RFC 8760 §2.1).
func (c Challenge) hash() func(string) string {
	algorithm := strings.ToUpper(c.algorithm())
	return func(text string) string {
		var h hash.Hash
		switch algorithm {
		case "SHA-256":
			h = sha256.New()
		case "SHA-512-256":
			h = sha512.New512_256()
		default:
			h = md5.New()
		}
		h.Write([]byte(text))
		return hex.EncodeToString(h.Sum(nil))
	}
}
