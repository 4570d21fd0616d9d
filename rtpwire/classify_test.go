package rtpwire

import (
	"bytes"
	"testing"
)

func with(b []byte, changes ...func([]byte)) []byte {
	b = bytes.Clone(b)
	for _, c := range changes {
		c(b)
	}
	return b
}

func set(i int, v byte) func([]byte) { return func(b []byte) { b[i] = v } }

var (
	speech   = rtp(Header{Type: 0, Sequence: 1, Timestamp: 160, SSRC: 7})
	binding  = append([]byte{0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 0x80, 0x22, 0, 0)
	hello    = append([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}, 1, 0, 0, 0)
	sealed   = append([]byte{0x2c}, make([]byte, 17)...) // DTLS 1.3
	extended = with(speech, set(0, 0x90), set(12, 0xbe), set(13, 0xde), set(14, 0), set(15, 39))
)

var kinds = []struct {
	name string
	in   []byte
	want Kind
}{
	{"speech", speech, RTP},
	{"a header and nothing else", speech[:12], RTP},
	{"marker", with(speech, set(1, 0x80)), RTP},
	{"highest type below the gap", with(speech, set(1, 63)), RTP},
	{"lowest dynamic type with marker", with(speech, set(1, 0x80|96)), RTP},
	{"highest type with marker", with(speech, set(1, 0xff)), RTP},
	{"types of RTCP without marker", with(speech, set(1, 72)), Other},
	{"lowest type of RTCP without marker", with(speech, set(1, 64)), Other},
	{"highest type of RTCP without marker", with(speech, set(1, 95)), Other},
	{"version 0", with(speech, set(0, 0x00)), Other},
	{"version 1", with(speech, set(0, 0x40)), Other},
	{"version 3", with(speech, set(0, 0xc0)), Other},
	{"one byte short of a header", speech[:11], Other},
	{"15 CSRCs", with(speech[:72], set(0, 0x8f)), RTP},
	{"15 CSRCs, the last one cut", with(speech[:71], set(0, 0x8f)), Other},
	{"extension to the end", extended, RTP},
	{"extension beyond the end", with(extended, set(15, 40)), Other},
	{"extension of the greatest length", with(extended, set(14, 0xff), set(15, 0xff)), Other},
	{"extension of no length", with(speech[:16], set(0, 0x90), set(14, 0), set(15, 0)), RTP},
	{"extension without a length", with(speech[:15], set(0, 0x90)), Other},
	{"CSRC, then extension", with(speech[:20], set(0, 0x91), set(18, 0), set(19, 0)), RTP},
	{"CSRC, then extension too long", with(speech[:20], set(0, 0x91), set(18, 0), set(19, 1)), Other},
	{"padding", with(speech, set(0, 0xa0), set(171, 4)), RTP},
	{"padding under an SRTP tag that is no count", with(speech, set(0, 0xa0), set(171, 0xee)), RTP},
	{"padding without a byte for its count", with(speech[:12], set(0, 0xa0)), Other},
	{"padding behind an extension to the end", with(extended, set(0, 0xb0)), Other},

	{"sender report", sr(1, 0), RTCP},
	{"receiver report", rr(1), RTCP},
	{"compound", join(rr(1, Report{}), sdes(1)), RTCP},
	{"lowest RTCP type", packet(0, 192, 1), RTCP},
	{"highest RTCP type", packet(0, 223, 1), RTCP},
	{"feedback alone", packet(1, 206, 1, 2), RTCP},
	{"SRTCP", join(rr(1, Report{}), trailer), RTCP},
	{"RTCP longer than the datagram", with(rr(1, Report{}), set(3, 8)), Other},
	{"RTCP of the greatest length", with(rr(1, Report{}), set(2, 0xff), set(3, 0xff)), Other},
	{"RTCP of 4 bytes", packet(0, goodbye), Other},
	{"RTCP of version 1", with(rr(1), set(0, 0x40)), Other},

	{"STUN binding request", binding, STUN},
	{"STUN without cookie", with(binding, set(4, 0)), Other},
	{"STUN longer than the datagram", binding[:20], Other},
	{"STUN with something behind it", append(bytes.Clone(binding), 0), Other},
	{"DTLS hello", hello, DTLS},
	{"DTLS flight of two records", join(hello, hello), DTLS},
	{"DTLS record cut", hello[:16], Other},
	{"DTLS header cut", hello[:12], Other},
	{"TLS over UDP", with(hello, set(1, 3)), Other},
	{"DTLS with a connection ID", with(hello, set(0, 25), set(11, 0xff)), DTLS},
	{"content type of no DTLS", with(hello, set(0, 27)), Other},
	{"DTLS 1.3 ciphertext", sealed, DTLS},
	{"DTLS 1.3 ciphertext too short", sealed[:17], Other},

	{"nothing", nil, Other},
	{"a byte", []byte{0x80}, Other},
	{"ZRTP", with(speech, set(0, 0x10)), Other},
	{"TURN channel", with(speech, set(0, 0x40)), Other},
	{"SIP", []byte("OPTIONS sip:a SIP/2.0"), Other},
	{"keep-alive", []byte("\r\n\r\n"), Other},
	{"QUIC", with(speech, set(0, 0xc3)), Other},
}

func TestOnlyWhatFitsIsClassified(t *testing.T) {
	for _, c := range kinds {
		t.Run(c.name, func(t *testing.T) {
			before := bytes.Clone(c.in)
			if got := Classify(c.in); got != c.want {
				t.Errorf("%v, not %v", got, c.want)
			}
			if !bytes.Equal(c.in, before) {
				t.Error("the datagram was written to")
			}
		})
	}
}

func TestKindsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]Kind{}
	for k := Other; k <= STUN; k++ {
		if other, twice := seen[k.String()]; twice {
			t.Errorf("%d and %d are both %q", k, other, k)
		}
		seen[k.String()] = k
	}
}

