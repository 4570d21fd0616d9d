package rtpwire

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

func FuzzRTP(f *testing.F) {
	for _, c := range kinds {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b):len(b)]
		before := bytes.Clone(b)
		kind := readAll(b)
		if !bytes.Equal(b, before) {
			t.Error("the datagram was written to")
		}
		if got := reread(b); got != kind {
			t.Errorf("%v, and %v by another reader", kind, got)
		}
		if kind == RTP {
			var h Header
			h.Parse(b)
			again := rtp(h)
			again[0] = b[0]
			if !bytes.Equal(again[:headerSize], b[:headerSize]) {
				t.Errorf("%x read as %+v", b[:headerSize], h)
			}
			if got := Classify(append(before, 0)); got != RTP {
				t.Errorf("%v with a byte more", got)
			}
		}
		follow(t, b)
	})
}

// reread classifies media of version 2 as Classify does, field by field.
func reread(b []byte) Kind {
	if len(b) < 8 || b[0]&0xc0 != 0x80 {
		k := Classify(b)
		if k == RTP || k == RTCP {
			return Other
		}
		return k
	}
	r := bytes.NewReader(b)
	var first, second uint8
	var half uint16
	read := func(v any) bool { return binary.Read(r, binary.BigEndian, v) == nil }
	read(&first)
	read(&second)
	read(&half)
	if second >= 64 && second < 96 {
		return Other
	}
	if second >= 192 && second < 224 {
		if r.Len() < 4*int(half) {
			return Other
		}
		return RTCP
	}
	if !read(make([]uint32, 2+first&15)) {
		return Other
	}
	if first&0x10 != 0 {
		var extension struct{ Profile, Length uint16 }
		if !read(&extension) || !read(make([]uint32, extension.Length)) {
			return Other
		}
	}
	if first&0x20 != 0 && r.Len() == 0 {
		return Other
	}
	return RTP
}

// follow takes b for a stream's headers and times, five bytes each.
func follow(t *testing.T, b []byte) {
	var s Stream
	h := Header{SSRC: 7}
	at := int64(0)
	for ; len(b) >= 5; b = b[5:] {
		h.Marker, h.Type = b[0]&0x80 != 0, b[0]&3
		h.Sequence += uint16(int8(b[1]))
		if b[0]&0x40 != 0 {
			h.Sequence += uint16(b[1]) << 8
		}
		h.Timestamp += uint32(int32(int8(b[2]))) << (b[0] >> 2 & 15)
		at += int64(int16(binary.BigEndian.Uint16(b[3:]))) << (b[0] >> 2 & 15)
		before := s
		s.Receive(h, at, uint32(b[2])*300)
		if s.Lost() > s.Expected() || s.Late > s.Received || s.Expected() > s.Received+s.Lost() || s.Expected() < before.Expected() {
			t.Fatalf("received %d, expected %d, lost %d, late %d after expected %d", s.Received, s.Expected(), s.Lost(), s.Late, before.Expected())
		}
		if s.Lost() > before.Lost()+maxDropout-2 || s.Lost()+1 < before.Lost() {
			t.Fatalf("%d lost after %d", s.Lost(), before.Lost())
		}
		if j := s.Jitter(); j < 0 || j > time.Duration(clockJump) {
			t.Fatalf("jitter %v", j)
		}
		if !s.Continues(uint16(s.Highest())) {
			t.Fatal("the highest packet does not continue its stream")
		}
	}
}

func FuzzRTCP(f *testing.F) {
	for _, c := range kinds {
		f.Add(c.in)
	}
	f.Add(join(sr(1, 1<<40, one, two), rr(2, one), sdes(1), packet(1, goodbye, 1)))
	f.Add(join(rr(1, one), trailer))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b):len(b)]
		before := bytes.Clone(b)
		kind := readAll(b)
		all := reports(b)
		if !bytes.Equal(b, before) {
			t.Error("the datagram was written to")
		}
		if len(all)*reportSize > len(b) {
			t.Errorf("%d reports in %d bytes", len(all), len(b))
		}
		rest := b
		for _, r := range all {
			block := rr(r.sender, r.Report)
			for ; !bytes.HasPrefix(rest, block[8:]); rest = rest[4:] { // reports are whole words, in order
				if len(rest) < reportSize+4 {
					t.Fatalf("%+v is not in %x", r, b)
				}
			}
			rest = rest[reportSize:]
			if !bytes.Contains(b, block[4:8]) {
				t.Fatalf("its sender %d is not in %x", r.sender, b)
			}
		}
		ssrc, known := SSRC(b)
		from, middle, ok := SenderInfo(b)
		if ok && (!known || ssrc != from || b[1] != senderReport || !bytes.Equal(binary.BigEndian.AppendUint32(nil, middle), b[10:14])) {
			t.Errorf("%#x of %d and %d in %x", middle, from, ssrc, b)
		}
		if (known || ok || len(all) > 0) && kind != RTCP {
			t.Errorf("%v says who sends it", kind)
		}
		if len(b)%4 != 0 && len(all) > 0 {
			t.Error("reports in what is no whole number of words")
		}
		if len(all) > 0 && len(reports(b[:len(b)-1])) > 0 {
			t.Error("reports in what is cut short")
		}
		if len(all) > 0 && len(reports(append(before, before...))) != 2*len(all) {
			t.Error("twice the packets have not twice the reports")
		}
		remember(t, all)
	})
}

// remember measures round trips by reports that are 40 ms under way.
func remember(t *testing.T, all []heard) {
	var r RoundTrip
	for n, rep := range all {
		sent := int64(n) * int64(time.Hour)
		r.Sent(rep.LSR, sent)
		way, ok := r.Heard(rep.Report, sent+int64(rep.DLSR)*int64(time.Second)>>16+40*ms)
		if ok != (rep.LSR != 0) || ok && way != 40*time.Millisecond {
			t.Errorf("%v %v of %+v", way, ok, rep)
		}
	}
}
