package main

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	rtpHeader  = 12
	rtpSize    = rtpHeader + 160       // 20 ms of G.711
	ptime      = 20 * time.Millisecond // from one packet to the next
	pcmu       = 0                     // payload type (RFC 3551 §6)
	samples    = 160                   // in a packet
	rtpVersion = 2 << 6
	marker     = 0x80 // in the second byte: the first packet of a talkspurt (RFC 3551 §4.1)
	silence    = 0xff // of PCMU
)

var (
	errSize      = errors.New("a packet arrived with another length")
	errHeaders   = errors.New("a packet arrived with another version, payload type, marker or with extensions")
	errSSRC      = errors.New("a packet of another stream arrived")
	errSequence  = errors.New("a packet arrived whose sequence number or timestamp is not the one that it left with")
	errPayload   = errors.New("a packet arrived whose payload was changed")
	errReordered = errors.New("a packet arrived twice or after a later one")
)

// stream is one direction of one call: the numbers that its packets carry (RFC 3550 §5.1). The payload begins with
// what is measured by:
//
//	index of the packet  8 bytes
//	when it was sent     8 bytes, in ns since 1970, the clock of the kernel's receive timestamps
//	silence
type stream struct {
	ssrc      uint32
	sequence  uint16 // of packet 0
	timestamp uint32 // of packet 0

	sent uint64 // the index of the next packet to be sent
	next uint64 // one more than the highest index that arrived
}

func newStream() stream {
	return stream{ssrc: rand.Uint32(), sequence: uint16(rand.Uint32()), timestamp: rand.Uint32()}
}

// write fills in the next packet.
func (s *stream) write(p *[rtpSize]byte, now time.Time) {
	index := s.sent
	s.sent++
	p[0], p[1] = rtpVersion, kind(index)
	binary.BigEndian.PutUint16(p[2:], s.sequence+uint16(index))
	binary.BigEndian.PutUint32(p[4:], s.timestamp+samples*uint32(index))
	binary.BigEndian.PutUint32(p[8:], s.ssrc)
	binary.BigEndian.PutUint64(p[12:], index)
	binary.BigEndian.PutUint64(p[20:], uint64(now.UnixNano()))
	for i := 28; i < rtpSize; i++ {
		p[i] = silence
	}
}

func kind(index uint64) byte {
	if index == 0 {
		return pcmu | marker
	}
	return pcmu
}

// read checks a packet that arrived, in the order of arrival, and says when it was sent.
func (s *stream) read(p []byte) (sent time.Time, err error) {
	if len(p) != rtpSize {
		return sent, errSize
	}
	index := binary.BigEndian.Uint64(p[12:])
	switch {
	case binary.BigEndian.Uint32(p[8:]) != s.ssrc:
		return sent, errSSRC
	case p[0] != rtpVersion || p[1] != kind(index):
		return sent, errHeaders
	case binary.BigEndian.Uint16(p[2:]) != s.sequence+uint16(index) ||
		binary.BigEndian.Uint32(p[4:]) != s.timestamp+samples*uint32(index):
		return sent, errSequence
	case index >= s.sent || p[28] != silence || p[rtpSize-1] != silence:
		return sent, errPayload
	case index < s.next:
		return sent, errReordered
	}
	s.next = index + 1
	return time.Unix(0, int64(binary.BigEndian.Uint64(p[20:]))), nil
}
