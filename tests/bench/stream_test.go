package main

import (
	"errors"
	"testing"
	"time"
)

func TestAStreamDoesNotKnowItsPackets(t *testing.T) {
	s := newStream()
	s.sequence, s.timestamp = 65534, 1<<32-200 // both wrap
	var p [rtpSize]byte
	for i := range 70000 {
		now := time.Unix(1e9, int64(i))
		s.write(&p, now)
		sent, err := s.read(p[:])
		if err != nil || !sent.Equal(now) {
			t.Fatalf("packet %d: sent %v, read %v, %v", i, now, sent, err)
		}
	}
}

func TestAWrongPacketPassesForRight(t *testing.T) {
	for _, c := range []struct {
		name   string
		tamper func(p []byte) []byte
		want   error
	}{
		{"shorter", func(p []byte) []byte { return p[:171] }, errSize},
		{"longer", func(p []byte) []byte { return append(p, 0) }, errSize},
		{"nothing", func([]byte) []byte { return nil }, errSize},
		{"another version", func(p []byte) []byte { p[0] ^= 0x40; return p }, errHeaders},
		{"a CSRC", func(p []byte) []byte { p[0]++; return p }, errHeaders},
		{"another payload type", func(p []byte) []byte { p[1] = 8; return p }, errHeaders},
		{"a marker", func(p []byte) []byte { p[1] |= marker; return p }, errHeaders},
		{"another sequence number", func(p []byte) []byte { p[3]++; return p }, errSequence},
		{"another timestamp", func(p []byte) []byte { p[7]++; return p }, errSequence},
		{"another SSRC", func(p []byte) []byte { p[11]++; return p }, errSSRC},
		{"another payload", func(p []byte) []byte { p[100] = 0; p[rtpSize-1] = 0; return p }, errPayload},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStream()
			var p [rtpSize]byte
			s.write(&p, time.Now())
			s.write(&p, time.Now())
			if _, err := s.read(c.tamper(append([]byte(nil), p[:]...))); !errors.Is(err, c.want) {
				t.Errorf("%v, wanted: %v", err, c.want)
			}
			if _, err := s.read(p[:]); err != nil {
				t.Errorf("then the right one: %v", err)
			}
		})
	}
}

func TestARepeatedPacketIsCountedTwice(t *testing.T) {
	s := newStream()
	var first, second [rtpSize]byte
	s.write(&first, time.Now())
	s.write(&second, time.Now())
	for i, p := range [][]byte{second[:], second[:], first[:]} {
		if _, err := s.read(p); (err == nil) != (i == 0) || err != nil && !errors.Is(err, errReordered) {
			t.Errorf("arrival %d: %v", i, err)
		}
	}
}
