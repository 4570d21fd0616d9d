package rtpwire

import "encoding/binary"

// rtp is a packet with 160 bytes of speech.
func rtp(h Header) []byte {
	b := make([]byte, headerSize+160)
	b[0] = version << 6
	b[1] = h.Type
	if h.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], h.Sequence)
	binary.BigEndian.PutUint32(b[4:], h.Timestamp)
	binary.BigEndian.PutUint32(b[8:], h.SSRC)
	return b
}

// packet is one of RTCP: its count, its type and the words after its first one.
func packet(count, packetType uint8, words ...uint32) []byte {
	b := []byte{version<<6 | count, packetType, byte(len(words) >> 8), byte(len(words))}
	for _, w := range words {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func (r Report) words() []uint32 {
	return []uint32{r.SSRC, uint32(r.FractionLost)<<24 | uint32(r.CumulativeLost)&0xffffff, r.Highest, r.Jitter, r.LSR, r.DLSR}
}

func sr(sender uint32, ntp uint64, reports ...Report) []byte {
	words := []uint32{sender, uint32(ntp >> 32), uint32(ntp), 160, 1, 160}
	for _, r := range reports {
		words = append(words, r.words()...)
	}
	return packet(uint8(len(reports)), senderReport, words...)
}

func rr(sender uint32, reports ...Report) []byte {
	words := []uint32{sender}
	for _, r := range reports {
		words = append(words, r.words()...)
	}
	return packet(uint8(len(reports)), receiverReport, words...)
}

// sdes names a source "a".
func sdes(source uint32) []byte {
	return packet(1, sourceItems, source, 0x01016100)
}

func join(packets ...[]byte) (b []byte) {
	for _, p := range packets {
		b = append(b, p...)
	}
	return b
}

// trailer is what SRTCP appends: an index and a tag of 80 bits.
var trailer = []byte{0x80, 0, 0, 1, 0xc4, 0x11, 0x7a, 0x90, 0x5e, 0x33, 0xfe, 0x28, 0x09, 0xd1}
