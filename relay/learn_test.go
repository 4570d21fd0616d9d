package relay

import (
	"net/netip"
	"testing"
	"time"
)

var (
	described = netip.MustParseAddrPort("198.51.100.7:4000")
	otherPort = netip.MustParseAddrPort("198.51.100.7:9999")
	private   = netip.MustParseAddrPort("192.168.1.7:4000")
	natted    = netip.MustParseAddrPort("203.0.113.9:31000")
	rebound   = netip.MustParseAddrPort("203.0.113.9:31044")
	roamed    = netip.MustParseAddrPort("192.0.2.44:17000")
	stranger  = netip.MustParseAddrPort("233.252.0.66:666")
)

// story is a source and the clock of a test.
type story struct {
	t *testing.T
	source
	at  time.Duration
	seq map[netip.AddrPort]uint16
}

func tale(t *testing.T, side Side, kind Kind) *story {
	s := &story{t: t, at: time.Second, seq: map[netip.AddrPort]uint16{}}
	s.expect(&side, kind, s.at)
	return s
}

var (
	publicSide = Side{Remote: described, Signalled: described.Addr(), Believed: true}
	natSide    = Side{Remote: private, Signalled: natted.Addr()}
	heldSide   = Side{Signalled: natted.Addr(), Believed: true}
)

// packet is the next of a source, 20 ms after the one before. It is not said to continue anything.
func (s *story) packet(from netip.AddrPort, ssrc uint32) evidence {
	s.seq[from]++
	return evidence{from: from, at: s.at, stream: true, ssrc: ssrc, seq: s.seq[from]}
}

// talk sends n packets, 20 ms apart, and wants the first refused of them refused and the others passed.
func (s *story) talk(from netip.AddrPort, ssrc uint32, n, refused int) {
	s.t.Helper()
	for i := range n {
		s.at += 20 * time.Millisecond
		s.wants(s.packet(from, ssrc), i >= refused)
	}
}

func (s *story) wants(e evidence, pass bool) {
	s.t.Helper()
	if why, ok := s.accept(&e); ok != pass {
		s.t.Fatalf("a packet from %s at %s: passed %v, want %v (%s); locked is %s", e.from, e.at, ok, pass, why, s.locked)
	}
}

func (s *story) isLocked(on netip.AddrPort) {
	s.t.Helper()
	if s.locked != on {
		s.t.Fatalf("locked is %s, want %s", s.locked, on)
	}
}

func TestWhoIsHeardFirst(t *testing.T) {
	for _, c := range []struct {
		name    string
		side    Side
		from    netip.AddrPort
		refused int // of ten packets
	}{
		{"believed, from where it says", publicSide, described, 0},
		{"believed, from another port", publicSide, otherPort, probation - 1},
		{"believed, a stranger", publicSide, stranger, 10},
		{"believed, the signalling's host", Side{Remote: described, Signalled: natted.Addr(), Believed: true}, natted, 10},
		{"NAT, from where signalling comes from", natSide, natted, 0},
		{"NAT, from where it says", natSide, private, 0},
		{"NAT, from the host that it says", natSide, netip.AddrPortFrom(private.Addr(), 7777), 0},
		{"NAT, from elsewhere", natSide, roamed, probation - 1},
		{"no address, from where signalling comes from", heldSide, natted, 0},
		{"no address, from elsewhere", heldSide, roamed, probation - 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := tale(t, c.side, RTP)
			s.talk(c.from, 1, 10, c.refused)
		})
	}
}

func TestALockedSourceHasNoCompany(t *testing.T) {
	for _, side := range []Side{publicSide, natSide} {
		for _, kind := range []Kind{RTP, ManyRTP, Datagrams} {
			s := tale(t, side, kind)
			first := described
			if !side.Believed {
				first = natted
			}
			s.talk(first, 1, 1, 0)
			for range 600 { // beyond the learning window
				s.talk(first, 1, 1, 0)
				s.talk(stranger, 2, 1, 1)
				s.talk(otherPort, 3, 1, 1)
				s.talk(rebound, 4, 1, 1)
			}
			s.isLocked(first)
		}
	}
}

// Who sprays all ports must not be taken for an endpoint because it comes by often enough.
func TestAStrangerThatComesByNowAndThenProvesNothing(t *testing.T) {
	s := tale(t, natSide, RTP)
	for range 50 {
		s.at += talking
		s.wants(s.packet(stranger, 1), false)
	}
	s = tale(t, natSide, RTP)
	for range 50 { // not in a row
		s.seq[stranger] += 3
		s.talk(stranger, 1, 1, 1)
	}
	s.talk(natted, 2, 5, 0)
}

// A stranger that was first, as while it rings, holds the place only until the endpoint speaks, however late.
func TestAStrangerThatWasFirstGivesWay(t *testing.T) {
	s := tale(t, natSide, RTP)
	s.talk(stranger, 1, 2*learnPackets, probation-1)
	s.at += 2 * learnTime
	s.talk(stranger, 1, 1, 0)
	s.talk(natted, 2, 10, 0)
	s.talk(stranger, 1, 10, 10)
	s.isLocked(natted)
}

