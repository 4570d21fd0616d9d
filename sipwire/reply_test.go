package sipwire

import (
	"net/netip"
	"strings"
	"testing"
)

// TestResponseGoesWhereTheRequestCameFrom stamps a Via, parses what leaves, and asks where its response goes
// (RFC 3261 §18.2.1, §18.2.2, RFC 3581 §4).
func TestResponseGoesWhereTheRequestCameFrom(t *testing.T) {
	for _, c := range []struct{ via, source, stamped, reply string }{
		{"SIP/2.0/UDP 192.0.2.33", "192.0.2.33:5060", "SIP/2.0/UDP 192.0.2.33", "192.0.2.33:5060"},
		{"SIP/2.0/UDP 192.0.2.33:5062", "192.0.2.33:1024", "SIP/2.0/UDP 192.0.2.33:5062", "192.0.2.33:5062"},
		{"SIP/2.0/UDP 10.0.0.1:5062", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1:5062;received=192.0.2.33", "192.0.2.33:5062"},
		{"SIP/2.0/UDP 10.0.0.1:5062;rport", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1:5062;rport=1024;received=192.0.2.33", "192.0.2.33:1024"},
		{"SIP/2.0/UDP 192.0.2.33:5062;rport;x", "192.0.2.33:5062", "SIP/2.0/UDP 192.0.2.33:5062;rport=5062;x;received=192.0.2.33", "192.0.2.33:5062"},
		{"SIP/2.0/UDP a.example.com", "192.0.2.33:1024", "SIP/2.0/UDP a.example.com;received=192.0.2.33", "192.0.2.33:5060"},
		{"SIP/2.0/TLS a.example.com", "192.0.2.33:1024", "SIP/2.0/TLS a.example.com;received=192.0.2.33", "192.0.2.33:5061"},
		{"SIP/2.0/WSS a.invalid;rport", "192.0.2.33:1024", "SIP/2.0/WSS a.invalid;rport=1024;received=192.0.2.33", "192.0.2.33:1024"},
		{"SIP/2.0/ODD a.example.com", "192.0.2.33:1024", "SIP/2.0/ODD a.example.com;received=192.0.2.33", "192.0.2.33:5060"},
		{"SIP/2.0/UDP a.example.com:0", "192.0.2.33:1024", "SIP/2.0/UDP a.example.com:0;received=192.0.2.33", "192.0.2.33:5060"},
		{"SIP/2.0/UDP [2001:db8::33]:5062", "[2001:db8:0::33]:1024", "SIP/2.0/UDP [2001:db8::33]:5062", "[2001:db8::33]:5062"},
		{"SIP/2.0/UDP [2001:db8::9]", "[2001:db8::33]:1024", "SIP/2.0/UDP [2001:db8::9];received=2001:db8::33", "[2001:db8::33]:5060"},
		{"SIP/2.0/UDP [2001:db8::9];rport", "[fe80::1%eth0]:1024", "SIP/2.0/UDP [2001:db8::9];rport=1024;received=fe80::1", "[fe80::1]:1024"},
		{"SIP/2.0/UDP [::ffff:192.0.2.33]", "192.0.2.33:1024", "SIP/2.0/UDP [::ffff:192.0.2.33]", "192.0.2.33:5060"},
		{"SIP/2.0/UDP 192.0.2.33", "[::ffff:192.0.2.33]:1024", "SIP/2.0/UDP 192.0.2.33", "192.0.2.33:5060"},
		// what the sender made up does not stand
		{"SIP/2.0/UDP 10.0.0.1;received=203.0.113.9", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;received=192.0.2.33", "192.0.2.33:5060"},
		{"SIP/2.0/UDP 192.0.2.33;received=203.0.113.9", "192.0.2.33:1024", "SIP/2.0/UDP 192.0.2.33;received=192.0.2.33", "192.0.2.33:5060"},
		{"SIP/2.0/UDP 10.0.0.1 ; received = [2001:db8::9] ; x", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1 ; received=192.0.2.33 ; x", "192.0.2.33:5060"},
		{"SIP/2.0/UDP 10.0.0.1;received;x", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;received=192.0.2.33;x", "192.0.2.33:5060"},
		{"SIP/2.0/UDP 10.0.0.1;received=", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;received=192.0.2.33", "192.0.2.33:5060"},
		{"SIP/2.0/UDP 10.0.0.1;received=203.0.113.9;received=203.0.113.8", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;received=192.0.2.33;received=203.0.113.8", "192.0.2.33:5060"},
		{"SIP/2.0/UDP 10.0.0.1;rport=9;RPORT=8", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;rport=1024;RPORT=8;received=192.0.2.33", "192.0.2.33:1024"},
		{"SIP/2.0/UDP 10.0.0.1;rport=\"a;b\"", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;rport=1024;received=192.0.2.33", "192.0.2.33:1024"},
		{"SIP/2.0/UDP 10.0.0.1;x=\";received=203.0.113.9\"", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;x=\";received=203.0.113.9\";received=192.0.2.33", "192.0.2.33:5060"},
		// maddr comes first, with the port of sent-by
		{"SIP/2.0/UDP 10.0.0.1:5062;maddr=192.0.2.9;rport", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1:5062;maddr=192.0.2.9;rport=1024;received=192.0.2.33", "192.0.2.9:5062"},
		{"SIP/2.0/UDP 10.0.0.1;MADDR=m.example.com", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;MADDR=m.example.com;received=192.0.2.33", "m.example.com:5060"},
		{"SIP/2.0/UDP 10.0.0.1;maddr=", "192.0.2.33:1024", "SIP/2.0/UDP 10.0.0.1;maddr=;received=192.0.2.33", "192.0.2.33:5060"},
	} {
		m := new(Message)
		if fault := m.Parse(withVia(c.via)); fault != None {
			t.Errorf("%s: %q", c.via, fault)
			continue
		}
		stampVia(netip.MustParseAddrPort(c.source))(m)
		out := m.AppendTo(nil)
		_, stamped, _ := strings.Cut(string(out), "Via: ")
		if stamped, _, _ = strings.Cut(stamped, "\r\n"); stamped != c.stamped {
			t.Errorf("%s from %s becomes\n%s, not\n%s", c.via, c.source, stamped, c.stamped)
		}
		m.Parse(out)
		v, _ := m.TopVia()
		to, host, port := m.ReplyAddr(v)
		reply := to.String()
		if host != nil {
			reply = string(host) + ":" + netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()[len("0.0.0.0:"):]
		}
		if reply != c.reply {
			t.Errorf("the response to %s goes to %s, not %s", stamped, reply, c.reply)
		}
	}
}

func withVia(via string) []byte {
	return []byte("OPTIONS sip:a@b SIP/2.0\r\nVia: " + via + "\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n")
}
