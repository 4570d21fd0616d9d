package sipwire

import (
	"fmt"
	"testing"
)

func TestViaParts(t *testing.T) {
	for via, want := range map[string]string{
		"SIP/2.0/UDP a":          "UDP a:0",
		"SIP/2.0/UDP a:5060":     "UDP a:5060",
		"SIP/2.0/UDP a:":         "UDP a:0",
		"sip/2.0/tcp a;BRANCH=z": "TCP a:0 branch=z",
		"SIP  / 2.0  / TCP     a   ;\r\n  branch  =   z": "TCP a:0 branch=z",
		"SIP/2.0/TLS-SCTP a;branch=z":                    " a:0 branch=z",
		"SIP/2.0/WSS [2001:db8::1] : 443;branch=z":       "WSS [2001:db8::1]:443 branch=z",
		"SIP/2.0/UDP\r\n\t[::ffff:192.0.2.10]:19823":     "UDP [::ffff:192.0.2.10]:19823",
		"SIP/2.0/UDP a;received=[2001:db8::9];branch=z":  "UDP a:0 branch=z received=[2001:db8::9]",
		"SIP/2.0/UDP a;received=2001:db8::9:255":         "UDP a:0 received=2001:db8::9:255",
		"SIP/2.0/UDP a;maddr=m;ttl=1;rport;x":            "UDP a:0 maddr=m rport=0",
		"SIP/2.0/UDP a;rport=99":                         "UDP a:0 rport=99",
		"SIP/2.0/UDP a;rport=65536":                      "UDP a:0 rport=0",
		"SIP/2.0/UDP a;branch=1;branch=2":                "UDP a:0 branch=1",
		"SIP/2.0/UDP a;x=\";branch=1,\";branch=2":        "UDP a:0 branch=2",
		"SIP/2.0/UDP a;x=\"\\\";branch=1\" ;branch=2":    "UDP a:0 branch=2",
		"SIP/2.0/UDP a;xbranch=1;branchx=2;branch":       "UDP a:0",
		"SIP/2.0/UDP a;branch=z (a comment)":             "UDP a:0 branch=z (a comment)",
		"SIP/2.0/UDP a;branch=z, SIP/2.0/UDP b":          "UDP a:0 branch=z",
		"SIP/2.0/UDP a,SIP/2.0/UDP b;branch=z":           "UDP a:0",
	} {
		m := new(Message)
		fault := m.Parse(withVia(via))
		v, ok := m.TopVia()
		got := fmt.Sprintf("%s %s:%d", v.Transport, m.Bytes(v.Host), v.Port)
		for _, p := range []struct {
			name string
			at   Span
		}{{"branch", v.Branch}, {"received", v.Received}, {"maddr", v.MAddr}} {
			if !p.at.Empty() {
				got += fmt.Sprintf(" %s=%s", p.name, m.Bytes(p.at))
			}
		}
		if v.HasRPort {
			got += fmt.Sprintf(" rport=%d", v.RPort)
		}
		if !ok || fault != None || got != want {
			t.Errorf("%s: %v %q %s, not %s", via, ok, fault, got, want)
		}
	}
}

// TestViasAreWalkedInOrder goes through lists, compact names, folds, and headers between.
func TestViasAreWalkedInOrder(t *testing.T) {
	m := new(Message)
	m.Parse(lines(`SIP/2.0 200 OK
v: SIP/2.0/UDP a, SIP/2.0/UDP b;x="c,"
From: <sip:a@b>;tag=1
VIA : SIP/2.0/UDP
 d,
 SIP/2.0/UDP e
To: <sip:a@b>;tag=2
Via: SIP/2.0/UDP f
Call-ID: c
CSeq: 1 OPTIONS

`))
	hosts := ""
	for v, ok := m.TopVia(); ok; v, ok = m.ViaBelow(v) {
		hosts += string(m.Bytes(v.Host))
	}
	if hosts != "abdef" {
		t.Errorf("hosts %s", hosts)
	}
}

func TestAParameterOfAViaByName(t *testing.T) {
	for via, want := range map[string]string{
		"SIP/2.0/UDP a":                              "",
		"SIP/2.0/UDP a;n":                            "",
		"SIP/2.0/UDP a;n=1":                          "1",
		"SIP/2.0/UDP [2001:db8::1]:5060;N = 1 ;x":    "1",
		"SIP/2.0/UDP a;branch=z;nn=2;n=1;n=3":        "1",
		"SIP/2.0/UDP a;x=\";n=2\";n=1":               "1",
		"SIP/2.0/UDP a;branch=z, SIP/2.0/UDP b;n=1":  "",
		"SIP/2.0/UDP a;branch=z;\r\n n=1;branch=n=2": "1",
	} {
		m := new(Message)
		m.Parse(withVia(via))
		v, _ := m.TopVia()
		if got := string(m.ViaParam(v, "n")); got != want {
			t.Errorf("%s: n is %q, not %q", via, got, want)
		}
	}
}
