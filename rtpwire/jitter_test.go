package rtpwire

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// reference is the jitter of RFC 3550 §6.4.1 in seconds, by its formula.
type reference struct {
	began         bool
	transit, mean float64
}

func (r *reference) receive(seconds float64, ticks uint32, hz uint32) {
	transit := seconds - float64(ticks)/float64(hz)
	if r.began {
		r.mean += (math.Abs(transit-r.transit) - r.mean) / 16
	}
	r.began, r.transit = true, transit
}

func near(t *testing.T, got, want, off time.Duration) {
	t.Helper()
	if (got - want).Abs() > off {
		t.Errorf("jitter %v, not %v", got, want)
	}
}

func TestJitterIsThatOfTheFormula(t *testing.T) {
	for _, hz := range []uint32{8000, 16000, 44100, 48000, 90000} {
		r := rand.New(rand.NewPCG(uint64(hz), 2))
		var s Stream
		var ref reference
		frame := hz / 50
		const wraps = math.MaxUint32 - 99_999
		for i := range uint32(5000) {
			if r.IntN(20) == 0 {
				continue // lost
			}
			delay := r.ExpFloat64() * 8
			at := int64(20*ms*float64(i) + delay*ms)
			s.Receive(Header{Sequence: uint16(60000 + i), Timestamp: wraps + i*frame, SSRC: 7}, at, hz)
			ref.receive(float64(at)/1e9, i*frame, hz)
			near(t, s.Jitter(), time.Duration(ref.mean*1e9), 2*time.Microsecond)
			if t.Failed() {
				t.Fatalf("at packet %d of %d Hz", i, hz)
			}
		}
	}
}

func TestJitterCountsPacketsThatOvertake(t *testing.T) {
	var s Stream
	var ref reference
	for i := range uint32(1000) {
		n := i ^ 1 // each second packet overtakes
		at := int64(i)*20*ms + int64(i%3)*3*ms
		s.Receive(Header{Sequence: uint16(n), Timestamp: n * 160}, at, 8000)
		ref.receive(float64(at)/1e9, n*160, 8000)
	}
	near(t, s.Jitter(), time.Duration(ref.mean*1e9), time.Microsecond)
	if s.Jitter() < 25*time.Millisecond {
		t.Errorf("jitter %v of packets that are 40 ms early or late", s.Jitter())
	}
}

// source is a sender whose packets arrive when they are sent.
type source struct {
	stream Stream
	Header
	at int64
}

// send sends packets, each so many ticks and so long after the one before.
func (s *source) send(packets int, ticks uint32, after int64) {
	for range packets {
		s.Sequence++
		s.Timestamp += ticks
		s.at += after
		s.stream.Receive(s.Header, s.at, 8000)
		s.Marker = false
	}
}

func TestJitterStaysWhenTimestampsSayNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*source)
	}{
		{"nothing", func(*source) {}},
		{"a pause that the timestamps count", func(s *source) { s.send(1, 8000*60, 60_000*ms) }},
		{"a pause that they do not count, with marker", func(s *source) { s.Marker = true; s.send(1, 160, 400*ms) }},
		{"a long pause that they do not count", func(s *source) { s.send(1, 160, 3000*ms) }},
		{"timestamps jump ahead", func(s *source) { s.send(1, 1<<20, 20*ms) }},
		{"timestamps jump half their range", func(s *source) { s.send(1, 1<<31, 20*ms) }},
		{"timestamps jump back", func(s *source) { s.send(1, ^uint32(1<<20), 20*ms) }},
		{"another source", func(s *source) { s.SSRC++; s.Timestamp = 12345 }},
		{"a new sequence", func(s *source) { s.Sequence += 20000; s.Timestamp = 77; s.send(1, 160, 20*ms) }},
		{"a clock that goes back", func(s *source) { s.at -= 3_600_000 * ms }},
		{"DTMF", func(s *source) {
			s.Type = 101
			s.Marker = true
			s.send(1, 160, 20*ms)
			s.send(9, 0, 20*ms)
			s.Type = 0
			s.send(1, 1600, 20*ms)
		}},
		{"DTMF that the speech after it does not count", func(s *source) {
			s.Type = 101
			s.send(1, 160, 20*ms)
			s.send(9, 0, 20*ms)
			s.Type = 0
		}},
		{"DTMF that ends in a burst of three", func(s *source) {
			s.Type = 101
			s.send(1, 160, 20*ms)
			s.send(5, 0, 20*ms)
			s.send(2, 0, 0)
			s.Type = 0
			s.send(1, 960, 20*ms)
		}},
		{"DTMF between speech that goes on", func(s *source) {
			event := s.Timestamp
			for i := range uint32(50) {
				speech := event + 160*(i+1)
				s.Type, s.Timestamp = 101, event
				s.send(1, 0, 0)
				s.Type, s.Timestamp = 0, speech-160
				s.send(1, 160, 20*ms)
			}
		}},
		{"frames of ten packets", func(s *source) {
			for range 100 {
				s.send(1, 160, 20*ms)
				s.send(8, 0, 2*ms)
				s.Marker = true
				s.send(1, 0, 2*ms)
				s.at -= 18 * ms
			}
		}},
		{"comfort noise", func(s *source) {
			s.Type = 13
			s.send(1, 160, 20*ms)
			s.Type = 0
			s.Marker = true
			s.send(1, 1600, 200*ms)
		}},
		{"the same packet again, later", func(s *source) { s.stream.Receive(s.Header, s.at+15*ms, 8000) }},
		{"a packet astray", func(s *source) {
			s.stream.Receive(Header{Sequence: s.Sequence + 30000, Timestamp: 5}, s.at+15*ms, 8000)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source{Header: Header{Sequence: 1, Timestamp: 1}}
			s.send(100, 160, 20*ms)
			for range 5 {
				c.do(&s)
				near(t, s.stream.Jitter(), 0, 0)
				s.send(1, 160, 20*ms)
				near(t, s.stream.Jitter(), 0, 0)
				s.send(20, 160, 20*ms)
			}
			near(t, s.stream.Jitter(), 0, 0)
		})
	}
}

func TestJitterIsMeasuredThoughEachPacketHasAMarker(t *testing.T) {
	var s source
	for range 500 {
		s.Marker = true
		s.send(1, 160, 10*ms)
		s.Marker = true
		s.send(1, 160, 30*ms)
	}
	near(t, s.stream.Jitter(), 10*time.Millisecond, time.Microsecond)
}

func TestJitterSpikesOfTheNetworkCount(t *testing.T) {
	var s source
	s.send(10, 160, 20*ms)
	s.send(1, 160, 420*ms)
	near(t, s.stream.Jitter(), 25*time.Millisecond, time.Microsecond)
}

func TestAnUnknownClockIsThatOfTelephony(t *testing.T) {
	var known, unknown Stream
	for i := range uint32(100) {
		h, at := Header{Sequence: uint16(i), Timestamp: 160 * i}, int64(i)*20*ms+int64(i%3)*5*ms
		known.Receive(h, at, 8000)
		unknown.Receive(h, at, 0)
	}
	if known != unknown || known.Jitter() == 0 {
		t.Errorf("jitter %v, and %v of an unknown clock", known.Jitter(), unknown.Jitter())
	}
}
