package rules

import (
	"fmt"
	"net/netip"
	"strings"
)

// Source is where a request comes from: a network, the trusted networks, or all but these.
type Source struct {
	net  netip.Prefix
	kind sourceKind
}

type sourceKind uint8

const (
	network sourceKind = iota
	trusted
	untrusted
)

// ParseSource reads "trusted", "untrusted", a network or an address.
func ParseSource(s string) (Source, error) {
	switch s {
	case "trusted":
		return Source{kind: trusted}, nil
	case "untrusted":
		return Source{kind: untrusted}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return Source{net: netip.PrefixFrom(a, a.BitLen())}, nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return Source{}, fmt.Errorf("%q is no source; write trusted, untrusted, 192.0.2.0/24 or 192.0.2.1", s)
	case p.Addr().Is4In6():
		return Source{}, fmt.Errorf("%q is an IPv4 network in IPv6; write the IPv4 network", s)
	case p != p.Masked():
		return Source{}, fmt.Errorf("%q has bits behind its length; write %v", s, p.Masked())
	}
	return Source{net: p}, nil
}

// String is the source as ParseSource reads it.
func (s Source) String() string {
	switch s.kind {
	case trusted:
		return "trusted"
	case untrusted:
		return "untrusted"
	}
	return strings.TrimSuffix(s.net.String(), fmt.Sprint("/", s.net.Addr().BitLen()))
}

// isAny tells whether an address is one of these sources.
func isAny(sources []Source, from netip.Addr, isTrusted bool) bool {
	for _, s := range sources {
		switch s.kind {
		case trusted:
			if isTrusted {
				return true
			}
		case untrusted:
			if !isTrusted {
				return true
			}
		default:
			if s.net.Contains(from) {
				return true
			}
		}
	}
	return false
}

func contains(nets []netip.Prefix, a netip.Addr) bool {
	for _, p := range nets {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
