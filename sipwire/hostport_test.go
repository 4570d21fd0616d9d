package sipwire

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// TestAddressesAreReadAsTheStandardLibraryDoes takes netip as the oracle, for addresses and for what is nearly one.
// Zones, and zeros before the digits of IPv4, are where the two mean to differ.
func TestAddressesAreReadAsTheStandardLibraryDoes(t *testing.T) {
	texts := []string{
		"", ":", "::", ":::", "::1", "1::", "1::2::3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8",
		"1:2:3:4:5:6:7", "12345::", "g::", ":1::", "1:", "1::2:", "::ffff:1.2.3.4", "::1.2.3", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
		"::1.2.3.4:5", "1.2.3.4::", "::1.2.3.4.5", "::1.2.3.256", "ABCD:ef01::", "1.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.1.1.1",
		"1.2.3.1000", "a.example.com", "face", "-1.2.3.4", "1.2.3.4 ", "fe80::1%eth0",
	}
	rnd := rand.New(rand.NewPCG(5, 118))
	for range 200_000 {
		b := make([]byte, rnd.IntN(24))
		for i := range b {
			b[i] = "0123456789abcdefF::::...g"[rnd.IntN(25)]
		}
		texts = append(texts, string(b))
	}
	for range 2000 {
		var a [16]byte
		for i := range a {
			a[i] = byte(rnd.Uint32()) & byte(-rnd.IntN(2))
		}
		addr := netip.AddrFrom16(a)
		texts = append(texts, addr.String(), addr.StringExpanded())
	}
	for _, s := range texts {
		want, err := netip.ParseAddr(s)
		got, ok := ParseAddr([]byte(s))
		if zoned := want.Zone() != ""; zoned && ok {
			t.Errorf("%q has a zone, and is read as %v", s, got)
		} else if (ok || err == nil) && !zoned && !hasLeadingZero(s) && (ok != (err == nil) || got != want.Unmap()) {
			t.Errorf("%q is read as %v %v, not %v %v", s, got, ok, want.Unmap(), err)
		}
	}
}

// hasLeadingZero knows the IPv4 part that netip refuses.
func hasLeadingZero(s string) bool {
	for i := range max(len(s)-1, 0) {
		if strings.Contains(s, ".") && s[i] == '0' && isDigit(s[i+1]) && (i == 0 || s[i-1] == '.' || s[i-1] == ':') {
			return true
		}
	}
	return false
}

func TestBracketsAroundAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"[2001:db8::1]": "2001:db8::1", "2001:DB8::1": "2001:db8::1", "[::ffff:192.0.2.1]": "192.0.2.1", "010.0.0.1": "10.0.0.1",
		"[]": "", "[": "", "[::1": "", "::1]": "", "[[::1]]": "", "[2001:db8:::1]": "",
	} {
		got, ok := ParseAddr([]byte(text))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
}
