package telemetry

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Python hashes bytes with SipHash-1-3 too; these are its results, under the keys of PYTHONHASHSEED 0 and 1234.
func TestTheHashIsSipHash13(t *testing.T) {
	key, _ := hex.DecodeString("e4d5d9361025aabcd8f8e916c38f6235")
	k0, k1 := binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:])
	for _, c := range []struct {
		n           int
		zero, keyed uint64
	}{
		{1, 0x68a914128e01e473, 0x9fecdf673a31d0f0},
		{7, 0x2f098ab0c751325a, 0xf3d82969a70125c8},
		{8, 0xead411e67ebe2eea, 0xeac0a7ec5e5785b7},
		{9, 0x75927f9d95124362, 0xfd076ad393832ee6},
		{15, 0xf30eb725bb91c9ea, 0xb70093d7365e6670},
		{46, 0x83cb09d35ea7bcd4, 0x658aeaa5e594fefc},
		{63, 0x385d3e39e5f37359, 0x5b56b7ace94a4323},
	} {
		b := make([]byte, c.n)
		for i := range b {
			b[i] = byte(i)
		}
		if got := siphash(0, 0, b); got != c.zero {
			t.Errorf("%d bytes: %#x, want %#x", c.n, got, c.zero)
		}
		if got := siphash(k0, k1, b); got != c.keyed {
			t.Errorf("%d bytes with a key: %#x, want %#x", c.n, got, c.keyed)
		}
	}
}

