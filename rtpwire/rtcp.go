package rtpwire

import "encoding/binary"

// Packet types of RTCP (RFC 3550 §12.1, RFC 5761 §4).
const (
	firstRTCP      = 192
	senderReport   = 200
	receiverReport = 201
	sourceItems    = 202 // SDES
	goodbye        = 203
	lastRTCP       = 223
)

// cut parts the first packet of b from what follows it (RFC 3550 §6.4.1: a length is in words of 32 bits, less one).
func cut(b []byte) (packet, rest []byte, ok bool) {
	if len(b) < 4 || b[0]>>6 != version || b[1] < firstRTCP || b[1] > lastRTCP {
		return nil, nil, false
	}
	n := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// isPlain tells whether b is packets and nothing else (RFC 3550 A.2). SRTCP is not: it ends with an index and a tag, and
// all but its first eight bytes are noise (RFC 3711 §3.4).
func isPlain(b []byte) bool {
	ok := true
	for ok && len(b) > 0 {
		_, b, ok = cut(b)
	}
	return ok
}

// SSRC is who sent the first packet of b, which is all of b as a rule. False when it does not say. SRTCP says it in the clear.
func SSRC(b []byte) (uint32, bool) {
	packet, _, ok := cut(b)
	if !ok || len(packet) < 8 {
		return 0, false
	}
	if (packet[1] == sourceItems || packet[1] == goodbye) && packet[0]&0x1f == 0 {
		return 0, false // they name as many sources as they count
	}
	return binary.BigEndian.Uint32(packet[4:]), true
}

// SenderInfo is what the sender report says that b begins with: whose it is, and the middle 32 bits of its NTP
// timestamp, by which receivers refer to it (RFC 3550 §6.4.1). False when b is no sender report in clear text.
func SenderInfo(b []byte) (ssrc, ntpMiddle uint32, ok bool) {
	packet, _, ok := cut(b)
	if !ok || packet[1] != senderReport || len(packet) < reportsAt(senderReport) || !isPlain(b) {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(packet[4:]), binary.BigEndian.Uint32(packet[10:]), true
}
