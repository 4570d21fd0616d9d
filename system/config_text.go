package system

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/actorsip/actorsip/sipwire"
)

// What the values of the file look like. Each parse says in a sentence what is wrong with the text and what would be
// right.

func parseText(s string) (string, error) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return "", fmt.Errorf("%s has a line break or another control character", quoted(s))
	}
	return s, nil
}

func parseNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%s is no whole number", quoted(s))
	}
	return n, nil
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && (d != 0 || strings.ContainsAny(s, "hmsuµ")) {
		return d, nil
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return 0, fmt.Errorf("%s has no unit; write %ss or %sms", quoted(s), s, s)
	}
	return 0, fmt.Errorf("%s is no duration; write it as 500ms, 2s or 1m30s", quoted(s))
}

// parseWord reads one of a few words.
func parseWord[T any](s, write string, words map[string]T) (T, error) {
	value, ok := words[s]
	if !ok {
		return value, fmt.Errorf("%s is not known; write %s", quoted(s), write)
	}
	return value, nil
}

func parseSwitch(s string) (bool, error) {
	return parseWord(s, "true or false", map[string]bool{"true": true, "false": false})
}

func parseRewrite(s string) (Rewrite, error) {
	return parseWord(s, "crossing, always or never", map[string]Rewrite{
		"crossing": Crossing, "always": Always, "never": Never,
	})
}

func parseLevel(s string) (slog.Level, error) {
	return parseWord(s, "debug, info, warn or error", map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	})
}

func parseFormat(s string) (LogFormat, error) {
	return parseWord(s, "json or text", map[string]LogFormat{"json": LogJSON, "text": LogText})
}

type listenText struct {
	transport sipwire.Transport
	addr      netip.AddrPort
}

// parseListen reads transport:address:port.
func parseListen(s string) (listenText, error) {
	word, rest, _ := strings.Cut(s, ":")
	transport, known := sipwire.ParseTransport([]byte(word))
	switch {
	case !known:
		return listenText{}, noTransport(s)
	case transport != sipwire.UDP && !transport.IsStream():
		return listenText{}, fmt.Errorf("%s begins with a transport that no leg carries; write udp, tcp, tls, ws or wss for %s", quoted(s), word)
	}
	addr, err := netip.ParseAddrPort(rest)
	if err != nil {
		return listenText{}, noAddress(transport, s, rest)
	}
	return listenText{transport, addr}, nil
}

// noTransport says what was meant by s, which begins with no transport.
func noTransport(s string) error {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return fmt.Errorf("%s names no transport; write udp:%s", quoted(s), a)
	}
	if a, err := parseAddr(s); err == nil {
		return fmt.Errorf("%s names neither transport nor port; write udp:%s", quoted(s), netip.AddrPortFrom(a, 5060))
	}
	return fmt.Errorf("%s does not begin with a transport; write udp:ADDRESS:PORT", quoted(s))
}

// noAddress says what was meant by s, whose rest behind the transport is no address and port.
func noAddress(t sipwire.Transport, s, rest string) error {
	if a, err := bareIPv6(t, rest); err == nil {
		return fmt.Errorf("%s has an IPv6 address without brackets; write %s:%s", quoted(s), t.Param(), a)
	}
	if a, err := parseAddr(rest); err == nil {
		return fmt.Errorf("%s names no port; write %s:%s", quoted(s), t.Param(), netip.AddrPortFrom(a, t.DefaultPort()))
	}
	switch host, port, ok := cutPort(rest); {
	case ok && host == "":
		return fmt.Errorf("%s names no address; write %s:ADDRESS:%s", quoted(s), t.Param(), port)
	case ok && validHost(host):
		return fmt.Errorf("%s listens on the name %s; write the address, and advertise: %s below", quoted(s), host, host)
	}
	return fmt.Errorf("%s is no listen address; write %s:ADDRESS:PORT, IPv6 in [brackets]", quoted(s), t.Param())
}

