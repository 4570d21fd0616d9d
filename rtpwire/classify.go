package rtpwire

import "encoding/binary"

// Kind is what a datagram on a media port is.
type Kind uint8

const (
	// Other is none of the below.
	Other Kind = iota
	// RTP is RTP or SRTP of version 2.
	RTP
	// RTCP is RTCP or SRTCP of version 2.
	RTCP
	// DTLS is a DTLS record: the handshake of DTLS-SRTP (RFC 5764).
	DTLS
	// STUN is a STUN message with magic cookie (RFC 8489): a connectivity check of ICE.
	STUN
)

// String is the kind's name.
func (k Kind) String() string {
	switch k {
	case RTP:
		return "RTP"
	case RTCP:
		return "RTCP"
	case DTLS:
		return "DTLS"
	case STUN:
		return "STUN"
	default:
		return "other"
	}
}

// magicCookie is in every STUN message (RFC 8489 §5).
const magicCookie = 0x2112a442

// Classify tells what b is. The first byte decides between the protocols (RFC 7983 §7), the second one between RTP and
// RTCP (RFC 5761 §4). What they announce must fit into the datagram, or it is Other.
func Classify(b []byte) Kind {
	if len(b) < 8 {
		return Other
	}
	switch first := b[0]; {
	case first>>6 == version:
		switch packet := b[1]; {
		case packet&0x7f < 64 || packet&0x7f > 95:
			if fitsRTP(b) {
				return RTP
			}
		case packet >= firstRTCP && fitsRTCP(b):
			// A payload type of 64 to 95 with marker. Without a marker it is nothing: RFC 5761 §4 forbids those payload
			// types, as nobody could tell them from RTCP.
			return RTCP
		}
	case first <= 3:
		if len(b) >= 20 && binary.BigEndian.Uint32(b[4:]) == magicCookie && 20+int(binary.BigEndian.Uint16(b[2:])) == len(b) {
			return STUN
		}
	case isDTLS(b):
		return DTLS
	}
	return Other
}

// fitsRTP tells whether the CSRCs, the header extension and the padding's count of b fit into it (RFC 3550 §5.1, §5.3.1).
//
// Deviates: what the padding's count says is not looked at (RFC 3550 A.1 does). It is the last byte of RTP, but the last
// byte of SRTP belongs to the authentication tag, which is noise (RFC 3711 §3.1).
func fitsRTP(b []byte) bool {
	n := headerSize + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return false
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	if b[0]&0x20 != 0 {
		n++
	}
	return len(b) >= n
}

// fitsRTCP tells whether the first packet of b fits into it. Others may follow in clear text, encrypted (RFC 3711 §3.4),
// or not at all (RFC 5506).
func fitsRTCP(b []byte) bool {
	n := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
	return n <= len(b)
}

// isDTLS tells whether b begins with a record of DTLS 1.0 to 1.2, or with a ciphertext of DTLS 1.3 (RFC 9147 §4.1).
func isDTLS(b []byte) bool {
	const (
		recordHeader = 13 // of DTLS 1.2 (RFC 6347 §4.1)
		connectionID = 25 // a record with a connection ID before its length (RFC 9146 §4)
		lowestSealed = 18 // flags, a sequence number of one byte, a sealed record of 16 (RFC 9147 §4)
	)
	switch first := b[0]; {
	case first >= 20 && first <= 26:
		if len(b) < recordHeader || b[1] != 0xfe {
			return false
		}
		return first == connectionID || recordHeader+int(binary.BigEndian.Uint16(b[11:])) <= len(b)
	case first >= 32 && first <= 63:
		return len(b) >= lowestSealed
	default:
		return false
	}
}
