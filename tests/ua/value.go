package ua

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Param is the value of a header parameter of one header value (not of the URI within), or empty. Blanks around the
// equals sign are left out; names are the same in either case.
func Param(value, name string) string {
	for _, p := range splitOutside(value, ';')[1:] {
		key, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// URI is the URI of a header value such as Contact or Route: what stands in the angle brackets, or, without them, what
// stands before the first parameter (RFC 3261 §20.10).
func URI(value string) string {
	if parts := splitOutside(value, '<'); len(parts) > 1 {
		uri, _, _ := strings.Cut(parts[1], ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}

// hop is where a URI with a literal host points. ok is false for a name and for what is no SIP URI.
func hop(uri string) (at netip.AddrPort, ok bool) {
	var u sip.Uri
	if err := sip.ParseUri(uri, &u); err != nil {
		return at, false
	}
	host := strings.Trim(u.Host, "[]")
	if maddr, given := u.UriParams.Get("maddr"); given {
		host = strings.Trim(maddr, "[]")
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return at, false
	}
	port := uint16(u.Port)
	if transport, _ := u.UriParams.Get("transport"); port == 0 {
		port = usualPort(transport, u.IsEncrypted())
	}
	return netip.AddrPortFrom(addr, port), true
}

// loose says whether a route value names a loose router (RFC 3261 §19.1.1, the lr parameter).
func loose(route string) bool {
	var u sip.Uri
	return sip.ParseUri(URI(route), &u) == nil && u.UriParams.Has("lr")
}

// usualPort is the port of a URI or Via that names none (RFC 3261 §19.1.2, RFC 7118 §5.2).
func usualPort(transport string, secure bool) uint16 {
	switch strings.ToLower(transport) {
	case "wss":
		return 443
	case "ws":
		if secure {
			return 443
		}
		return 80
	case "tls":
		return 5061
	}
	if secure {
		return 5061
	}
	return 5060
}

// wayBack is where a response to a request with that top Via goes: maddr, else received and, for a datagram, rport, else
// sent-by (RFC 3261 §18.2.2, RFC 3581 §4). ok is false when the Via names no literal address.
func wayBack(via, transport string) (to netip.AddrPort, ok bool) {
	sentBy := splitOutside(via, ';')[0]
	sentBy = strings.TrimSpace(sentBy[strings.LastIndexAny(sentBy, " \t")+1:])
	host, port := sentBy, strconv.Itoa(int(usualPort(transport, false)))
	if i := strings.LastIndex(sentBy, ":"); i > strings.LastIndex(sentBy, "]") {
		host, port = sentBy[:i], sentBy[i+1:]
	}
	if received := Param(via, "received"); received != "" {
		host = received
		if rport := Param(via, "rport"); rport != "" && transport == "udp" {
			port = rport
		}
	}
	if maddr := Param(via, "maddr"); maddr != "" {
		host = maddr
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return to, false
	}
	number, err := strconv.ParseUint(strings.TrimSpace(port), 10, 16)
	return netip.AddrPortFrom(addr, uint16(number)), err == nil
}

// splitOutside cuts s at each sep that stands in neither quotes nor angle brackets, and trims the pieces. There is
// always at least one.
func splitOutside(s string, sep byte) []string {
	var parts []string
	quoted, bracketed, from := false, false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == sep && !bracketed:
			parts = append(parts, strings.TrimSpace(s[from:i]))
			from = i + 1
			bracketed = c == '<'
		case c == '<':
			bracketed = true
		case c == '>':
			bracketed = false
		}
	}
	return append(parts, strings.TrimSpace(s[from:]))
}
