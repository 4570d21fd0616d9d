package system

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/actorsip/actorsip/sipwire"
)

// parseDomain reads what a request-URI's host is compared with, and gives it in lower case.
func parseDomain(s string) (string, error) {
	d := strings.ToLower(s)
	if a, err := parseAddr(d); err == nil && a.Zone() == "" {
		if a.Is6() {
			return "[" + a.String() + "]", nil
		}
		return d, nil
	}
	if d == "*" || validHost(strings.TrimPrefix(d, "*.")) {
		return d, nil
	}
	switch {
	case strings.Contains(strings.TrimPrefix(d, "*."), "*"):
		return "", fmt.Errorf("%s has a * where none can be; it stands for the whole first part, as *.example.com, or alone", quoted(s))
	case strings.HasPrefix(d, "."):
		return "", fmt.Errorf("%s begins with a dot; write \"*%s\" for all that is below it", quoted(s), d)
	case strings.HasPrefix(d, "sip:"), strings.HasPrefix(d, "sips:"), strings.Contains(d, ":"):
		return "", fmt.Errorf("%s is more than a domain; write neither scheme nor port", quoted(s))
	}
	return "", fmt.Errorf("%s is no domain; write it as example.com, \"*.example.com\" or \"*\"", quoted(s))
}

// checkHost refuses what cannot be the host of a SIP URI (RFC 3261 §25.1: host).
func checkHost(s string) error {
	if a, err := parseAddr(s); err == nil {
		switch {
		case a.Is6() && s[0] != '[':
			return fmt.Errorf("%s is an IPv6 address without brackets; write \"[%s]\"", quoted(s), s)
		case a.Zone() != "":
			return fmt.Errorf("%s has a zone, which has no meaning on other machines; write the address without %%%s", quoted(s), a.Zone())
		case a.IsUnspecified():
			return fmt.Errorf("%s is no address that anybody can send to; write the one that others use", quoted(s))
		}
		return nil
	}
	if !validHost(s) {
		return fmt.Errorf("%s is neither an address nor a host name", quoted(s))
	}
	return nil
}

// validHost is a host name as people use them: the letters, digits and dashes of RFC 3261 §25.1, and underscores. A
// last label of digits alone would be a misspelt address.
func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// parseHop reads a next hop: a SIP URI, or a host or host:port, which become one.
func parseHop(s string) (string, error) {
	uri := s
	if lower := strings.ToLower(s); !strings.HasPrefix(lower, "sip:") && !strings.HasPrefix(lower, "sips:") {
		if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
			return "", fmt.Errorf("%s is an IPv6 address without brackets; write sip:[%s]", quoted(s), s)
		}
		if strings.Contains(s, "://") || strings.HasPrefix(lower, "tel:") {
			return "", fmt.Errorf("%s is no SIP URI; write sip:HOST or sip:HOST:PORT", quoted(s))
		}
		uri = "sip:" + s
	}
	u, ok := sipwire.ParseURI([]byte(uri))
	if !ok {
		return "", fmt.Errorf("%s is no SIP URI; write sip:HOST or sip:HOST:PORT, IPv6 in [brackets]", quoted(s))
	}
	if len(u.Headers) > 0 {
		return "", fmt.Errorf("%s has headers behind the ?; a next hop takes none", quoted(s))
	}
	if _, ok := u.Param("maddr"); ok {
		return "", fmt.Errorf("%s has a maddr; write the host to send to in its place", quoted(s))
	}
	if v, ok := u.Param("transport"); ok && u.Transport() == sipwire.NoTransport {
		return "", fmt.Errorf("%s has the transport %q, which is none; leave it out, or write udp, tcp, tls, ws or wss", quoted(s), v)
	}
	return uri, checkHost(string(u.Host))
}

// hop is a next hop as the checks see it.
type hop struct {
	transport sipwire.Transport
	host      string // lower case, IPv6 in brackets
	port      uint16
	addr      netip.Addr // not valid when host is a name
}

// hopOf is what parseHop has passed. Where the URI names no transport it is the one that RFC 3263 §4.1 prefers, of those that legs
// carry. A sips URI has TLS below what it names (RFC 3261 §26.2.2).
func hopOf(uri string, legs []Leg) (h hop) {
	u, _ := sipwire.ParseURI([]byte(uri))
	switch h.transport = u.Transport(); {
	case u.Scheme == sipwire.SIPS && h.transport.IsWebSocket():
		h.transport = sipwire.WSS
	case u.Scheme == sipwire.SIPS:
		h.transport = sipwire.TLS
	case h.transport == sipwire.NoTransport:
		h.transport = usual(legs)
	}
	h.host, h.port = strings.ToLower(string(u.Host)), u.Port
	if h.port == 0 {
		h.port = h.transport.DefaultPort()
	}
	if a, err := parseAddr(h.host); err == nil {
		h.addr = a.Unmap()
	}
	return h
}

// usual is the transport of what names none.
func usual(legs []Leg) sipwire.Transport {
	for _, t := range []sipwire.Transport{sipwire.UDP, sipwire.TCP, sipwire.TLS} {
		if slices.ContainsFunc(legs, func(l Leg) bool { return l.Transport == t }) {
			return t
		}
	}
	return sipwire.UDP
}
