package main

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// probed sends 200 requests through a forwarder that does to each what tamper does.
func probed(t *testing.T, tamper func(b []byte) [][]byte) (delayed, error) {
	t.Helper()
	inside, err := listen(insideIP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inside.Close() })
	p, err := newProbe(local(inside))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := inside.Read(b)
			if err != nil {
				return
			}
			var m message
			if m.parse(b[:n]) != nil {
				continue
			}
			to, err := hostOf(m.uri)
			if err != nil {
				continue
			}
			for _, d := range tamper(slices.Clone(b[:n])) {
				_, _ = inside.WriteToUDPAddrPort(d, to)
			}
		}
	}()
	if err := p.try(t.Context()); err != nil {
		return delayed{}, err
	}
	a := arrivals{gap: func() time.Duration { return time.Millisecond }, wait: nap}
	if err := p.keep(t.Context(), a, 20*time.Millisecond); err != nil {
		return delayed{}, err
	}
	p.open()
	if err := p.keep(t.Context(), a, 200*time.Millisecond); err != nil {
		return delayed{}, err
	}
	return p.finish(t.Context())
}

func TestTheProbeMeasuresNothing(t *testing.T) {
	d, err := probed(t, func(b []byte) [][]byte { return [][]byte{b} })
	if err != nil {
		t.Fatal(err)
	}
	if d.sent == 0 || d.lost > 0 || d.p50 <= 0 || d.p99 < d.p50 || d.p99 > time.Second {
		t.Errorf("%+v", d)
	}
}

func TestTheProbeDoesNotMissWhatIsLost(t *testing.T) {
	var n int
	d, err := probed(t, func(b []byte) [][]byte {
		if n++; n > 10 && n%10 == 0 {
			return nil
		}
		return [][]byte{b}
	})
	if err != nil {
		t.Fatal(err)
	}
	if d.lost < d.sent/20 || d.lost > d.sent/5 {
		t.Errorf("a tenth was lost: %+v", d)
	}
}

func TestTheProbeTakesWhatItHasNotSent(t *testing.T) {
	for _, text := range []string{"", "x", "INVITE sip:0123456789abcdef@127.0.0.12 SIP/2.0\r\n"} {
		if _, err := probed(t, func([]byte) [][]byte { return [][]byte{[]byte(text)} }); !errors.Is(err, errOthers) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
