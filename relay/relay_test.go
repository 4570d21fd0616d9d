package relay

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

func TestPacketsGoBothWaysUnchanged(t *testing.T) {
	for _, ips := range [][2]string{{"127.0.0.2", "127.0.0.3"}, {"::1", "::1"}, {"127.0.0.2", "::1"}, {"::1", "127.0.0.2"}} {
		t.Run(ips[0]+" "+ips[1], func(t *testing.T) {
			e := open(t, Config{})
			a, b := dial(t, ips[0]), dial(t, ips[1])
			c := between(t, e, a, b)
			began := time.Now()
			for range 20 {
				for i, p := range []*phone{a, b} {
					out := p.next()
					send(t, p.rtp, c.ports[i], out)
					in, from := hears(t, []*phone{b, a}[i].rtp)
					if !bytes.Equal(in, out) || from != c.ports[1-i] {
						t.Fatalf("%d bytes came from %s, sent were %d to %s", len(in), from, len(out), c.ports[i])
					}
				}
			}
			for i, p := range []*phone{a, b} {
				f := c.relayed(i, 20)
				if f.Packets != 20 || f.Bytes != 20*172 || f.Lost != 0 || f.Late != 0 || f.Rejected != [Rejects]uint64{} || f.Type != 8 {
					t.Errorf("counted %+v", f)
				}
				if f.Lock.Source != addrOf(p.rtp) || f.Lock.SSRC != p.ssrc {
					t.Errorf("learned %+v", f.Lock)
				}
				if f.First.Before(began.Add(-time.Second)) || f.Last.Before(f.First) || f.Last.After(time.Now().Add(time.Second)) {
					t.Errorf("the first packet was relayed at %s, the last at %s", f.First, f.Last)
				}
			}
			c.end()
			if e.Read(c.id, new(Counters)) {
				t.Error("a relay that was stopped has counters")
			}
		})
	}
}

