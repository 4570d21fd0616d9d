package sipwire

import (
	"fmt"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for _, x := range ordinary {
		b.Run(x.name, func(b *testing.B) {
			m := new(Message)
			b.ReportAllocs()
			b.SetBytes(int64(len(x.raw)))
			for b.Loop() {
				if fault := m.Parse(x.raw); fault != None {
					b.Fatal(fault)
				}
			}
		})
	}
}

// BenchmarkSplice is one forwarding step: parse, all edits, append.
func BenchmarkSplice(b *testing.B) {
	for _, x := range ordinary {
		b.Run(x.name, func(b *testing.B) {
			m, out := new(Message), make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				m.Parse(x.raw)
				out = apply(m, x.steps).AppendTo(out[:0])
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	m, out, tag := new(Message), make([]byte, 0, 4096), []byte("a1b2c3d4")
	b.ReportAllocs()
	for b.Loop() {
		m.Parse(rawInvite)
		v, _ := m.TopVia()
		m.StampVia(v, caller)
		out = m.AppendAnswer(out[:0], 483, "Too Many Hops", tag, nil)
	}
}

// BenchmarkFlood shows that the time grows no faster than the datagram: ns/B stays when the size is eight times as large.
func BenchmarkFlood(b *testing.B) {
	m, out, steps := new(Message), make([]byte, 0, 1<<20), forwarded(caller)
	for _, h := range hostile {
		for _, size := range []int{8 << 10, 64 << 10} {
			raw := flood(h.header, h.unit, size)
			b.Run(fmt.Sprintf("%s/%dk", h.name, size>>10), func(b *testing.B) {
				for b.Loop() {
					m.Parse(raw)
					exercise(m)
					out = apply(m, steps).AppendTo(out[:0])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(raw)), "ns/B")
			})
		}
	}
}
