package sdpwire

import (
	"bytes"
	"net/netip"
	"testing"
)

// FuzzSDP holds any description that is taken to what a relay promises: it can be read again; its media goes to the relay and
// to nothing else; all that is no place of the relay's is as it came; and the same description leaves the same.
func FuzzSDP(f *testing.F) {
	for _, g := range goldens {
		f.Add(goldenFile(f, g.name+".in.sdp"), g.host.Is6(), uint8(255))
	}
	for _, h := range hostile {
		f.Add(h.flood(1<<10), false, uint8(5))
	}
	f.Fuzz(func(t *testing.T, raw []byte, six bool, chosen uint8) {
		received := bytes.Clone(raw)
		d, host := new(Description), host4
		if six {
			host = host6
		}
		fault := d.Parse(raw)
		before := bytes.Clone(d.Append(nil, host, nil))
		if fault != None {
			if len(d.Media) != 0 || !bytes.Equal(before, raw) {
				t.Fatalf("with fault %q it left as\n%q", fault, before)
			}
			return
		}
		ports := freePorts(len(d.Media))
		for i := range ports {
			if chosen&(1<<(i%8)) == 0 {
				ports[i] = 0
			}
		}
		out := d.Append(nil, host, ports)
		if again := d.Append(nil, host, ports); !bytes.Equal(out, again) {
			t.Fatalf("appended twice, left as\n%q\nand as\n%q", out, again)
		}
		if !bytes.Equal(raw, received) {
			t.Fatal("the received bytes were written to")
		}
		if len(out) > MaxSize {
			return
		}
		e := new(Description)
		if fault := e.Parse(out); fault != None {
			t.Fatalf("fault %q in\n%q\nwhich was\n%q", fault, out, raw)
		}
		compare(t, d, e, host, ports)
		if again := e.Append(nil, host, ports); !bytes.Equal(out, again) {
			t.Fatalf("rewritten twice, left as\n%q\nand as\n%q", out, again)
		}
		checkHidden(t, e, host, ports)
		checkOthers(t, d, out)
	})
}

// compare holds the m-lines that left against those that came.
func compare(t *testing.T, d, e *Description, host netip.Addr, ports []uint16) {
	if len(d.Media) != len(e.Media) {
		t.Fatalf("%d m-lines came, %d left", len(d.Media), len(e.Media))
	}
	for i := range d.Media {
		came, left := &d.Media[i], &e.Media[i]
		switch {
		case came.Relayed() != left.Relayed() || came.Held != left.Held || came.Direction != left.Direction || came.Mux != left.Mux ||
			came.Types != left.Types || came.Transport != left.Transport || came.Pairs != left.Pairs || came.Many != left.Many:
			t.Errorf("m-line %d came as\n%+v\nand left as\n%+v", i, came, left)
		case ports[i] == 0 || !came.Relayed():
			if left.Port != came.Port || !came.off && (left.Addr != came.Addr || !bytes.Equal(left.Name, came.Name)) {
				t.Errorf("m-line %d was to be left alone, and came as\n%+v\nand left as\n%+v", i, came, left)
			}
		case left.Port != ports[i]:
			t.Errorf("m-line %d left with port %d", i, left.Port)
		case came.Held:
			if !left.Addr.IsUnspecified() || left.Addr.Is6() != host.Is6() {
				t.Errorf("m-line %d on hold left with %v", i, left.Addr)
			}
		case left.Addr != host:
			t.Errorf("m-line %d left with %v", i, left.Addr)
		case left.RTCP.IsValid() && (left.RTCP.Addr() != host || left.RTCP.Port() != ports[i] && left.RTCP.Port() != ports[i]+1):
			t.Errorf("m-line %d left with RTCP to %v", i, left.RTCP)
		}
	}
}

// checkHidden looks at every connection of what left: those of relayed m-lines name the host or nobody.
func checkHidden(t *testing.T, e *Description, host netip.Addr, ports []uint16) {
	w := splice{d: e, host: host, ports: ports}
	w.ours = w.concerns()
	for i := range e.places {
		p := &e.places[i]
		if p.what == icePlace && w.ours {
			t.Errorf("%q left", e.body[p.at.off:p.at.end])
		}
		if p.what != connectionPlace && p.what != originPlace || !w.rewrites(p) {
			continue
		}
		whole := append([]byte("IN "), e.body[p.at.off:p.at.end]...)
		if c := connectionIn(whole, span{0, len(whole)}); c.addr != host && !c.held() {
			t.Errorf("%q left", e.body[p.at.off:p.at.end])
		}
	}
}

// checkOthers takes all places out of what came and their replacements out of what left: the rest is the same.
func checkOthers(t *testing.T, d *Description, out []byte) {
	pos, rest := 0, out
	for i := range d.places {
		p := &d.places[i]
		between := d.body[pos:p.at.off]
		n := bytes.Index(rest, between)
		if n < 0 {
			t.Fatalf("%q did not leave in\n%q", between, out)
		}
		rest, pos = rest[n+len(between):], p.at.end
	}
	if !bytes.HasSuffix(rest, d.body[pos:]) {
		t.Errorf("%q did not leave in\n%q", d.body[pos:], out)
	}
}
