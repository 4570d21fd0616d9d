package main

import (
	"net/netip"
	"strings"
	"testing"
)

func ok200(t *testing.T, headers ...string) *message {
	t.Helper()
	text := "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.11:40000;branch=z9hG4bK-x\r\nTo: <sip:bob@example.com>;tag=t1\r\n" +
		strings.Join(headers, "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
	m := &message{}
	if err := m.parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestInDialogRequestsTakeTheWrongWay(t *testing.T) {
	const contact = `Contact: "Bob, at work" <sip:tok.en@127.0.0.1:5060;transport=udp>;expires=60`
	for _, c := range []struct {
		name    string
		headers []string
		uri     string
		routes  string
		hop     string
	}{
		{
			"no route set: the remote target itself",
			[]string{contact},
			"sip:tok.en@127.0.0.1:5060;transport=udp", "", "127.0.0.1:5060",
		},
		{
			"loose routes in reverse order",
			[]string{contact, "Record-Route: <sip:127.0.0.2:5062;r2=on;lr>", "Record-Route: <sip:127.0.0.1:5061;r2=on;lr=on>"},
			"sip:tok.en@127.0.0.1:5060;transport=udp",
			"Route: <sip:127.0.0.1:5061;r2=on;lr=on>\r\nRoute: <sip:127.0.0.2:5062;r2=on;lr>\r\n", "127.0.0.1:5061",
		},
		{
			"a comma list counts as its elements",
			[]string{contact, `record-route: <sip:a@127.0.0.2;x=",";lr>;p="1,2" , <sip:127.0.0.1;lr>`},
			"sip:tok.en@127.0.0.1:5060;transport=udp",
			"Route: <sip:127.0.0.1;lr>\r\nRoute: <sip:a@127.0.0.2;x=\",\";lr>;p=\"1,2\"\r\n", "127.0.0.1:5060",
		},
		{
			"a strict router goes into the request-URI",
			[]string{contact, "Record-Route: <sip:127.0.0.2:5062;lr>", "Record-Route: <sip:127.0.0.1:5061;lre=on>"},
			"sip:127.0.0.1:5061;lre=on",
			"Route: <sip:127.0.0.2:5062;lr>\r\nRoute: <sip:tok.en@127.0.0.1:5060;transport=udp>\r\n", "127.0.0.1:5061",
		},
	} {
		var d dialog
		if err := d.learn(ok200(t, c.headers...)); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(d.requestURI()); got != c.uri {
			t.Errorf("%s: request-URI %s", c.name, got)
		}
		if got := string(d.appendRoutes(nil)); got != c.routes {
			t.Errorf("%s: routes\n%s", c.name, got)
		}
		if got, err := d.nextHop(); err != nil || got != netip.MustParseAddrPort(c.hop) {
			t.Errorf("%s: next hop %v, %v", c.name, got, err)
		}
	}
}

func TestA200ThatMakesNoDialog(t *testing.T) {
	var d dialog
	for _, headers := range [][]string{
		{"Subject: no contact"},
		{"Contact: sip:bob@127.0.0.12:5060"},
		{"Contact: <sip:bob@127.0.0.12>", "Record-Route: sip:127.0.0.1;lr"},
	} {
		if err := d.learn(ok200(t, headers...)); err == nil {
			t.Errorf("%q makes a dialog", headers)
		}
	}
}