// bareIPv6 guesses what is meant by IPv6 without brackets: 2001:db8::1:5060 is an address, but hardly the one.
func bareIPv6(t sipwire.Transport, s string) (netip.AddrPort, error) {
	host, text, _ := cutPort(s)
	if port, err := strconv.ParseUint(text, 10, 16); err == nil && port >= 1000 {
		if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
			return netip.AddrPortFrom(a, uint16(port)), nil
		}
	}
	a, err := netip.ParseAddr(s)
	if err == nil && !a.Is6() {
		err = errors.New("IPv4")
	}
	return netip.AddrPortFrom(a, t.DefaultPort()), err
}

type advertiseText struct {
	host string
	port uint16
}

func parseAdvertise(s string) (a advertiseText, err error) {
	a.host, a.port, err = splitHostPort(s)
	return a, err
}

// parseHostPort checks a host or host:port and keeps it as it is.
func parseHostPort(s string) (string, error) {
	_, _, err := splitHostPort(s)
	return s, err
}

// splitHostPort reads a host, or a host and port, as a SIP URI has them: IPv6 in brackets. Port 0 is none.
func splitHostPort(s string) (host string, port uint16, err error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
		return "", 0, fmt.Errorf("%s is an IPv6 address without brackets; write \"[%s]\"", quoted(s), s)
	}
	host = s
	if h, p, ok := cutPort(s); ok {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", 0, fmt.Errorf("%s has no valid port; write a port from 1 to 65535 behind the colon", quoted(s))
		}
		host, port = h, uint16(n)
	}
	if err := checkHost(host); err != nil {
		return "", 0, err
	}
	return host, port, nil
}

// cutPort cuts at the last colon that is not inside brackets.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.IndexByte(s[i:], ']') >= 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// parseAddr reads an address literal, IPv6 with or without brackets.
func parseAddr(s string) (netip.Addr, error) {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		if a, err := netip.ParseAddr(s[1 : len(s)-1]); err != nil || a.Is6() {
			return a, err
		}
		return netip.Addr{}, errors.New("brackets are for IPv6")
	}
	return netip.ParseAddr(s)
}

func parseReach(s string) (Reach, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if m := p.Masked(); m != p {
			return Reach{}, fmt.Errorf("%s has bits behind the network; write %s for the network or %s for the one address",
				quoted(s), m, p.Addr())
		}
		return Reach{Prefix: p}, nil
	}
	if a, err := parseAddr(s); err == nil && a.Zone() == "" {
		return oneAddress(a, 0), nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() != 0 && ap.Addr().Zone() == "" {
		return oneAddress(ap.Addr(), ap.Port()), nil
	}
	return Reach{}, fmt.Errorf("%s is no network, address or address:port; write it as 10.0.0.0/8, 192.0.2.1 or 192.0.2.1:5060",
		quoted(s))
}

func oneAddress(a netip.Addr, port uint16) Reach {
	return Reach{Prefix: netip.PrefixFrom(a, a.BitLen()), Port: port}
}

func parseServer(s string) (netip.AddrPort, error) {
	if a, err := parseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() != 0 {
		return ap, nil
	}
	return netip.AddrPort{}, fmt.Errorf("%s is no address of a name server; write it as 192.0.2.53 or 192.0.2.53:53", quoted(s))
}

// parseAdmin is empty for off.
func parseAdmin(s string) (string, error) {
	if s == "off" {
		return "", nil
	}
	host, port, ok := cutPort(s)
	if !ok {
		return "", fmt.Errorf("%s names no port; write it as 127.0.0.1:8060, or off", quoted(s))
	}
	a, errHost := parseAddr(host)
	_, errPort := strconv.ParseUint(port, 10, 16)
	if errHost != nil && host != "localhost" || a.Is6() && host[0] != '[' || errPort != nil {
		return "", fmt.Errorf("%s is no address:port; write it as 127.0.0.1:8060, or off", quoted(s))
	}
	return s, nil
}
