package telemetry

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheViaSaysWhoTheParentIs(t *testing.T) {
	g := newGate(t, 1, 1)
	tr := &Tracer{tracing: &tracing{gate: g}}
	for _, m := range []mark{{1, false}, {0xfedcba9876543210, false}, {0xfedcba9876543210, true}} {
		p := &Trace{head: head{id: id{9, 8}, span: m.span}}
		if m.forced {
			p.flags |= forced
		}
		via := "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKabc" + string(tr.AppendVia(nil, p))
		for _, v := range []string{via, via + ";received=10.0.0.9;rport=5060", via + " ;received=10.0.0.9", via + ", SIP/2.0/UDP 10.0.0.5"} {
			if got, ok := g.readVia([]byte(v), 8); !ok || got != m {
				t.Errorf("%s: %+v, %v; want %+v", v, got, ok, m)
			}
		}
		if _, ok := g.readVia([]byte(via), 7); ok {
			t.Errorf("%s is the parent in the trace of another call", via)
		}
	}
	if via := tr.AppendVia(nil, &Trace{}); len(via) != 0 {
		t.Errorf("a packet that is not sampled leaves %q in its Via", via)
	}
}

// Whoever writes such a parameter by hand must neither be followed nor be a parent.
func TestAForgedParentIsNone(t *testing.T) {
	g := newGate(t, 1, 1)
	tr := &Tracer{tracing: &tracing{gate: g}}
	good := string(tr.AppendVia(nil, &Trace{head: head{id: id{9, 8}, span: 0x1234}}))
	for _, v := range []string{
		strings.Replace(good, "s", "f", 1), strings.Replace(good, "s", "x", 1), strings.Replace(good, "1234", "1235", 1),
		good[:len(good)-1], good + "0", strings.ToUpper(good), ";x-otel=0000000000000000s00000000", ";x-otel=", "",
		";x-otel=zz00000000001234s00000000",
	} {
		if m, ok := g.readVia([]byte(v), 8); ok {
			t.Errorf("%q is taken: %+v", v, m)
		}
	}
	other, _ := NewGate([]byte("quite another secret"), 1, 1)
	if _, ok := other.readVia([]byte(good), 8); ok {
		t.Error("the parent of a proxy with another secret is taken, whose traces are others")
	}
}

func FuzzReadVia(f *testing.F) {
	g := newGate(f, 1, 1)
	tr := &Tracer{tracing: &tracing{gate: g}}
	f.Add([]byte("SIP/2.0/UDP h;branch=z9hG4bK;x-otel=0000000000001234s01234567;rport"))
	f.Add(tr.AppendVia(nil, &Trace{head: head{id: id{9, 8}, span: 0x1234}}))
	f.Fuzz(func(t *testing.T, via []byte) {
		m, ok := g.readVia(via, 8)
		if !ok {
			return
		}
		p := &Trace{head: head{id: id{9, 8}, span: m.span}}
		if m.forced {
			p.flags |= forced
		}
		if !bytes.Contains(bytes.ToLower(via), tr.AppendVia(nil, p)) {
			t.Fatalf("%q reads as %+v, which is written as %q", via, m, tr.AppendVia(nil, p))
		}
	})
}
