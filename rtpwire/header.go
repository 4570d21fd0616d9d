package rtpwire

import "encoding/binary"

const (
	version    = 2  // of RTP and RTCP
	headerSize = 12 // of RTP without CSRCs and extension, bytes
)

// Header is the part of an RTP header that every packet has (RFC 3550 §5.1). SRTP leaves it in the clear.
type Header struct {
	Marker    bool
	Type      uint8 // payload type, 0 to 127
	Sequence  uint16
	Timestamp uint32 // in ticks of the payload type's clock
	SSRC      uint32
}

// Parse reads the header of b, which Classify has called RTP.
func (h *Header) Parse(b []byte) {
	_ = b[headerSize-1]
	h.Marker = b[1]&0x80 != 0
	h.Type = b[1] & 0x7f
	h.Sequence = binary.BigEndian.Uint16(b[2:])
	h.Timestamp = binary.BigEndian.Uint32(b[4:])
	h.SSRC = binary.BigEndian.Uint32(b[8:])
}