// report is a sender report or a receiver report with one block.
func report(kind byte, ssrc uint32, ntp uint64, lsr, dlsr uint32) []byte {
	b := []byte{0x81, kind, 0, 0}
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if kind == 200 {
		b[0] = 0x80
		b = binary.BigEndian.AppendUint64(b, ntp)
		b = append(b, make([]byte, 12)...)
	} else {
		b = append(b, make([]byte, 16)...)
		b = binary.BigEndian.AppendUint32(b, lsr)
		b = binary.BigEndian.AppendUint32(b, dlsr)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	return b
}

func TestRTCPGoesByItsOwnPorts(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	for i, p := range []*phone{a, b} {
		far := []*phone{b, a}[i]
		out := report(200, p.ssrc, 1, 0, 0)
		send(t, p.rtcp, c.rtcpPort(i), out)
		in, from := hears(t, far.rtcp)
		if !bytes.Equal(in, out) || from != c.rtcpPort(1-i) {
			t.Fatalf("RTCP came from %s", from)
		}
	}
	// RTP there is none.
	send(t, a.rtcp, c.rtcpPort(0), a.next())
	c.rejected(0, Malformed, 1)
	f := c.relayed(0, 0)
	if f.RTCP != 1 || f.Packets != 0 || f.Lock.RTCP != addrOf(a.rtcp) {
		t.Errorf("counted %+v", f)
	}
}

func TestMultiplexedRTCPGoesByTheRTPPort(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := connect(t, e, [2]int{four, fourToo}, func(l [2]Lease) Rule {
		r := Rule{Sides: [2]Side{a.side(four, l[0]), b.side(fourToo, l[1])}}
		r.Sides[0].RTCP = r.Sides[0].Remote // only one side multiplexes
		return r
	})
	send(t, b.rtcp, c.rtcpPort(1), report(200, b.ssrc, 1, 0, 0))
	if _, from := hears(t, a.rtp); from != c.ports[0] {
		t.Fatalf("it came from %s", from)
	}
	send(t, a.rtp, c.ports[0], report(200, a.ssrc, 1, 0, 0))
	if _, from := hears(t, b.rtcp); from != c.rtcpPort(1) {
		t.Fatalf("it came from %s", from)
	}
}

func TestTheRoundTripIsMeasured(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	send(t, a.rtcp, c.rtcpPort(0), report(200, a.ssrc, 0x1111222233334444, 0, 0))
	hears(t, b.rtcp)
	at := time.Now()
	var took time.Duration
	eventually(t, "30 ms are over", func() bool { took = time.Since(at); return took > 30*time.Millisecond })
	send(t, b.rtcp, c.rtcpPort(1), report(201, b.ssrc, 0, 0x22223333, 0x10000/100)) // held for 10 ms
	hears(t, a.rtcp)
	if rtt := c.counters().Sides[1].RTT; rtt < 19*time.Millisecond || rtt > took+100*time.Millisecond {
		t.Errorf("the round trip to B took %s", rtt)
	}
	if rtt := c.counters().Sides[0].RTT; rtt != 0 {
		t.Errorf("the round trip to A took %s, but A has told nothing", rtt)
	}
}

func TestAStrangerIsNeitherHeardNorToldAnything(t *testing.T) {
	e := open(t, Config{})
	a, b, x := dial(t, "127.0.0.2"), dial(t, "127.0.0.3"), dial(t, "127.0.0.66")
	c := between(t, e, a, b)
	x.talk(c.ports[0], 100)
	c.rejected(0, Stranger, 100)
	for range 50 {
		a.talk(c.ports[0], 1)
		b.talk(c.ports[1], 1)
		x.talk(c.ports[0], 1)
		x.talk(c.ports[1], 1)
		send(t, x.rtcp, c.rtcpPort(0), report(200, x.ssrc, 1, 0, 0))
		hears(t, a.rtp)
		hears(t, b.rtp)
	}
	c.rejected(0, Stranger, 200)
	c.rejected(1, Stranger, 50)
	if n := heard(t, x.rtp) + heard(t, x.rtcp); n != 0 {
		t.Errorf("the stranger heard %d packets", n)
	}
	if n := heard(t, a.rtp) + heard(t, b.rtp) + heard(t, a.rtcp) + heard(t, b.rtcp); n != 0 {
		t.Errorf("%d packets of the stranger were delivered", n)
	}
}

// Behind NAT nobody knows where an endpoint sends from. A stranger that is first must not have more than a moment.
func TestAStrangerHearsFivePacketsAtMostWhileASourceIsLearned(t *testing.T) {
	e := open(t, Config{})
	a, b, x := dial(t, "127.0.0.2"), dial(t, "127.0.0.3"), dial(t, "127.0.0.66")
	c := connect(t, e, [2]int{four, fourToo}, func(l [2]Lease) Rule {
		return Rule{Sides: [2]Side{a.behindNAT(four, l[0]), b.side(fourToo, l[1])}}
	})
	x.talk(c.ports[0], 10) // it proves itself
	c.relayed(0, 10-probation+1)
	b.talk(c.ports[1], 20)
	c.rejected(1, Nowhere, 20-lent)
	a.talk(c.ports[0], 1)
	c.relayed(0, 10-probation+2)
	b.talk(c.ports[1], 20)
	c.relayed(1, 20+lent)
	x.talk(c.ports[0], 20)
	c.rejected(0, Stranger, probation-1+20)
	if n := heard(t, x.rtp); n != lent {
		t.Errorf("the stranger heard %d packets", n)
	}
	if n := heard(t, a.rtp); n != 20 {
		t.Errorf("the endpoint heard %d packets of 20", n)
	}
	if lock := c.counters().Sides[0].Lock.Source; lock != addrOf(a.rtp) {
		t.Errorf("locked is %s", lock)
	}
}

func TestWhatIsNoRTPIsNotRelayed(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	a.talk(c.ports[0], 1)
	hears(t, b.rtp)
	version := func(v byte) []byte { p := a.next(); p[0] = v << 6; return p }
	stun := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...)
	bad := [][]byte{
		{},
		{0x80},
		make([]byte, 9000), rtpPacket(8, 1, 1, a.ssrc, 8988), rtpPacket(8, 1, 1, a.ssrc, maxDatagram-11),
		version(0), version(1), version(3), []byte("GET / HTTP/1.1\r\n\r\n"), stun,
	}
	for _, p := range bad {
		send(t, a.rtp, c.ports[0], p)
	}
	c.rejected(0, Malformed, uint64(len(bad)))
	if n := heard(t, b.rtp); n != 0 {
		t.Errorf("%d packets were delivered", n)
	}
	send(t, a.rtp, c.ports[0], rtpPacket(8, a.seq, 1, a.ssrc, maxDatagram-12))
	hears(t, b.rtp)
}

