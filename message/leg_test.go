package message

import (
	"net/netip"
	"testing"

	"github.com/actorsip/actorsip/sipwire"
)

func TestALegNamesItself(t *testing.T) {
	for _, c := range []struct {
		name, addr, host string
		port             uint16
		want             string
	}{
		{"as it is bound", "10.0.0.1:5060", "", 0, "10.0.0.1:5060"},
		{"IPv6 in brackets", "[2001:db8::1]:5062", "", 0, "[2001:db8::1]:5062"},
		{"a name, the port that is bound", "10.0.0.1:5070", "sip.example.com", 0, "sip.example.com:5070"},
		{"a name and a port", "10.0.0.1:5070", "sip.example.com", 5060, "sip.example.com:5060"},
		{"another address", "10.0.0.1:5070", "203.0.113.1", 15060, "203.0.113.1:15060"},
		{"all addresses", "0.0.0.0:5060", "203.0.113.1", 0, "203.0.113.1:5060"},
		{"another IPv6 address", "[::]:5060", "[2001:db8::2]", 0, "[2001:db8::2]:5060"},
	} {
		l := NewLeg("a", sipwire.UDP, netip.MustParseAddrPort(c.addr), c.host, c.port)
		if l.HostPort != c.want {
			t.Errorf("%s: it calls itself %s, want %s", c.name, l.HostPort, c.want)
		}
	}
}

// The id stands in tokens that are out for days: it must be the same after a restart, on every node, at every place
// in the configuration.
func TestALegsIDComesFromItsNameAlone(t *testing.T) {
	at := netip.MustParseAddrPort("10.0.0.1:5060")
	a := NewLeg("inside", sipwire.UDP, at, "", 0)
	b := NewLeg("inside", sipwire.TCP, netip.MustParseAddrPort("[::1]:1"), "example.com", 7)
	NewLegs([]*Leg{NewLeg("outside", sipwire.UDP, at, "", 0), b})
	if a.ID != b.ID || a.ID != 0xc4 {
		t.Fatalf("the id of inside is %#x and %#x; it was 0xc4 once, and tokens say so", a.ID, b.ID)
	}
	if a.Index != 0 || b.Index != 1 {
		t.Fatal("the legs are not numbered as they come")
	}
}

func TestOnlyOurOwnHostsAreOurs(t *testing.T) {
	legs := NewLegs([]*Leg{
		NewLeg("inside", sipwire.UDP, netip.MustParseAddrPort("10.0.0.1:5060"), "", 0),
		NewLeg("outside", sipwire.UDP, netip.MustParseAddrPort("192.168.0.1:5070"), "sip.example.com", 5060),
		NewLeg("six", sipwire.UDP, netip.MustParseAddrPort("[2001:db8::1]:5060"), "", 0),
		NewLeg("nat", sipwire.UDP, netip.MustParseAddrPort("[::]:5080"), "[2001:db8::a:b]", 5090),
		NewLeg("tls", sipwire.TLS, netip.MustParseAddrPort("10.0.0.1:5061"), "", 0),
	})
	for _, c := range []struct {
		host string
		port uint16
		want string
	}{
		{"10.0.0.1", 5060, "inside"},
		{"10.0.0.1", 0, "inside"}, // 5060 is the default of UDP
		{"10.0.0.1", 5061, "tls"},
		{"10.0.0.1", 5062, ""},
		{"10.0.0.2", 5060, ""},
		{"sip.example.com", 0, "outside"},
		{"SIP.Example.COM", 5060, "outside"},
		{"sip.example.com", 5070, ""}, // it calls itself :5060
		{"192.168.0.1", 5070, "outside"},
		{"192.168.0.1", 0, ""},
		{"sip.example.com.evil.org", 0, ""},
		{"xsip.example.com", 0, ""},
		{"example.com", 0, ""},
		{"[2001:db8::1]", 0, "six"},
		{"[2001:DB8:0:0::1]", 5060, "six"}, // IPv6 has many spellings
		{"2001:db8::1", 5060, "six"},       // as a maddr may have it
		{"[2001:db8::2]", 0, ""},
		{"[2001:db8::a:b]", 5090, "nat"},
		{"[2001:DB8:0:0:0:0:A:B]", 5090, "nat"},
		{"[2001:db8::a:b]", 5080, ""},
		{"", 5060, ""},
		{"[", 5060, ""},
	} {
		got := ""
		if l := legs.Own([]byte(c.host), c.port, sipwire.NoTransport); l != nil {
			got = l.Name
		}
		if got != c.want {
			t.Errorf("%s port %d is leg %q, want %q", c.host, c.port, got, c.want)
		}
	}
	if legs.Named("six") != legs.All[2] || legs.Named("seven") != nil {
		t.Error("legs are not found by their names")
	}
}

func BenchmarkOwn(b *testing.B) {
	legs := NewLegs([]*Leg{
		NewLeg("inside", sipwire.UDP, netip.MustParseAddrPort("10.0.0.1:5060"), "", 0),
		NewLeg("outside", sipwire.UDP, netip.MustParseAddrPort("192.168.0.1:5060"), "", 0),
	})
	for name, host := range map[string][]byte{"ours": []byte("192.168.0.1"), "address": []byte("203.0.113.9"), "name": []byte("example.com")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				legs.Own(host, 5060, sipwire.UDP)
			}
		})
	}
}
