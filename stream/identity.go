package stream

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/actorsip/actorsip/sipwire"
)

// verify refuses a peer whose certificate nobody vouches for whom we trust, or that is not who name says.
func (m *material) verify(chain []*x509.Certificate, name string) error {
	if len(chain) == 0 {
		return errors.New("the peer has shown no certificate")
	}
	o := x509.VerifyOptions{Roots: m.roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return fmt.Errorf("the peer's certificate cannot be trusted: %w", err)
	}
	if !isFor(chain[0], name) {
		return fmt.Errorf("the peer should be %q, and its certificate is for %s", name, subjects(chain[0]))
	}
	return nil
}

// isFor tells whether a certificate is for name, a domain or an address. RFC 5922 §7.1: names of DNS count only in a certificate that
// names no SIP domain.
// Deviates: a wildcard of DNS stands for one label, as it does for everybody else (RFC 9525 §6.3), and not for nothing (RFC 5922 §7.2):
// providers have such certificates.
func isFor(c *x509.Certificate, name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || name == "" {
		return name != "" && c.VerifyHostname(name) == nil
	}
	if domains := sipDomains(c); len(domains) > 0 {
		return slices.ContainsFunc(domains, func(d string) bool { return strings.EqualFold(d, name) })
	}
	return c.VerifyHostname(name) == nil
}

// sipDomains are the domains that a certificate names by SIP URIs. RFC 5922 §7.1: one with a user is the name of a person.
func sipDomains(c *x509.Certificate) (domains []string) {
	for _, u := range c.URIs {
		if s, ok := sipwire.ParseURI([]byte(u.String())); ok && s.Scheme == sipwire.SIP && s.User == nil {
			domains = append(domains, string(s.Host))
		}
	}
	return domains
}

// subjects are whom a certificate is for, in words. They come from outside, so there is an end to them.
func subjects(c *x509.Certificate) string {
	all := sipDomains(c)
	if len(all) == 0 {
		all = slices.Clone(c.DNSNames)
	}
	for _, a := range c.IPAddresses {
		all = append(all, a.String())
	}
	const most = 5
	switch n := len(all); {
	case n == 0:
		return "nobody"
	case n > most:
		return fmt.Sprintf("%q and %d more", all[:most], n-most)
	}
	return fmt.Sprintf("%q", all)
}

// plainName is a host as certificates have it: without the brackets of IPv6 and the dot of the root.
func plainName(host string) string {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return strings.TrimSuffix(host, ".")
}
