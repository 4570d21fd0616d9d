package telemetry

import (
	"testing"
)

// walk is what a packet costs in all: open, six rooms, close.
func (h *house) walk(p *packet, now Instant) {
	h.Open(&p.Trace, &p.Message, now, false)
	for stage := range uint8(6) {
		p.Note(stage, Passed, 0)
	}
	h.Close(&p.Trace, now+20000, p)
}

func benchmark(b *testing.B, change func(*Config)) {
	h := newHouse(b, func(c *Config) { c.CallsPerSecond = -1; change(c) })
	h.silence()
	var all []*packet
	for i := range 128 {
		all = append(all, asks(b, "INVITE", "3848276298220188511"+string(rune('a'+i%26))+string(rune('a'+i/26))+"@atlanta.example.com", "", "1", ""))
	}
	b.ReportAllocs()
	i, now := 0, Now()
	for b.Loop() {
		h.walk(all[i%len(all)], now)
		i++
	}
}

func BenchmarkPacket(b *testing.B) {
	b.Run("nobody wants traces", func(b *testing.B) {
		h := newHouse(b, nil)
		h.Telemetry.tracing.to = nil
		p := asks(b, "INVITE", "3848276298220188511@atlanta.example.com", "", "1", "")
		now := Now()
		b.ReportAllocs()
		for b.Loop() {
			h.walk(p, now)
		}
	})
	b.Run("ratio 0", func(b *testing.B) { benchmark(b, func(c *Config) { c.Ratio = 0 }) })
	b.Run("not sampled", func(b *testing.B) { benchmark(b, func(c *Config) { c.Ratio = 1e-12 }) })
	b.Run("not sampled, forcing", func(b *testing.B) { benchmark(b, func(c *Config) { c.Ratio, c.Forcing = 1e-12, true }) })
	b.Run("1 percent", func(b *testing.B) { benchmark(b, func(c *Config) { c.Ratio = 0.01 }) })
	b.Run("sampled", func(b *testing.B) { benchmark(b, func(*Config) {}) })
	b.Run("sampled, rooms", func(b *testing.B) { benchmark(b, func(c *Config) { c.Rooms = true }) })
}

func BenchmarkHash(b *testing.B) {
	g := newGate(b, 1, 1)
	callID := []byte("3848276298220188511-39847@atlanta.example.com")
	b.ReportAllocs()
	for b.Loop() {
		g.low(callID)
	}
}

func BenchmarkClock(b *testing.B) {
	for b.Loop() {
		Now()
	}
}

// A packet that is not sampled must leave nothing behind for the garbage collector.
func TestWhatIsNotSampledAllocatesNothing(t *testing.T) {
	for _, forcing := range []bool{false, true} {
		h := newHouse(t, func(c *Config) { c.Ratio, c.Forcing = 1e-12, forcing })
		p := asks(t, "INVITE", "call@atlanta.example.com", "", "1", ";x-otel=0123456789abcdeff01234567")
		now := Now()
		var dst [64]byte
		if n := testing.AllocsPerRun(100, func() {
			h.walk(p, now)
			h.AppendVia(dst[:0], &p.Trace)
		}); n != 0 {
			t.Errorf("forcing %v: %v allocations", forcing, n)
		}
	}
}