func TestRTCPTypesAreTheOnlyGapBetweenRTPTypes(t *testing.T) {
	for second := range 256 {
		got := Classify(with(speech, set(1, byte(second)), set(2, 0)))
		want := RTP
		switch {
		case second >= 64 && second <= 95:
			want = Other
		case second >= 192 && second <= 223:
			want = RTCP
		}
		if got != want {
			t.Errorf("second byte %d: %v, not %v", second, got, want)
		}
	}
}

func TestEveryTruncatedPrefixIsReadOrRefused(t *testing.T) {
	for _, c := range kinds {
		for n := range len(c.in) {
			readAll(c.in[:n:n])
		}
	}
	full := join(sr(1, 1<<40, Report{SSRC: 2}, Report{SSRC: 3}), rr(4, Report{SSRC: 5}), sdes(1))
	for n := range len(full) {
		cut := full[:n:n]
		readAll(cut)
		reports := 0
		EachReport(cut, func(uint32, Report) { reports++ })
		if whole := n == 76 || n == 108; (reports > 0) != whole {
			t.Errorf("%d bytes of a compound: %d reports", n, reports)
		}
	}
}

// readAll has b read by all that read datagrams.
func readAll(b []byte) Kind {
	k := Classify(b)
	if k == RTP {
		new(Header).Parse(b)
	}
	SSRC(b)
	SenderInfo(b)
	EachReport(b, func(uint32, Report) {})
	return k
}

func TestHeaderFieldsAreWhereTheyShouldBe(t *testing.T) {
	for _, want := range []Header{
		{},
		{Marker: true, Type: 101, Sequence: 0x0102, Timestamp: 0x03040506, SSRC: 0x0708090a},
		{Marker: true, Type: 127, Sequence: 0xffff, Timestamp: 0xffffffff, SSRC: 0xffffffff},
		{Type: 127},
	} {
		got := Header{Marker: !want.Marker, Type: 9}
		if got.Parse(rtp(want)); got != want {
			t.Errorf("%+v, not %+v", got, want)
		}
	}
	var h Header
	h.Parse([]byte{0xbf, 0xe5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	if want := (Header{true, 101, 0x0102, 0x03040506, 0x0708090a}); h != want {
		t.Errorf("%+v, not %+v", h, want)
	}
}
