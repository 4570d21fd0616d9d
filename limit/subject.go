package limit

import (
	"fmt"
	"net/netip"
	"strings"
)

// Subject is who is banned: a network or a user, never both.
type Subject struct {
	Net  netip.Prefix
	User string // as the one who bans names it: "alice@example.com"
}

// userMark tells a user from a network where both are text.
const userMark = "user:"

// longestUser is more than any user of a SIP URI that devices take.
const longestUser = 512

// ParseSubject reads "192.0.2.7", "192.0.2.0/24", "2001:db8::/48" or "user:alice@example.com". An address without a
// length is one source: of IPv6 its /64.
func ParseSubject(s string) (Subject, error) {
	if user, ok := strings.CutPrefix(s, userMark); ok {
		if user == "" || len(user) > longestUser {
			return Subject{}, fmt.Errorf("%q names no user; write user:alice@example.com", s)
		}
		return Subject{User: user}, nil
	}
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return Subject{}, fmt.Errorf("%q is no network; write it as 192.0.2.0/24 or 2001:db8::/48", s)
		}
		if a := p.Addr(); a.Is4In6() {
			if p.Bits() < 96 {
				return Subject{}, fmt.Errorf("%q has IPv4 addresses and others; write the IPv4 network", s)
			}
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return Subject{Net: p.Masked()}, nil
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return Subject{}, fmt.Errorf("%q is no address, no network and no user; write 192.0.2.7, 192.0.2.0/24 or user:alice@example.com", s)
	}
	return Subject{Net: sourceOf(a)}, nil
}

// String is the subject as ParseSubject reads it.
func (s Subject) String() string {
	switch {
	case s.User != "":
		return userMark + s.User
	case s.Net.IsValid() && s.Net.Addr().Is4() && s.Net.Bits() == bits4:
		return s.Net.Addr().String()
	}
	return s.Net.String()
}