func TestDTLSPasses(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	hello := append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}, "hello"...)
	send(t, a.rtp, c.ports[0], hello)
	if in, _ := hears(t, b.rtp); !bytes.Equal(in, hello) {
		t.Errorf("%x came", in)
	}
	send(t, b.rtcp, c.rtcpPort(1), hello)
	hears(t, a.rtcp)
	a.talk(c.ports[0], 1)
	hears(t, b.rtp)
}

func TestDatagramsPassAsTheyAre(t *testing.T) {
	e := open(t, Config{})
	a, b, x := dial(t, "127.0.0.2"), dial(t, "127.0.0.3"), dial(t, "127.0.0.66")
	c := connect(t, e, [2]int{four, fourToo}, func(l [2]Lease) Rule {
		return Rule{Kind: Datagrams, Sides: [2]Side{a.side(four, l[0]), b.side(fourToo, l[1])}}
	})
	send(t, x.rtp, c.ports[0], []byte("fax of a stranger"))
	for _, p := range [][]byte{{0}, []byte("UDPTL"), bytes.Repeat([]byte{0xff}, maxDatagram)} {
		send(t, a.rtp, c.ports[0], p)
		if in, _ := hears(t, b.rtp); !bytes.Equal(in, p) {
			t.Errorf("%x came", in)
		}
	}
	c.rejected(0, Stranger, 1)
	send(t, a.rtp, c.ports[0], make([]byte, maxDatagram+1))
	eventually(t, "it is rejected", func() bool { return c.counters().Sides[0].Rejected[Malformed] == 1 })
}

func TestAnEndpointThatMovesIsHeardAgain(t *testing.T) {
	for _, believed := range []bool{true, false} {
		e := open(t, Config{})
		a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
		c := connect(t, e, [2]int{four, fourToo}, func(l [2]Lease) Rule {
			r := Rule{Sides: [2]Side{a.side(four, l[0]), b.side(fourToo, l[1])}}
			if !believed {
				r.Sides[0] = a.behindNAT(four, l[0])
			}
			return r
		})
		a.talk(c.ports[0], 10)
		for range 10 {
			hears(t, b.rtp)
		}
		old := a.rtp
		ip := "127.0.0.2"
		if !believed {
			ip = "127.0.0.99" // from Wi-Fi to the mobile network
		}
		a.rtp = socketAt(t, ip)
		began := time.Now()
		_ = b.rtp.SetReadDeadline(began.Add(time.Second))
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		done := make(chan time.Duration, 1)
		go func() {
			if _, _, err := b.rtp.ReadFromUDPAddrPort(make([]byte, 2000)); err == nil {
				done <- time.Since(began)
			}
			close(done)
		}()
		var after time.Duration
		for after == 0 {
			select {
			case <-tick.C:
				a.talk(c.ports[0], 1)
			case d, ok := <-done:
				if !ok {
					t.Fatal("it was not heard again")
				}
				after = d
			}
		}
		if after > 200*time.Millisecond {
			t.Errorf("it was heard again after %s", after)
		}
		b.talk(c.ports[1], 1)
		hears(t, a.rtp)
		if heard(t, old) != 0 || c.counters().Sides[0].Rebound != 1 {
			t.Errorf("the old place was sent to, or %d moves were counted", c.counters().Sides[0].Rebound)
		}
	}
}

func TestASecondSourceOfAnEndpointIsForeign(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	for range 10 {
		a.talk(c.ports[0], 1)
		send(t, a.rtp, c.ports[0], rtpPacket(8, 1, 1, a.ssrc+1, 160))
	}
	c.rejected(0, Foreign, 10)
	if n := heard(t, b.rtp); n != 10 {
		t.Errorf("%d packets were delivered", n)
	}
}

