package sipwire

import (
	"bytes"
	"testing"
)

func TestOrdinaryMessagesAllocateNothing(t *testing.T) {
	m, out := new(Message), make([]byte, 0, 4096)
	for _, c := range ordinary {
		if n := testing.AllocsPerRun(100, func() {
			m.Parse(c.raw)
			out = apply(m, c.steps).AppendTo(out[:0])
		}); n != 0 {
			t.Errorf("%s forwarded: %v allocations", c.name, n)
		}
	}
	for _, g := range goldens {
		if g.status != 0 {
			continue
		}
		raw := goldenFile(t, g.name+".in.sip")
		if n := testing.AllocsPerRun(100, func() {
			m.Parse(raw)
			apply(m, g.steps)
			out = m.AppendTo(out[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations", g.name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		m.Parse(rawInvite)
		stampVia(caller)(m)
		out = m.AppendAnswer(out[:0], 483, "Too Many Hops", []byte("tag"), nil)
	}); n != 0 {
		t.Errorf("answered: %v allocations", n)
	}
}

// hostile are values that fill a datagram with what a parser could lose its time or memory over.
var hostile = []struct{ name, header, unit string }{
	{"Via parameters", "Via: SIP/2.0/UDP a", ";x=1"},
	{"Via semicolons", "Via: SIP/2.0/UDP a", ";"},
	{"Via list", "Via: SIP/2.0/UDP a", ",SIP/2.0/UDP b"},
	{"Via quotes", "Via: SIP/2.0/UDP a;x=", "\",\""},
	{"Via folds", "Via: SIP/2.0/UDP a", "\r\n "},
	{"tag parameters", "From: <sip:a>", ";x=\"\\\"\""},
	{"open quotes", "From: ", "\"\\"},
	{"brackets", "From: ", "<"},
	{"Contact list", "Contact: ", "<sip:a>,"},
	{"Contact commas", "Contact: ", ","},
	{"Contact parameters", "Contact: <sip:a", ";x"},
	{"Contact open", "Contact: ", "<,"},
	{"Contact quotes", "Contact: ", "\",\""},
	{"Route list", "Route: ", "<sip:a;lr>,"},
	{"Routes", "X: y", "\r\nRoute: <sip:a>"},
	{"headers", "X: y", "\r\nX: y"},
	{"Vias", "X: y", "\r\nv: SIP/2.0/UDP a"},
	{"folds", "X: y", "\r\n\t"},
	{"carriage returns", "X: y", "\r"},
	{"blanks", "X: y", " "},
	{"a name", "X", "x"},
	{"options", "Proxy-Require: a", ",a"},
	{"digits", "Max-Forwards: 1", "0"},
	{"zeros", "Content-Length: 0", "0"},
}

// flood is a datagram of about size bytes, filled with units.
func flood(header, unit string, size int) []byte {
	b := []byte("OPTIONS sip:b@example.com SIP/2.0\r\n" + header)
	b = append(b, bytes.Repeat([]byte(unit), (size-len(b)-200)/len(unit))...)
	return append(b, "\r\nVia: SIP/2.0/UDP last\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"...)
}

// TestFloodsTakeNoMemory bounds the allocations by what a slice of edits or values takes to grow.
func TestFloodsTakeNoMemory(t *testing.T) {
	m, out := new(Message), make([]byte, 0, 1<<20)
	for _, h := range hostile {
		raw := flood(h.header, h.unit, 64<<10)
		if n := testing.AllocsPerRun(3, func() {
			m.Parse(raw)
			exercise(m)
			apply(m, forwarded(caller))
			out = m.AppendTo(out[:0])
			out = m.AppendAnswer(out, 400, "Because", []byte("tag"), nil)
		}); n > 60 {
			t.Errorf("%s: %v allocations", h.name, n)
		}
	}
}
