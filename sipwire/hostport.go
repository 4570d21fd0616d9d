package sipwire

import (
	"bytes"
	"net/netip"
)

// hostPort reads host [ COLON port ] at p. IPv6 addresses stand in brackets. A port of 0, and a colon without a port, are
// none.
func hostPort(raw []byte, p, end int32) (host Span, port uint16, next int32, ok bool) {
	host.Off = p
	if p < end && raw[p] == '[' {
		n := bytes.IndexByte(raw[p:end], ']')
		if n < 0 || !isIPv6(raw[p+1:p+int32(n)]) {
			return host, 0, p, false
		}
		p += int32(n) + 1
	} else {
		for p < end && classes[raw[p]]&classHost != 0 {
			p++
		}
	}
	if host.End = p; host.Empty() {
		return host, 0, p, false
	}
	colon := skipBlanks(raw, p, end)
	if colon == end || raw[colon] != ':' {
		return host, 0, p, true
	}
	p = skipBlanks(raw, colon+1, end)
	n := 0
	for ; p < end && isDigit(raw[p]); p++ {
		if n = n*10 + int(raw[p]-'0'); n >= 1<<16 {
			return host, 0, p, false
		}
	}
	return host, uint16(n), p, true
}

// isIPv6 is a check of form only: ParseAddr has the last word when the address is used.
func isIPv6(b []byte) bool {
	colons := 0
	for _, c := range b {
		switch {
		case c == ':':
			colons++
		case c != '.' && classes[c]&classHex == 0:
			return false
		}
	}
	return colons >= 2
}

// ParseAddr reads an address literal, IPv6 with or without brackets. An IPv4-mapped address is the IPv4 address. It is
// netip.ParseAddr without its error, which would cost an allocation for every host name, and without zones.
func ParseAddr(b []byte) (netip.Addr, bool) {
	if n := len(b); n > 2 && b[0] == '[' && b[n-1] == ']' {
		b = b[1 : n-1]
	}
	if v, ok := parseIPv4(b); ok {
		return netip.AddrFrom4(v), true
	}
	v, ok := parseIPv6(b)
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16(v).Unmap(), true
}

func parseIPv4(b []byte) (v [4]byte, ok bool) {
	part, n, digits := 0, 0, 0
	for _, c := range b {
		switch {
		case c == '.' && digits > 0 && part < 3:
			v[part] = byte(n)
			part++
			n, digits = 0, 0
		case isDigit(c) && digits < 3:
			if n = n*10 + int(c-'0'); n > 255 {
				return v, false
			}
			digits++
		default:
			return v, false
		}
	}
	v[3] = byte(n)
	return v, part == 3 && digits > 0
}

// parseIPv6 reads the text of RFC 4291 §2.2: groups, at most one "::", at the end maybe an IPv4 address.
func parseIPv6(b []byte) (v [16]byte, ok bool) {
	n, gap := 0, -1 // bytes read, and how many of them stand before the "::"
	if bytes.HasPrefix(b, []byte("::")) {
		gap, b = 0, b[2:]
	}
	for len(b) > 0 {
		x, digits := group(b)
		switch {
		case n <= 12 && digits > 0 && digits < len(b) && b[digits] == '.':
			tail, ok := parseIPv4(b)
			if !ok {
				return v, false
			}
			n, b = n+copy(v[n:], tail[:]), nil
			continue
		case n == 16 || digits == 0:
			return v, false
		}
		v[n], v[n+1] = byte(x>>8), byte(x)
		n, b = n+2, b[digits:]
		switch {
		case len(b) == 0:
		case len(b) == 1 || b[0] != ':':
			return v, false
		case b[1] != ':':
			b = b[1:]
		case gap >= 0:
			return v, false
		default:
			gap, b = n, b[2:]
		}
	}
	if gap < 0 || n == 16 {
		return v, gap < 0 && n == 16
	}
	tail := v[gap:n]
	copy(v[16-len(tail):], tail)
	clear(v[gap : 16-len(tail)])
	return v, true
}

// group reads one to four hexadecimal digits.
func group(b []byte) (x uint16, digits int) {
	for digits < len(b) && digits < 4 && classes[b[digits]]&classHex != 0 {
		c := b[digits] | 0x20 // '0' to '9' have that bit, too
		if c >= 'a' {
			c -= 'a' - '9' - 1
		}
		x = x<<4 | uint16(c-'0')
		digits++
	}
	return x, digits
}
