package rules

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/actorsip/actorsip/sipwire"
)

// Pattern is a user and a domain of a URI. Case does not count, nor how a character is escaped, nor a password, nor
// what stands in the user part from a semicolon on.
type Pattern struct {
	user   string // in lower case; a * stands for any characters, also for none
	domain string // in lower case: a name, "*.example.com" for all below it, "*"; empty when addr is set
	addr   netip.Addr
}

var (
	errNoUser   = errors.New("there is no user before the @; write *@example.com for any")
	errNoDomain = errors.New("there is no domain behind the @; write alice@* for any")
	errScheme   = errors.New("write neither scheme nor port nor parameters")
	errStar     = errors.New("a * in a domain stands for its first part, as *.example.com, or alone")
)

// ParsePattern reads "alice@example.com", "0900*@*", "*@*.example.com", or a domain alone, for any user or none.
func ParsePattern(s string) (Pattern, error) {
	small := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' { // case counts beyond ASCII, as RFC 3261 §19.1.4 has it of URIs
			r |= 0x20
		}
		return r
	}, s)
	user, domain, both := strings.Cut(small, "@")
	if !both {
		user, domain = "*", small
	}
	p := Pattern{user: user, domain: strings.TrimSuffix(domain, ".")}
	if a, ok := sipwire.ParseAddr([]byte(domain)); ok {
		p.addr, p.domain = a, ""
		domain = ""
	}
	var err error
	switch {
	case user == "":
		err = errNoUser
	case p.domain == "" && !p.addr.IsValid():
		err = errNoDomain
	case strings.ContainsAny(domain, ":;?@ \t<>\""), strings.HasPrefix(user, "sip:"), strings.HasPrefix(user, "sips:"), strings.HasPrefix(user, "tel:"):
		err = errScheme
	case strings.Contains(strings.TrimPrefix(p.domain, "*"), "*"), strings.HasPrefix(p.domain, "*") && p.domain != "*" && !strings.HasPrefix(p.domain, "*."):
		err = errStar
	}
	if err != nil {
		return Pattern{}, fmt.Errorf("%q is no user@domain: %w", s, err)
	}
	return p, nil
}

// String is the pattern as ParsePattern reads it.
func (p Pattern) String() string {
	switch {
	case p.addr.Is6():
		return p.user + "@[" + p.addr.String() + "]"
	case p.addr.IsValid():
		return p.user + "@" + p.addr.String()
	}
	return p.user + "@" + p.domain
}

// party is a URI as patterns and limits see it.
type party struct {
	store   [256]byte // user and host, in lower case, the user without escapes
	at, end int       // where the host begins and ends
	isLong  bool      // it did not fit
}

func (p *party) user() []byte { return p.store[:p.at] }
func (p *party) host() []byte { return p.store[p.at:p.end] }

// read takes a URI apart. One that cannot be read has neither user nor host; a tel: URI has its number as user.
func (p *party) read(uri []byte) {
	u, ok := sipwire.ParseURI(uri)
	if ok && u.Scheme == sipwire.OtherScheme {
		scheme, number, _ := bytes.Cut(uri, []byte(":"))
		if u.User = number; !sipwire.EqualFold(scheme, "tel") {
			u.User = nil
		}
	}
	if !ok {
		u = sipwire.URI{}
	}
	user, _, _ := bytes.Cut(u.User, []byte(":"))
	user, _, _ = bytes.Cut(user, []byte(";"))
	n := 0
	for i := 0; i < len(user); i++ {
		c := user[i]
		if c == '%' && i+2 < len(user) {
			if hi, lo := unhex(user[i+1]), unhex(user[i+2]); hi >= 0 && lo >= 0 {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		if n == len(p.store) {
			p.isLong = true
			break
		}
		p.store[n] = lower(c)
		n++
	}
	host := bytes.TrimSuffix(u.Host, []byte("."))
	if len(host) > len(p.store)-n {
		p.isLong = true
		host = host[:len(p.store)-n]
	}
	for i, c := range host {
		p.store[n+i] = lower(c)
	}
	p.at, p.end = n, n+len(host)
}

// key is what limits count users by. The host is moved for it: it is the last that is asked of a party.
func (p *party) key() []byte {
	if p.end < len(p.store) {
		copy(p.store[p.at+1:], p.host())
		p.store[p.at] = '@'
		p.end++
	}
	return p.store[:p.end]
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// matches tells whether a party is one of those that the pattern means.
func (p *Pattern) matches(who *party) bool {
	switch {
	case p.addr.IsValid():
		a, ok := sipwire.ParseAddr(who.host())
		if !ok || a != p.addr {
			return false
		}
	case p.domain == "*":
	case strings.HasPrefix(p.domain, "*."):
		if host, suffix := who.host(), p.domain[1:]; len(host) <= len(suffix) || string(host[len(host)-len(suffix):]) != suffix {
			return false
		}
	case string(who.host()) != p.domain:
		return false
	}
	return p.user == "*" || glob(p.user, who.user())
}

// glob compares a text with a pattern in which a * stands for any characters. When it comes to a difference it goes back to the
// last star only, and lets that one have a character more: earlier stars need no more.
func glob(pattern string, text []byte) bool {
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