// Nothing speaks for it, but nobody else came: then it is the endpoint.
func TestWhoIsDoubtedHearsALittleAtFirst(t *testing.T) {
	s := tale(t, natSide, RTP)
	s.talk(roamed, 1, probation, probation-1)
	s.at += time.Minute // it rings
	for i := range 100 {
		if want := i < lent || time.Duration(i)*20*time.Millisecond >= doubt; s.mayHear(s.at) != want {
			t.Fatalf("it is not %v that packet %d may be sent", want, i)
		}
		s.talk(roamed, 1, 1, 0)
	}
	s = tale(t, natSide, RTP)
	for range 100 {
		s.talk(natted, 1, 1, 0)
		if !s.mayHear(s.at) {
			t.Fatal("whom something speaks for was not sent to")
		}
	}
}

func TestABetterSourceTakesOverWhileLearning(t *testing.T) {
	s := tale(t, publicSide, RTP)
	s.talk(otherPort, 1, 20, probation-1)
	s.talk(described, 2, 5, 0)
	s.talk(otherPort, 1, 5, 5)

	s = tale(t, natSide, RTP)
	s.talk(natted, 1, 20, 0)
	s.talk(private, 2, 5, 0)
	s.talk(natted, 1, 5, 5)
}

func TestABetterSourceDoesNotTakeOverLater(t *testing.T) {
	s := tale(t, publicSide, RTP)
	s.talk(otherPort, 1, learnPackets+probation, probation-1)
	s.wants(s.packet(described, 2), false)
	s.talk(otherPort, 1, 1, 0)

	s = tale(t, publicSide, RTP)
	s.talk(otherPort, 1, 10, probation-1)
	s.at += learnTime
	s.talk(otherPort, 1, 1, 0)
	s.wants(s.packet(described, 2), false)
	s.at += talking // unless the other is silent
	s.wants(s.packet(described, 2), true)
}

// Somebody who sends now and then must not keep an endpoint from proving itself.
func TestNobodyKeepsAnEndpointFromProvingItself(t *testing.T) {
	s := tale(t, natSide, RTP)
	for i := range probation - 1 {
		s.talk(roamed, 1, 1, 1)
		if i > 0 {
			s.wants(s.packet(stranger, 9), false)
		}
	}
	s.talk(roamed, 1, 3, 0)
}

func TestASourceThatMovesIsFollowed(t *testing.T) {
	for _, c := range []struct {
		name     string
		side     Side
		from, to netip.AddrPort
		follows  bool
	}{
		{"NAT, another port", natSide, natted, rebound, true},
		{"NAT, another network", natSide, natted, roamed, true},
		{"believed, another port", publicSide, described, otherPort, true},
		{"believed, another host", publicSide, described, stranger, false},
	} {
		for _, kind := range []Kind{RTP, ManyRTP} {
			t.Run(c.name, func(t *testing.T) {
				s := tale(t, c.side, kind)
				s.talk(c.from, 1, 500, 0)
				last := s.at
				s.seq[c.to] = s.seq[c.from]
				passed := time.Duration(0)
				for range 20 {
					s.at += 20 * time.Millisecond
					e := s.packet(c.to, 1)
					e.continues = true
					if _, ok := s.accept(&e); ok && passed == 0 {
						passed = s.at - last
					}
				}
				if c.follows != (passed > 0) || passed > 200*time.Millisecond {
					t.Errorf("followed after %s, want %v", passed, c.follows)
				}
				if moved := s.rebounds == 1; moved != c.follows {
					t.Errorf("%d times rebound", s.rebounds)
				}
			})
		}
	}
}

// Who knows SSRC and sequence number cannot take over as long as the source talks, nor by less than three in a row.
func TestAThiefOfASequenceIsNotFollowed(t *testing.T) {
	s := tale(t, natSide, RTP)
	s.talk(natted, 1, 50, 0)
	for range 100 {
		s.talk(natted, 1, 1, 0)
		s.seq[stranger] = s.seq[natted]
		for range 6 {
			e := s.packet(stranger, 1)
			e.continues = true
			s.wants(e, false)
		}
	}
	s.at += talking
	for range 5 {
		s.seq[stranger] += 2
		e := s.packet(stranger, 1)
		e.continues = true
		s.wants(e, false)
	}
	s.isLocked(natted)
}

func TestTheFirstSSRCKeepsOthersOut(t *testing.T) {
	s := tale(t, publicSide, RTP)
	s.talk(described, 1, 20, 0)
	for range 20 {
		e := s.packet(described, 2)
		if why, ok := s.accept(&e); ok || why != Foreign {
			t.Fatalf("another SSRC passed or was %s", why)
		}
		s.talk(described, 1, 1, 0)
	}
	s.at += talking
	s.talk(described, 2, 5, 0) // the other has ended
	s.wants(s.packet(described, 1), false)

	s = tale(t, publicSide, ManyRTP)
	s.talk(described, 1, 20, 0)
	s.talk(described, 2, 20, 0)
	s.talk(described, 1, 20, 0)
}