func TestAnUnexpectedPayloadTypeIsRelayedAndCounted(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := connect(t, e, [2]int{four, fourToo}, func(l [2]Lease) Rule {
		r := Rule{Sides: [2]Side{a.side(four, l[0]), b.side(fourToo, l[1])}}
		r.Sides[0].Types = [2]uint64{1 << 8, 1 << (101 - 64)}
		return r
	})
	for i, payload := range []uint8{8, 101, 0, 96} {
		send(t, a.rtp, c.ports[0], rtpPacket(payload, uint16(i), 1, a.ssrc, 160))
		hears(t, b.rtp)
	}
	if f := c.relayed(0, 4); f.WrongType != 2 || f.Packets != 4 || f.Type != 96 {
		t.Errorf("counted %+v", f)
	}
}

func TestNothingIsSentToWhoIsOnHold(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	a.talk(c.ports[0], 1)
	b.talk(c.ports[1], 1)
	hears(t, a.rtp)
	hears(t, b.rtp)
	held := c.rule
	held.Sides[1].Remote, held.Sides[1].RTCP = netip.MustParseAddrPort("0.0.0.0:5000"), netip.AddrPort{}
	e.Change(c.id, held)
	b.talk(c.ports[1], 1) // B's music is heard
	hears(t, a.rtp)
	a.talk(c.ports[0], 3)
	c.rejected(0, Nowhere, 3)
	e.Change(c.id, c.rule)
	b.talk(c.ports[1], 1)
	hears(t, a.rtp)
	a.talk(c.ports[0], 1)
	hears(t, b.rtp)
	if f := c.relayed(0, 2); f.Packets != 2 || f.Lost != 0 {
		t.Errorf("counted %+v", f)
	}
}

func TestForksThatShareAPortAreHeardEach(t *testing.T) {
	e := open(t, Config{})
	a, first, second := dial(t, "127.0.0.2"), dial(t, "127.0.0.3"), dial(t, "127.0.0.4")
	c := between(t, e, a, first)
	fork := c.rule
	fork.Sides[1] = second.side(fourToo, c.leases[1])
	id := e.Start(1, fork)
	for range 5 {
		for i, p := range []*phone{first, second} {
			p.talk(c.ports[1], 1)
			b, _ := hears(t, a.rtp)
			if ssrc := binary.BigEndian.Uint32(b[8:]); ssrc != p.ssrc {
				t.Fatalf("of fork %d came %x", i, ssrc)
			}
		}
	}
	a.talk(c.ports[0], 1)
	hears(t, first.rtp)
	e.Stop(c.id) // the second has answered
	a.talk(c.ports[0], 1)
	hears(t, second.rtp)
	second.talk(c.ports[1], 1)
	hears(t, a.rtp)
	first.talk(c.ports[1], 1)
	c.id = id
	c.rejected(1, Stranger, 1)
}

// An endpoint behind NAT that one fork has learned hears the others too.
func TestAForkKnowsWhatAnotherHasLearned(t *testing.T) {
	e := open(t, Config{})
	a, first, second := dial(t, "127.0.0.2"), dial(t, "127.0.0.3"), dial(t, "127.0.0.4")
	c := connect(t, e, [2]int{four, fourToo}, func(l [2]Lease) Rule {
		return Rule{Sides: [2]Side{a.behindNAT(four, l[0]), first.side(fourToo, l[1])}}
	})
	a.talk(c.ports[0], 1)
	hears(t, first.rtp)
	fork := c.rule
	fork.Sides[1] = second.side(fourToo, c.leases[1])
	e.Start(1, fork)
	second.talk(c.ports[1], 1)
	hears(t, a.rtp)
}

