package target

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/actorsip/actorsip/sipwire"
)

// Query asks where to send a request: the target of RFC 3263 §4, taken from a Route or request-URI.
type Query struct {
	Host      string            // domain name or address literal; IPv6 without brackets
	Port      uint16            // 0: the URI names none, so SRV applies
	Transport sipwire.Transport // NoTransport: the URI names none
	Secure    bool              // a sips URI
	Family    Family            // of the addresses that will do: those that the egress leg reaches
	Key       uint64            // hash of the Call-ID: picks among equals
	Attempt   int               // 0: the first choice; n: what is next when n before it could not be connected to
}

// Family restricts a query to addresses of one family.
type Family uint8

// AnyFamily is no restriction.
const (
	AnyFamily Family = iota
	OnlyIPv4
	OnlyIPv6
)

// FamilyOf is the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return OnlyIPv4
	}
	return OnlyIPv6
}

// Hop is where to send it.
type Hop struct {
	Transport sipwire.Transport
	Addr      netip.AddrPort
}

// String is for people: "UDP 192.0.2.1:5060".
func (h Hop) String() string { return fmt.Sprintf("%s %s", h.Transport, h.Addr) }

// fixed is the transport that the URI itself fixes, or NoTransport. ok is false for a sips URI on a transport that
// cannot be secured. In a sips URI, transport=tcp means TLS over TCP (RFC 3261 §26.2.2).
func (q Query) fixed() (t sipwire.Transport, ok bool) {
	if !q.Secure {
		return q.Transport, true
	}
	switch q.Transport {
	case sipwire.NoTransport:
		return sipwire.NoTransport, true
	case sipwire.TCP, sipwire.TLS:
		return sipwire.TLS, true
	case sipwire.WS, sipwire.WSS:
		return sipwire.WSS, true
	}
	return sipwire.NoTransport, false
}

// literal reads an address. is says that host can be nothing else: it holds a colon, or only digits and dots (no top
// label is all digits, RFC 3261 §25.1). Then addr is invalid if host is no address. A zone says nothing outside its
// own host, so an address with one is none.
func literal(host string) (addr netip.Addr, is bool) {
	if strings.IndexByte(host, ':') < 0 && !numeric(host) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, true
	}
	return addr.Unmap(), true
}

func numeric(host string) bool {
	for i := 0; i < len(host); i++ {
		if c := host[i]; c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return host != ""
}
