package ua

import (
	"net/netip"
	"slices"
	"testing"
)

const folded = "INVITE sip:bob@example.com;a=b SIP/2.0\r\n" +
	"v: SIP/2.0/UDP one;branch=z9hG4bK1 ,\r\n SIP/2.0/UDP two;branch=z9hG4bK2\r\n" +
	"VIA : SIP/2.0/TCP three\r\n" +
	"Route: <sip:p1;lr;x=\",\">, \"a, b\" <sip:p2>\r\n" +
	"f: \"A; B\" <sip:a@b;tag=uri>;tag = right\r\n" +
	"CSeq: 7 INVITE\r\n" +
	"l: 3\r\n\r\nabc"

func TestListsFoldsAndCompactNamesAreSeenAsOne(t *testing.T) {
	m, err := Parse([]byte(folded))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"SIP/2.0/UDP one;branch=z9hG4bK1", "SIP/2.0/UDP two;branch=z9hG4bK2", "SIP/2.0/TCP three"}; !slices.Equal(m.Vias(), want) {
		t.Errorf("Vias: %q", m.Vias())
	}
	if want := []string{`<sip:p1;lr;x=",">`, `"a, b" <sip:p2>`}; !slices.Equal(m.Routes(), want) {
		t.Errorf("Routes: %q", m.Routes())
	}
	if tag := Param(m.First("From"), "tag"); tag != "right" {
		t.Errorf("the From tag is %q", tag)
	}
	if m.Method() != "INVITE" || m.RequestURI() != "sip:bob@example.com;a=b" || m.CSeq() != 7 || string(m.Body) != "abc" {
		t.Errorf("%q %q %d %q", m.Method(), m.RequestURI(), m.CSeq(), m.Body)
	}
	if m.Fields[0].Raw != "v: SIP/2.0/UDP one;branch=z9hG4bK1 ,\r\n SIP/2.0/UDP two;branch=z9hG4bK2" {
		t.Errorf("a folded field lost its bytes: %q", m.Fields[0].Raw)
	}
}

func TestAnswersFindTheirWayBack(t *testing.T) {
	for via, want := range map[string]string{
		"SIP/2.0/UDP 192.0.2.1;branch=x":                              "192.0.2.1:5060",
		"SIP/2.0/UDP 192.0.2.1:5062;rport;received=192.0.2.9":         "192.0.2.9:5062",
		"SIP/2.0/UDP host:5062;rport=7;received=192.0.2.9":            "192.0.2.9:7",
		"SIP/2.0/UDP 192.0.2.1;maddr=192.0.2.7;received=192.0.2.9":    "192.0.2.7:5060",
		"SIP / 2.0 / UDP [2001:db8::1]:5066;received=2001:db8::2":     "[2001:db8::2]:5066",
		"SIP/2.0/UDP [2001:db8::1];received=[2001:db8::2];rport=5070": "[2001:db8::2]:5070",
	} {
		if to, ok := wayBack(via, "udp"); !ok || to != netip.MustParseAddrPort(want) {
			t.Errorf("%s: %v, not %s", via, to, want)
		}
	}
	if to, ok := wayBack("SIP/2.0/UDP host.example.com", "udp"); ok {
		t.Errorf("a name is no address, yet %v", to)
	}
}
