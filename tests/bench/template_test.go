package main

import (
	"bytes"
	"testing"
)

func phonePair() map[string]string {
	return map[string]string{
		"caller": "alice07", "caller-addr": "127.0.0.11:40007", "caller-ip": "127.0.0.11",
		"callee": "bob07", "callee-addr": "127.0.0.12:41007", "callee-ip": "127.0.0.12",
		"caller-audio": "30000", "callee-audio": "31000", "transport": "UDP", "params": "",
	}
}

func filled(run uint32, call int) *values {
	v := &values{}
	v[callHole] = appendCall(nil, run, call)
	v[viasHole] = []byte("Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKcf41.0d5bbda1f21d1d4d6a2f5b9e1c3a7e41.0\r\n" +
		"Via: SIP/2.0/UDP 127.0.0.11:40007;rport=40007;branch=z9hG4bK-" + string(v[callHole]) + "-i\r\n")
	v[recordRoutesHole] = []byte("Record-Route: <sip:127.0.0.2:5060;r2=on;lr>\r\nRecord-Route: <sip:127.0.0.1:5060;r2=on;lr>\r\n")
	v[routesHole] = []byte("Route: <sip:127.0.0.1:5060;r2=on;lr>\r\nRoute: <sip:127.0.0.2:5060;r2=on;lr>\r\n")
	v[fromHole] = []byte(`"Alice Example" <sip:alice07@example.com>;tag=f` + string(v[callHole]))
	v[toHole] = []byte("<sip:bob07@example.com>")
	v[callIDHole] = []byte(string(v[callHole]) + "-6f21a9c4@127.0.0.11")
	v[cseqHole] = []byte("1 INVITE")
	v[uriHole] = []byte("sip:bob07@127.0.0.12:41007")
	return v
}

func TestATemplateThatIsNoMessage(t *testing.T) {
	for _, name := range []string{"invite", "ok", "ack", "bye", "okbye"} {
		tmpl, err := newTemplate(name, phonePair())
		if err != nil {
			t.Fatal(err)
		}
		b := tmpl.render(nil, filled(0xabcdef, 42))
		if bytes.ContainsAny(b, "{}") {
			t.Errorf("%s: a hole is left open:\n%s", name, b)
		}
		var m message
		if err := m.parse(b); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
		if call, ok := callOf(m.callID, 0xabcdef); !ok || call != 42 {
			t.Errorf("%s: Call-ID %s names call %d, %v", name, m.callID, call, ok)
		}
		for i := range b {
			if err := m.parse(b[:i]); err == nil {
				t.Fatalf("%s cut after %d bytes passes for whole", name, i)
			}
		}
	}
}

func TestSizesAreThoseOfRealMessages(t *testing.T) {
	for name, want := range map[string]int{"invite": 1050, "ok": 1190} {
		tmpl, err := newTemplate(name, phonePair())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(tmpl.render(nil, filled(1, 1))); n < want-30 || n > want+30 {
			t.Errorf("%s has %d bytes, wanted about %d", name, n, want)
		}
	}
}

func TestACallOfAnotherRunIsNotOurs(t *testing.T) {
	id := appendCall(nil, 0x00f00d, 7)
	if call, ok := callOf(id, 0x00f00d); !ok || call != 7 {
		t.Errorf("our own call reads %d, %v", call, ok)
	}
	for _, other := range [][]byte{nil, id[:15], appendCall(nil, 0x00f00e, 7), []byte("00f00d00000000x7")} {
		if _, ok := callOf(other, 0x00f00d); ok {
			t.Errorf("%q passes for a call of this run", other)
		}
	}
}
