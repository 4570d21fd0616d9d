package rtpwire

import "encoding/binary"

// Report is a reception report block: what a receiver says about one source (RFC 3550 §6.4.1).
type Report struct {
	SSRC           uint32 // of the source
	FractionLost   uint8  // since the last report, in 1/256
	CumulativeLost int32  // since the beginning; negative when packets came twice
	Highest        uint32 // extended highest sequence number
	Jitter         uint32 // in ticks of the source's clock
	LSR            uint32 // middle 32 bits of the last sender report's NTP timestamp; 0: none came
	DLSR           uint32 // since when that was, in 1/65536 s
}

const reportSize = 24

// reportsAt is where the reports of a packet begin.
func reportsAt(packetType uint8) int {
	if packetType == senderReport {
		return 28
	}
	return 8
}

// EachReport hands f all reports in b, each with the SSRC of who makes it. There are none in what is not RTCP in clear
// text.
func EachReport(b []byte, f func(sender uint32, r Report)) {
	if !isPlain(b) {
		return
	}
	for len(b) > 0 {
		var packet []byte
		packet, b, _ = cut(b)
		if packet[1] != senderReport && packet[1] != receiverReport {
			continue
		}
		at, blocks := reportsAt(packet[1]), int(packet[0]&0x1f)
		for ; blocks > 0 && len(packet) >= at+reportSize; blocks-- {
			f(binary.BigEndian.Uint32(packet[4:]), report(packet[at:]))
			at += reportSize
		}
	}
}

func report(block []byte) Report {
	word := func(i int) uint32 { return binary.BigEndian.Uint32(block[4*i:]) }
	return Report{
		SSRC:           word(0),
		FractionLost:   block[4],
		CumulativeLost: int32(word(1)<<8) >> 8, // 24 bits with a sign
		Highest:        word(2),
		Jitter:         word(3),
		LSR:            word(4),
		DLSR:           word(5),
	}
}