func TestAChangeUnderTrafficLosesNothing(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	const packets = 400
	for i := range packets {
		a.talk(c.ports[0], 1)
		if i%4 == 0 {
			e.Change(c.id, c.rule)
		}
		hears(t, b.rtp)
	}
	if f := c.relayed(0, packets); f.Packets != packets || f.Lost != 0 {
		t.Errorf("counted %+v", f)
	}
	// To another port, while packets still come to the old one.
	l, err := e.Lease(fourToo, 1)
	if err != nil {
		t.Fatal(err)
	}
	moved := c.rule
	moved.Sides[0].Pool, moved.Sides[0].Port = fourToo, l.Port
	e.Change(c.id, moved)
	a.talk(netip.AddrPortFrom(e.Pools[fourToo].Addr, l.Port), 1)
	hears(t, b.rtp)
	b.talk(c.ports[1], 1)
	if _, from := hears(t, a.rtp); from.Port() != l.Port {
		t.Errorf("it came from port %d", from.Port())
	}
	if f := c.relayed(0, packets+1); f.Packets != packets+1 {
		t.Errorf("counted %+v", f)
	}
}

func TestWhatAnotherDescriptionMadeObsoleteIsNotTold(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	a.talk(c.ports[0], 1)
	if f := c.relayed(0, 1); f.Lock.Source != addrOf(a.rtp) {
		t.Fatalf("learned %+v", f.Lock)
	}
	moved := c.rule
	moved.Sides[0].Remote = netip.MustParseAddrPort("127.0.0.9:4000")
	e.Change(c.id, moved)
	e.settle()
	if l := c.counters().Sides[0].Lock; l.Source.IsValid() {
		t.Errorf("learned %+v", l)
	}
}

func TestWhatCannotBeSentIsCounted(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := connect(t, e, [2]int{four, fourToo}, func(l [2]Lease) Rule {
		r := Rule{Sides: [2]Side{a.side(four, l[0]), b.side(fourToo, l[1])}}
		r.Sides[1].Remote = netip.MustParseAddrPort("[2001:db8::1]:4000") // by a port of IPv4
		return r
	})
	a.talk(c.ports[0], 3)
	c.rejected(0, Unsent, 3)
}

// Nobody listens there any more: ICMP says so, and must not end anything.
func TestAnEndpointThatIsGoneEndsNothing(t *testing.T) {
	e := open(t, Config{})
	a, b := dial(t, "127.0.0.2"), dial(t, "127.0.0.3")
	c := between(t, e, a, b)
	b.rtp.Close()
	a.talk(c.ports[0], 20)
	eventually(t, "all were relayed", func() bool {
		f := c.counters().Sides[0]
		return f.Packets+f.Rejected[Unsent] == 20
	})
	eventually(t, "the port hears", func() bool {
		before := c.counters().Sides[0].Packets
		a.talk(c.ports[0], 1)
		return c.counters().Sides[0].Packets >= before
	})
}

func TestAnEngineTakesUpWhereAnotherEnded(t *testing.T) {
	e := open(t, Config{})
	a, b, x := dial(t, "127.0.0.2"), dial(t, "127.0.0.3"), dial(t, "127.0.0.66")
	c := connect(t, e, [2]int{four, six}, func(l [2]Lease) Rule {
		return Rule{Sides: [2]Side{a.behindNAT(four, l[0]), {Pool: six, Port: l[1].Port}}}
	})
	_ = b
	a.talk(c.ports[0], 1)
	c.rejected(0, Nowhere, 1)
	learned := c.counters().Sides[0].Lock
	e.Close()

	again := open(t, Config{})
	for _, l := range c.leases {
		if err := again.Claim(l); err != nil {
			t.Fatal(err)
		}
	}
	far := dial(t, "::1")
	rule := c.rule
	rule.Sides[1] = far.side(six, c.leases[1])
	rule.Locked[0] = learned
	id := again.Start(1, rule)
	far.talk(c.ports[1], 1) // the endpoint behind NAT need not speak first
	hears(t, a.rtp)
	x.talk(c.ports[0], 10)
	a.talk(c.ports[0], 1)
	hears(t, far.rtp)
	var k Counters
	if !again.Read(id, &k) || k.Sides[0].Rejected[Stranger] != 10 || k.Sides[0].Lock != learned {
		t.Errorf("counted %+v", k.Sides[0])
	}
}
