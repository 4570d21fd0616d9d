package digest

import "testing"

func TestURIsOfTheSameResource(t *testing.T) {
	for _, x := range []struct {
		a, b string
		same bool
	}{
		{"sip:bob@example.com", "sip:bob@example.com", true},
		{"sip:bob@example.com", "SIP:bob@EXAMPLE.com", true},
		{"sip:bob@example.com", "sip:bob@example.com:5060", true},
		{"sip:bob@example.com:5060", "sip:bob@example.com:5062", false},
		{"sip:bob@example.com", "sip:bob@example.com;transport=udp;user=phone", true},
		{"sip:bob@example.com", "sip:%62ob@example.com", true},
		{"sip:+49%23@example.com", "sip:+49#@example.com", true},
		{"sip:bob@example.com", "sip:Bob@example.com", false},
		{"sip:bob@example.com", "sip:bobby@example.com", false},
		{"sip:bob@example.com", "sip:example.com", false},
		{"sip:bob@example.com", "sip:bob@example.com.evil.net", false},
		{"sip:bob@example.com", "sips:bob@example.com", false},
		{"sip:bob:pw@example.com", "sip:bob@example.com", false},
		{"sip:[2001:db8::1]", "sip:[2001:DB8::1]:5060", true},
		{"tel:+4930123", "tel:+4930123", true},
		{"tel:+4930123", "TEL:+4930123", true},
		{"tel:+4930123", "tel:+4930124", false},
		{"tel:+4930123", "sip:+4930123@example.com", false},
		{"", "sip:bob@example.com", false},
		{"/", "sip:bob@example.com", false},
		{"sip:bob@example.com sip:x", "sip:bob@example.com", false},
	} {
		if sameURI([]byte(x.a), []byte(x.b)) != x.same || sameURI([]byte(x.b), []byte(x.a)) != x.same {
			t.Errorf("%s and %s: want %v", x.a, x.b, x.same)
		}
	}
}