func TestANewDescriptionLetsAnotherSSRCInOnce(t *testing.T) {
	s := tale(t, publicSide, RTP)
	s.talk(described, 1, 20, 0)
	s.expect(&publicSide, RTP, s.at)
	s.talk(described, 1, 2, 0)
	s.talk(described, 2, 2, 0)
	s.wants(s.packet(described, 3), false)
	s.isLocked(described)
}

func TestAnotherDescriptionBeginsAnew(t *testing.T) {
	s := tale(t, publicSide, RTP)
	s.talk(described, 1, 20, 0)
	moved := publicSide
	moved.Remote = stranger
	s.expect(&moved, RTP, s.at)
	s.isLocked(netip.AddrPort{})
	s.wants(s.packet(described, 1), false)
	s.talk(stranger, 5, 5, 0)
}

func TestAHoldForgetsNothing(t *testing.T) {
	s := tale(t, publicSide, RTP)
	s.talk(described, 1, 20, 0)
	held := publicSide
	held.Remote = netip.MustParseAddrPort("0.0.0.0:4000")
	s.expect(&held, RTP, s.at)
	s.talk(described, 1, 5, 0)
	s.talk(stranger, 2, 10, 10)
	s.expect(&publicSide, RTP, s.at)
	s.talk(described, 1, 5, 0)
}

func TestARestoredLockHolds(t *testing.T) {
	s := tale(t, natSide, RTP)
	s.restore(Lock{Source: roamed, SSRC: 7})
	s.talk(stranger, 1, 10, 10)
	s.talk(roamed, 7, 5, 0)
	s.wants(s.packet(roamed, 8), false)
}

func TestDTLSLocksAsRTPDoesButProvesNothing(t *testing.T) {
	dtls := func(s *story, from netip.AddrPort) evidence { return evidence{from: from, at: s.at} }
	s := tale(t, natSide, RTP)
	for range 2 * probation {
		s.wants(dtls(s, stranger), false)
	}
	s.wants(dtls(s, natted), true)
	s.wants(dtls(s, stranger), false)
	s.talk(natted, 1, 5, 0)
	s = tale(t, publicSide, RTP)
	s.wants(dtls(s, otherPort), false)
	s.wants(dtls(s, described), true)
}

func TestDatagramsNeedNoSequence(t *testing.T) {
	s := tale(t, publicSide, Datagrams)
	for i := range 10 {
		s.at += 20 * time.Millisecond
		s.wants(evidence{from: otherPort, at: s.at}, i >= probation-1)
	}
	s.wants(evidence{from: stranger, at: s.at}, false)
}

func TestRTCPIsHeardFromWhereRTPIs(t *testing.T) {
	rtcpOf := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }
	for _, c := range []struct {
		name string
		side Side
		rtp  netip.AddrPort // where RTP came from before; invalid: none did
		from netip.AddrPort
		pass bool
	}{
		{"the port above", publicSide, netip.AddrPort{}, rtcpOf(described), true},
		{"another port of the host", publicSide, netip.AddrPort{}, otherPort, true},
		{"a stranger", publicSide, netip.AddrPort{}, stranger, false},
		{"a stranger when RTP is known", publicSide, described, stranger, false},
		{"where it was told to be", Side{Remote: described, RTCP: roamed, Believed: true}, described, roamed, true},
		{"NAT, from the signalling's host", natSide, netip.AddrPort{}, rebound, true},
		{"NAT, from where RTP comes from", natSide, roamed, rtcpOf(roamed), true},
		{"NAT, from the signalling's host when RTP comes from elsewhere", natSide, roamed, rebound, false},
		{"NAT, a stranger", natSide, netip.AddrPort{}, stranger, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := tale(t, c.side, RTP)
			var k control
			k.expect(&c.side)
			for range probation {
				if e := s.packet(c.rtp, 1); c.rtp.IsValid() {
					s.accept(&e)
				}
			}
			if c.rtp.IsValid() {
				s.isLocked(c.rtp)
			}
			if k.accept(&s.source, c.from, false, s.at) != c.pass {
				t.Errorf("passed is not %v", c.pass)
			}
		})
	}
}

func TestRTCPFollowsRTPThatHasMoved(t *testing.T) {
	s := tale(t, natSide, RTP)
	var k control
	k.expect(&natSide)
	s.talk(stranger, 1, probation, probation-1)
	if !k.accept(&s.source, stranger, false, s.at) {
		t.Fatal("RTCP from where RTP comes from did not pass")
	}
	s.talk(natted, 2, 1, 0)
	k.review(&s.source)
	if k.locked.IsValid() {
		t.Fatalf("RTCP still goes to %s", k.locked)
	}
}
