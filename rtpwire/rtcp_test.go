package rtpwire

import (
	"slices"
	"testing"
	"time"
)

type heard struct {
	sender uint32
	Report
}

func reports(b []byte) (all []heard) {
	EachReport(b, func(sender uint32, r Report) { all = append(all, heard{sender, r}) })
	return all
}

var (
	one = Report{SSRC: 0x11223344, FractionLost: 64, CumulativeLost: 0x7fffff, Highest: 0x00019abc, Jitter: 80, LSR: 0xb7052000, DLSR: 0x00054000}
	two = Report{SSRC: 5, CumulativeLost: -3}
)

func TestReportsAreFoundInCompounds(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want []heard
	}{
		{"nothing", nil, nil},
		{"receiver report", rr(1, one), []heard{{1, one}}},
		{"empty receiver report", rr(1), nil},
		{"sender report", sr(1, 9, one, two), []heard{{1, one}, {1, two}}},
		{"sender report, then more reports", join(sr(1, 9, one), rr(2, two, one), sdes(1)), []heard{{1, one}, {2, two}, {2, one}}},
		{"after feedback", join(packet(1, 206, 1, 2), rr(1, two)), []heard{{1, two}}},
		{"a profile's own words behind the blocks", packet(1, receiverReport, append(append([]uint32{1}, one.words()...), 7, 8)...), []heard{{1, one}}},
		{"a profile's own words that look like a block", packet(1, receiverReport, slices.Concat([]uint32{1}, one.words(), two.words())...), []heard{{1, one}}},
		{"more blocks announced than there are", with(rr(1, one, two), set(0, 0x9f)), []heard{{1, one}, {1, two}}},
		{"a block cut short", packet(1, receiverReport, append([]uint32{1}, one.words()[:5]...)...), nil},
		{"a sender report without room for its own words", packet(1, senderReport, 1, 2, 3), nil},
		{"a receiver report without a sender", packet(1, receiverReport), nil},
		{"SRTCP", join(rr(1, one), trailer), nil},
		{"SRTCP with a key identifier", join(rr(1, one), trailer, []byte{1, 2, 3, 4}), nil},
		{"something behind it", append(rr(1, one), 0), nil},
		{"the second packet cut", join(rr(1, one), sdes(1))[:40], nil},
		{"the second packet of another version", join(rr(1, one), with(sdes(1), set(0, 0x41))), nil},
		{"the second packet of no RTCP type", join(rr(1, one), with(sdes(1), set(1, 191))), nil},
		{"RTP", speech, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := reports(c.in); !slices.Equal(got, c.want) {
				t.Errorf("%+v, not %+v", got, c.want)
			}
		})
	}
}

func TestTheSenderOfAReportIsKnown(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		ssrc uint32
		ok   bool
	}{
		{"sender report", sr(0x01020304, 9), 0x01020304, true},
		{"receiver report", rr(9), 9, true},
		{"SRTCP", join(rr(9, one), trailer), 9, true},
		{"feedback", packet(1, 205, 3, 4), 3, true},
		{"SDES", sdes(6), 6, true},
		{"SDES of nobody", packet(0, sourceItems, 6), 0, false},
		{"BYE", packet(1, goodbye, 6), 6, true},
		{"BYE of nobody with a reason", packet(0, goodbye, 0x03616263), 0, false},
		{"no room for it", packet(0, receiverReport), 0, false},
		{"no room for it, but something behind", join(packet(0, receiverReport), []byte{1, 2, 3, 4}), 0, false},
		{"cut", rr(9, one)[:20], 0, false},
		{"nothing", nil, 0, false},
		{"RTP", speech, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if ssrc, ok := SSRC(c.in); ssrc != c.ssrc || ok != c.ok {
				t.Errorf("%d %v, not %d %v", ssrc, ok, c.ssrc, c.ok)
			}
		})
	}
}

func TestSenderInfoIsOfSenderReportsInTheClear(t *testing.T) {
	const ntp = 0xb44d_b705_2000_0000 // of RFC 3550 figure 2
	for _, c := range []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"alone", sr(3, ntp), true},
		{"compound", join(sr(3, ntp, one), sdes(3)), true},
		{"receiver report", rr(3, one), false},
		{"too short", packet(0, senderReport, 3, ntp>>32, ntp&0xffffffff, 4, 5), false},
		{"SRTCP", join(sr(3, ntp), trailer), false},
		{"nothing", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ssrc, middle, ok := SenderInfo(c.in)
			if ok != c.ok || ok && (ssrc != 3 || middle != 0xb7052000) {
				t.Errorf("%d %#x %v", ssrc, middle, ok)
			}
		})
	}
}

// seconds is an NTP time's middle 32 bits in nanoseconds.
func seconds(middle uint32) int64 { return int64(middle) * int64(time.Second) >> 16 }

// The example of RFC 3550 §6.4.1, figure 2.
func TestRoundTripIsThatOfTheRFC(t *testing.T) {
	var r RoundTrip
	_, middle, _ := SenderInfo(sr(1, 0xb44d_b705_2000_0000))
	r.Sent(middle, seconds(0xb7052000))
	EachReport(rr(2, one), func(_ uint32, rep Report) {
		way, ok := r.Heard(rep, seconds(0xb7108000))
		if !ok || way != 6125*time.Millisecond {
			t.Errorf("%v %v, not 6.125s", way, ok)
		}
	})
}

func TestRoundTripIsOnlyOfWhatWasForwarded(t *testing.T) {
	var r RoundTrip
	if _, ok := r.Heard(Report{LSR: 5}, 0); ok {
		t.Error("a report refers to nothing, and gives a time")
	}
	r.Sent(0, 0)
	for n := range int64(20) {
		r.Sent(uint32(100+n), n*1000*ms)
	}
	for range remembered {
		r.Sent(0, 20_000*ms) // a sender without a clock
	}
	for _, c := range []struct {
		name      string
		lsr, dlsr uint32
		at        int64
		want      time.Duration
		ok        bool
	}{
		{"the last", 119, 0x8000, 19540 * ms, 40 * time.Millisecond, true},
		{"the oldest remembered", 112, 0, 12001 * ms, time.Millisecond, true},
		{"a forgotten one", 111, 0, 12001 * ms, 0, false},
		{"none", 0, 0, 12001 * ms, 0, false},
		{"an invented one", 77, 0, 12001 * ms, 0, false},
		{"at once", 119, 0, 19000 * ms, 0, true},
		{"held for longer than it was away", 119, 0x10000, 19999 * ms, 0, false},
		{"held for eighteen hours", 119, 0xffffffff, 19999 * ms, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := r.Heard(Report{LSR: c.lsr, DLSR: c.dlsr}, c.at)
			if got != c.want || ok != c.ok {
				t.Errorf("%v %v, not %v %v", got, ok, c.want, c.ok)
			}
		})
	}
	r.Sent(119, 30_000*ms) // the same report once more
	if got, ok := r.Heard(Report{LSR: 119}, 30_010*ms); got != 10*time.Millisecond || !ok {
		t.Errorf("%v %v since the last copy, not 10ms", got, ok)
	}
}

func TestRoundTripsAreRememberedForever(t *testing.T) {
	var r RoundTrip
	for n := range uint32(1000) {
		r.Sent(n+1, int64(n)*ms)
		if got, ok := r.Heard(Report{LSR: n + 1}, int64(n+7)*ms); got != 7*time.Millisecond || !ok {
			t.Fatalf("report %d: %v %v", n, got, ok)
		}
	}
}
