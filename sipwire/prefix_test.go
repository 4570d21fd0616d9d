package sipwire

import (
	"bytes"
	"slices"
	"testing"
)

// exercise asks a message everything that it can be asked, whatever its fault.
func exercise(m *Message) {
	m.Raw()
	m.Body()
	m.Method()
	m.Status()
	m.CallID()
	m.CSeq()
	m.FromTag()
	m.ToTag()
	m.MaxForwards()
	m.RequestURI()
	m.AppendUnsupported(nil)
	v, ok := m.TopVia()
	for m.ReplyAddr(v); ok; m.ReplyAddr(v) {
		v, ok = m.ViaBelow(v)
	}
	if routes, ok := m.Routes(); ok {
		for i := range routes {
			ParseURI(m.Bytes(routes[i].URI))
		}
	}
	for c, ok := m.FirstContact(); ok; c, ok = m.NextContact(c) {
		ParseURI(m.Bytes(c.URI))
	}
}

// TestCutOffMessagesAreRefused parses every prefix of messages of all shapes. Without Content-Length a prefix that ends
// in the body is a message of its own.
func TestCutOffMessagesAreRefused(t *testing.T) {
	raws := map[string][]byte{"INVITE": rawInvite, "200": rawOK, "ACK": rawACK, "BYE": rawBye}
	for _, g := range goldens {
		if g.fault == None && g.name != "noise-around" {
			raws[g.name] = goldenFile(t, g.name+".in.sip")
		}
	}
	m := new(Message)
	for name, raw := range raws {
		if fault := m.Parse(raw); fault != None {
			t.Fatalf("%s: %q", name, fault)
		}
		body := len(raw)
		if !m.Has(ContentLength) {
			body -= len(m.Body())
		}
		for n := range raw {
			prefix := slices.Clip(bytes.Clone(raw[:n]))
			fault := m.Parse(prefix)
			exercise(m)
			apply(m, forwarded(caller))
			m.AppendAnswer(m.AppendTo(nil), 400, fault.String(), []byte("tag"), nil)
			if whole := n >= body; whole != (fault == None) {
				t.Errorf("%s: %q with %d of %d bytes", name, fault, n, len(raw))
			}
		}
	}
}
