package rtpwire

import "time"

// Differences above these come from the sender's clock, not from the network.
const (
	clockJump     = int64(500 * time.Millisecond)
	talkspurtJump = int64(100 * time.Millisecond) // with marker
)

// Jitter is the interarrival jitter (RFC 3550 §6.4.1, A.8).
func (s *Stream) Jitter() time.Duration { return time.Duration(s.jitter >> 4) }

// measure takes a packet into the jitter: how much longer or shorter than the packet before it was under way. It counts
// in nanoseconds, as payload types may differ in their clocks.
//
// Deviates: RFC 3550 A.8 takes every packet. Where the way of one cannot be told from its timestamp, it is only what the
// next one is measured from, and jitter stays as it was:
//   - One with the same timestamp was sampled, but not sent, at the same time: the rest of a video frame, or a DTMF event
//     that goes on (RFC 4733 §2.5.1.2). The first one of them is what the next one is measured from.
//   - One of another payload type: a DTMF event and speech around or between its packets, comfort noise, FEC.
//   - One whose timestamp jumped: another source behind the same SSRC, or with a marker a pause that was not counted. A
//     packet with marker counts otherwise, as some senders mark every packet.
func (s *Stream) measure(h Header, at int64, hz uint32) {
	if h.Timestamp == s.stamp {
		return
	}
	difference := at - s.at - nanoseconds(h.Timestamp-s.stamp, hz)
	s.at, s.stamp = at, h.Timestamp
	limit := clockJump
	if h.Marker {
		limit = talkspurtJump
	}
	if h.Type != s.Type || difference > limit || difference < -limit {
		return
	}
	if difference < 0 {
		difference = -difference
	}
	s.jitter += difference - (s.jitter+8)>>4
}

// nanoseconds is how long so many ticks of a clock are; those in the upper half are negative.
func nanoseconds(ticks, hz uint32) int64 {
	if hz == 0 {
		hz = 8000
	}
	return int64(int32(ticks)) * int64(time.Second) / int64(hz)
}
