package main

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// talkThrough lets calls talk through a relay that does to each packet what tamper does; what tamper returns is
// passed on.
func talkThrough(t *testing.T, calls int, tamper func(b []byte) [][]byte) *talk {
	t.Helper()
	k, err := newTalk(calls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.close)
	for i := 0; i < len(k.ends); i += 2 {
		var conn [2]*net.UDPConn
		for side, ip := range []string{insideIP, outsideIP} {
			if conn[side], err = listen(ip); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn[side].Close() })
			if err := k.ends[i+side].socket.connect(local(conn[side])); err != nil {
				t.Fatal(err)
			}
		}
		for side := range conn {
			go func() {
				b := make([]byte, 2048)
				for {
					n, err := conn[side].Read(b)
					if err != nil {
						return
					}
					for _, p := range tamper(slices.Clone(b[:n])) {
						_, _ = conn[1-side].WriteToUDPAddrPort(p, k.ends[i+1-side].local)
					}
				}
			}()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k.open()
	if err := k.run(ctx, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := k.hush(ctx, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestATalkThroughAnHonestRelayIsFaulty(t *testing.T) {
	k := talkThrough(t, 5, func(b []byte) [][]byte { return [][]byte{b} })
	count, _ := k.faults.take()
	if len(count) > 0 || k.heard != k.sent || k.delay.total != k.sent {
		t.Errorf("%d sent, %d heard, %d delays: %v", k.sent, k.heard, k.delay.total, count)
	}
	if due := uint64(10 * 10); k.sent < due-10 || k.sent > due+10 {
		t.Errorf("ten endpoints sent %d packets in 200 ms, wanted about %d", k.sent, due)
	}
	if p50, p99 := k.delay.quantile(0.5), k.delay.quantile(0.99); p50 <= 0 || p99 < p50 || p50 > 20*time.Millisecond {
		t.Errorf("delays p50 %v, p99 %v: not the kernel's", p50, p99)
	}
}

func TestWhatARelayDoesIsNotHeard(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(b []byte) [][]byte
		want   error
	}{
		{"it loses packets", func([]byte) [][]byte { return nil }, nil},
		{"it repeats packets", func(b []byte) [][]byte { return [][]byte{b, b} }, errReordered},
		{"it changes packets", func(b []byte) [][]byte { b[5]++; return [][]byte{b} }, errSequence},
		{"it adds to packets", func(b []byte) [][]byte { return [][]byte{append(b, make([]byte, 1000)...)} }, errSize},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := talkThrough(t, 1, c.tamper)
			count, _ := k.faults.take()
			if c.want == nil && (k.heard > 0 || k.sent == 0) || c.want != nil && count[c.want.Error()] == 0 {
				t.Errorf("%d sent, %d heard: %v", k.sent, k.heard, count)
			}
		})
	}
}

func TestARelayThatIsGoneIsNotMissed(t *testing.T) {
	k, err := newTalk(1)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	for _, e := range k.ends {
		nobody, err := free(insideIP)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.socket.connect(nobody); err != nil {
			t.Fatal(err)
		}
	}
	k.open()
	if err := k.run(t.Context(), 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	count, _ := k.faults.take()
	refused := slices.ContainsFunc(slices.Collect(keys(count)), func(s string) bool { return strings.Contains(s, "refused") })
	if !refused || k.sent == 0 || k.heard > 0 {
		t.Errorf("%d sent, %d heard: %v", k.sent, k.heard, count)
	}
}

func keys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestTheEndsOfACallSpeakTogether(t *testing.T) {
	ends := make([]*endpoint, 2*7)
	place := map[*endpoint]int{}
	for i := range ends {
		ends[i] = &endpoint{local: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(i))}
	}
	for i, e := range turns(ends) {
		place[e] = i
	}
	if len(place) != len(ends) {
		t.Fatalf("%d of %d have a turn", len(place), len(ends))
	}
	for i := 0; i < len(ends); i += 2 {
		if apart := (place[ends[i+1]] - place[ends[i]] + len(ends)) % len(ends); apart < 5 || apart > 9 {
			t.Errorf("call %d: the callee speaks %d of %d turns after the caller", i/2, apart, len(ends))
		}
	}
}
