package rtpwire

import (
	"testing"
	"time"
)

func TestNothingAllocates(t *testing.T) {
	compound := join(sr(1, 1<<40, one, two), sdes(1))
	var s Stream
	var trip RoundTrip
	var lost int64
	for name, f := range map[string]func(){
		"a packet":     func() { packetThrough(&s, speech, int64(s.Received)*20*ms) },
		"Classify":     func() { Classify(compound); Classify(binding); Classify(hello) },
		"SSRC":         func() { SSRC(compound) },
		"EachReport":   func() { EachReport(compound, func(_ uint32, r Report) { lost += int64(r.CumulativeLost) }) },
		"a round trip": func() { _, m, _ := SenderInfo(compound); trip.Sent(m, 1); trip.Heard(one, 2) },
		"MOS":          func() { MOS(Quality{Loss: 0.01, Jitter: time.Millisecond, Codec: StaticCodec(g729)}) },
		"CodecOf":      func() { CodecOf("opus") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// packetThrough is what is done for each packet of a call.
func packetThrough(s *Stream, b []byte, at int64) {
	if Classify(b) != RTP {
		panic("no RTP")
	}
	var h Header
	h.Parse(b)
	s.Receive(h, at, 8000)
}

func BenchmarkClassify(b *testing.B) {
	for _, c := range []struct {
		name string
		in   []byte
	}{{"RTP", speech}, {"extended", extended}, {"RTCP", join(rr(1, one), sdes(1))}, {"STUN", binding}, {"DTLS", hello}, {"Other", with(speech, set(0, 0))}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Classify(c.in)
			}
		})
	}
}

func BenchmarkReceive(b *testing.B) {
	for _, c := range []struct {
		name string
		hz   uint32
	}{{"8000Hz", 8000}, {"48000Hz", 48000}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var s Stream
			h, at := Header{SSRC: 7}, int64(0)
			for b.Loop() {
				s.Receive(h, at, c.hz)
				h.Sequence++
				h.Timestamp += c.hz / 50
				at += 20*ms + at&0xff
			}
		})
	}
}

func BenchmarkPacket(b *testing.B) {
	b.ReportAllocs()
	var s Stream
	raw := with(speech)
	at := int64(0)
	for b.Loop() {
		packetThrough(&s, raw, at)
		raw[3]++
		if raw[3] == 0 {
			raw[2]++
		}
		raw[6]++
		at += 20 * ms
	}
}

func BenchmarkReport(b *testing.B) {
	compound := join(sr(1, 1<<40, one), sdes(1))
	var trip RoundTrip
	b.ReportAllocs()
	for b.Loop() {
		_, middle, _ := SenderInfo(compound)
		trip.Sent(middle, 1)
		EachReport(compound, func(_ uint32, r Report) { trip.Heard(r, 2) })
	}
}

func BenchmarkMOS(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		MOS(Quality{Loss: 0.01, Jitter: 5 * time.Millisecond, OneWayDelay: 120 * time.Millisecond})
	}
}
