package rtpwire

import "time"

// RoundTrip measures the way from a relay to an endpoint and back. The relay forwards a sender report and remembers
// when; the endpoint's next report refers to it and says how long ago that was there. The rest of the time went by on
// the way (RFC 3550 §6.4.1):
//
//	          SR (NTP n)                RR (LSR n, DLSR d)
//	sender ──────────────▶ relay t1 ──────▶ endpoint ··· d ··· ──────▶ relay t2        t2 - t1 - d
//
// The zero value is ready.
type RoundTrip struct {
	at     [remembered]int64
	middle [remembered]uint32
	next   uint8
}

// remembered is how many sender reports are remembered. They are seconds apart, and a receiver refers to the last; but
// several sources may share one way.
const remembered = 8

// Sent remembers that a sender report was forwarded to the endpoint, at that time in nanoseconds.
func (r *RoundTrip) Sent(ntpMiddle uint32, at int64) {
	if ntpMiddle == 0 {
		return // a sender without a clock (RFC 3550 §6.4.1)
	}
	i := r.next % remembered
	r.at[i], r.middle[i] = at, ntpMiddle
	r.next++
}

// Heard is how long the way to the endpoint and back takes, by a report of the endpoint that came at that time. False
// when the report refers to no remembered sender report, or says that it was held for longer than it can have been.
func (r *RoundTrip) Heard(rep Report, at int64) (time.Duration, bool) {
	if rep.LSR == 0 {
		return 0, false
	}
	for n := uint8(1); n <= remembered; n++ { // the newest first
		i := (r.next - n) % remembered
		if r.middle[i] != rep.LSR {
			continue
		}
		way := at - r.at[i] - int64(rep.DLSR)*int64(time.Second)>>16
		return time.Duration(max(way, 0)), way >= 0
	}
	return 0, false
}