func newGate(t testing.TB, ratio float64, perSecond int) *Gate {
	t.Helper()
	g, err := NewGate(secret, ratio, perSecond)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAShortSecretIsRefused(t *testing.T) {
	if _, err := NewGate(make([]byte, 15), 1, 1); err == nil {
		t.Fatal("15 bytes were taken")
	}
}

// Two nodes that know nothing of each other must agree on each packet of each call.
func TestNoCallIsSampledInPart(t *testing.T) {
	const calls, ratio = 20000, 0.1
	packets := []struct{ start, toTag, cseq string }{
		{"INVITE sip:bob@example.com SIP/2.0", "", "1 INVITE"},
		{"SIP/2.0 180 Ringing", "t", "1 INVITE"},
		{"SIP/2.0 200 OK", "t", "1 INVITE"},
		{"ACK sip:bob@example.com SIP/2.0", "t", "1 ACK"},
		{"INVITE sip:bob@example.com SIP/2.0", "t", "2 INVITE"},
		{"BYE sip:bob@example.com SIP/2.0", "t", "3 BYE"},
		{"SIP/2.0 200 OK", "t", "3 BYE"},
	}
	houses := [2]*house{}
	for i := range houses {
		houses[i] = newHouse(t, func(c *Config) { c.Ratio, c.CallsPerSecond = ratio, -1 })
	}
	sampled, partly := 0, 0
	for call := range calls {
		n, traces := 0, map[id]bool{}
		for _, m := range packets {
			p := parse(t, m.start+"\r\n"+rest("", fmt.Sprintf("%d-call@example.com", call), m.toTag, m.cseq))
			for _, h := range houses {
				h.Open(&p.Trace, &p.Message, Now(), false)
				if p.Sampled() {
					n++
					traces[p.id] = true
				}
			}
		}
		switch {
		case n == 2*len(packets) && len(traces) == 1:
			sampled++
		case n != 0:
			partly++
		}
	}
	if partly != 0 {
		t.Errorf("%d of %d calls are sampled in part, or have several traces", partly, calls)
	}
	if share := float64(sampled) / calls; math.Abs(share-ratio) > 0.01 {
		t.Errorf("%.3f of the calls are sampled, not %.3f", share, ratio)
	}
}

// A collector that thins out by trace id must find calls whole as well.
func TestTheGateIsTheRatioSamplerOfOpenTelemetry(t *testing.T) {
	for _, ratio := range []float64{0, 1e-6, 0.01, 0.1, 0.3, 0.5, 0.99, 1} {
		g, s := newGate(t, ratio, 1), sdktrace.TraceIDRatioBased(ratio)
		for call := range 2000 {
			low := g.low(fmt.Appendf(nil, "%d@example.com", call))
			of := id{1, low}
			theirs := s.ShouldSample(sdktrace.SamplingParameters{TraceID: of.traceID()}).Decision == sdktrace.RecordAndSample
			if ours := low>>1 < g.bound.Load(); ours != theirs {
				t.Fatalf("at %v call %d is sampled: %v; OpenTelemetry says %v", ratio, call, ours, theirs)
			}
		}
	}
}

func TestARatioMayChange(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Ratio, c.CallsPerSecond = 0, -1 })
	count := func() (n int) {
		for call := range 1000 {
			p := asks(t, "INVITE", fmt.Sprintf("%d@x", call), "", "1", "")
			h.Open(&p.Trace, &p.Message, Now(), false)
			if p.Sampled() {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		ratio float64
		want  int
	}{{0, 0}, {1, 1000}, {0.5, 500}, {math.NaN(), 0}, {-1, 0}, {7, 1000}} {
		h.Gate.SetRatio(c.ratio)
		if n := count(); n < c.want-60 || n > c.want+60 || c.want%1000 == 0 && n != c.want {
			t.Errorf("at %v %d of 1000 calls are sampled", c.ratio, n)
		}
	}
	h.Gate.SetRatio(0.25)
	if r := h.Gate.Ratio(); r != 0.25 {
		t.Errorf("the ratio reads %v", r)
	}
}

func TestCallIDsThatLiveForDaysMakeManyTraces(t *testing.T) {
	g := newGate(t, 1, 1)
	traces := map[id]bool{}
	of := func(p *packet) id {
		low := g.low(p.CallID())
		i := id{g.high(low, transaction(&p.Message)), low}
		traces[i] = true
		return i
	}
	first := of(asks(t, "REGISTER", "phone@x", "", "1", ""))
	if again := of(asks(t, "REGISTER", "phone@x", "", "001", "")); again != first {
		t.Error("a retransmission is another trace")
	}
	if answer := of(says(t, "200 OK", "REGISTER", "phone@x", "1", "")); answer != first {
		t.Error("a response is in another trace than its request")
	}
	second := of(asks(t, "REGISTER", "phone@x", "", "2", ""))
	if second == first || second.low != first.low {
		t.Error("the next REGISTER must have a trace of its own, and the same verdict")
	}
	a, b := of(asks(t, "INVITE", "call@x", "", "1", "")), of(asks(t, "BYE", "call@x", "t", "2", ""))
	if a != b {
		t.Error("INVITE and BYE of a call are in two traces")
	}
	if len(traces) != 3 {
		t.Errorf("%d traces, want 3", len(traces))
	}
}

func TestAnotherSecretMakesOtherTraces(t *testing.T) {
	a := newGate(t, 1, 1)
	b, err := NewGate([]byte("quite another secret"), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if a.low([]byte("call@x")) == b.low([]byte("call@x")) {
		t.Error("two secrets make one trace")
	}
}

// Beyond the cap a call is not sampled at all, however long it lasts; within it, it is sampled to its end.
func TestTheCapRefusesWholeCalls(t *testing.T) {
	const calls, limit = 500, 20
	h := newHouse(t, func(c *Config) { c.CallsPerSecond = limit })
	sampled := func(p *packet, at Instant) bool {
		h.Open(&p.Trace, &p.Message, at, false)
		return p.Sampled()
	}
	const second = Instant(1e9)
	in := map[int]bool{}
	for call := range calls {
		in[call] = sampled(asks(t, "INVITE", fmt.Sprint(call), "", "1", ""), 10*second)
	}
	begun := 0
	for call := range calls {
		if in[call] {
			begun++
		}
		for i, p := range []*packet{
			asks(t, "INVITE", fmt.Sprint(call), "", "1", ""), // again
			says(t, "200 OK", "INVITE", fmt.Sprint(call), "1", ""),
			asks(t, "CANCEL", fmt.Sprint(call), "", "1", ""),
			asks(t, "ACK", fmt.Sprint(call), "t", "1", ""),
			asks(t, "INVITE", fmt.Sprint(call), "t", "2", ""),
			asks(t, "BYE", fmt.Sprint(call), "t", "3", ""),
		} {
			if got := sampled(p, Instant(11+i)*second); got != in[call] {
				t.Fatalf("call %d began sampled: %v; its packet %d is: %v", call, in[call], i, got)
			}
		}
	}
	if begun != limit {
		t.Errorf("%d calls were sampled in a second, not %d", begun, limit)
	}
	if sampled(asks(t, "INVITE", "later", "", "1", ""), 20*second) != true {
		t.Error("a later second lets no call in")
	}
	// What has begun before this node was there, or is forgotten, follows its Call-ID.
	if sampled(asks(t, "BYE", "unknown", "t", "9", ""), 20*second) != true {
		t.Error("a call that this node has not seen begin is not sampled")
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	v := newVerdicts()
	last := uint64(0)
	for i := range uint64(40 * buckets) {
		last = siphash(1, 2, binary.LittleEndian.AppendUint64(nil, i))
		v.put(last, i%2 == 0)
	}
	if in, known := v.find(last); !known || in {
		t.Errorf("the latest verdict is %v, known %v", in, known)
	}
}

func TestABudgetIsForASecond(t *testing.T) {
	b := budget{perSecond: 3}
	const second = Instant(1e9)
	for i, want := range []bool{true, true, true, false} {
		if b.take(5*second+Instant(i)) != want {
			t.Fatalf("number %d in a second: want %v", i, want)
		}
	}
	if b.take(4*second) != false {
		t.Error("who comes late has a second of its own")
	}
	if !b.take(6 * second) {
		t.Error("the next second is full")
	}
	none := budget{}
	if none.take(second) || none.take(2*second) {
		t.Error("a budget of nothing lets something through")
	}
	if b.taken.Load() != 4 || b.refused.Load() != 2 {
		t.Errorf("%d taken, %d refused", b.taken.Load(), b.refused.Load())
	}
}
