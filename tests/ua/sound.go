package ua

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// Sound is the media end of a phone: one stream of RTP from a socket of its own, G.711, 20 ms a packet. Nothing plays by
// itself: a test says when a packet goes, and asks what came.
type Sound struct {
	t    testing.TB
	conn *net.UDPConn
	to   netip.AddrPort
	buf  [65536]byte

	SSRC     uint32
	Sequence uint16 // of the next packet
	Type     uint8  // payload type; 0 is G.711 µ-law
}

// Hear opens a media socket at listen, as "127.0.0.1:0". The end of the test closes it.
func Hear(t testing.TB, listen string) *Sound {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &Sound{t: t, conn: conn, SSRC: uint32(conn.LocalAddr().(*net.UDPAddr).Port) << 8, Sequence: 1000}
}

// HearPair opens sockets for RTP, on an even port, and for RTCP, on the one above it.
func HearPair(t testing.TB, host string) (rtp, rtcp *Sound) {
	t.Helper()
	for range 100 {
		first := Hear(t, net.JoinHostPort(host, "0"))
		at := first.Addr()
		second, ok := HearAt(t, netip.AddrPortFrom(at.Addr(), at.Port()^1))
		switch {
		case !ok: // somebody has it
		case at.Port()%2 == 0:
			return first, second
		default:
			return second, first
		}
	}
	t.Fatal("no pair of ports is free")
	return nil, nil
}

// HearAt opens a media socket at a port; false when somebody has it.
func HearAt(t testing.TB, at netip.AddrPort) (s *Sound, ok bool) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, false
	}
	t.Cleanup(func() { conn.Close() })
	return &Sound{t: t, conn: conn, SSRC: uint32(at.Port()) << 8, Sequence: 1000}, true
}

// Addr is where the socket is.
func (s *Sound) Addr() netip.AddrPort {
	a := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Describe is a session description with one audio stream at this socket, and further lines behind its m-line.
func (s *Sound) Describe(lines ...string) string {
	kind := "IP4"
	if s.Addr().Addr().Is6() {
		kind = "IP6"
	}
	host := s.Addr().Addr()
	return fmt.Sprintf("v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n%s",
		kind, host, kind, host, s.Addr().Port(), strings.Join(append(lines, ""), "\r\n"))
}

// To is where packets go from now on.
func (s *Sound) To(to netip.AddrPort) *Sound {
	s.to = to
	return s
}

// Say sends a packet that carries a word. The next one has the next sequence number.
func (s *Sound) Say(word string) {
	s.t.Helper()
	s.Send(s.Packet(word))
}

// Packet is what Say sends.
func (s *Sound) Packet(word string) []byte {
	b := make([]byte, 12, 172)
	b[0], b[1] = 0x80, s.Type
	binary.BigEndian.PutUint16(b[2:], s.Sequence)
	binary.BigEndian.PutUint32(b[4:], uint32(s.Sequence)*160)
	binary.BigEndian.PutUint32(b[8:], s.SSRC)
	s.Sequence++
	b = append(b, word...)
	for len(b) < 172 {
		b = append(b, 0xff)
	}
	return b
}

// Report is an RTCP packet: a receiver report without blocks, and a name (RFC 3550 §6.4.2, §6.5).
func (s *Sound) Report(name string) []byte {
	b := []byte{0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 202, 0, 0, 0, 0, 0, 0, 1, byte(len(name))}
	binary.BigEndian.PutUint32(b[4:], s.SSRC)
	binary.BigEndian.PutUint32(b[12:], s.SSRC)
	b = append(append(b, name...), 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b[11] = byte((len(b)-8)/4 - 1)
	return b
}

// Send sends what need not be RTP.
func (s *Sound) Send(b []byte) {
	s.t.Helper()
	if _, err := s.conn.WriteToUDPAddrPort(b, s.to); err != nil {
		s.t.Fatal(err)
	}
}

// Next is the next packet and where it came from, if one comes within d.
func (s *Sound) Next(d time.Duration) (b []byte, from netip.AddrPort, came bool) {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		s.t.Fatal(err)
	}
	n, from, err := s.conn.ReadFromUDPAddrPort(s.buf[:])
	if err != nil {
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			s.t.Fatal(err)
		}
		return nil, netip.AddrPort{}, false
	}
	return s.buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), true
}

// Hears waits for a packet with that word. None within a second fails the test.
func (s *Sound) Hears(word string) netip.AddrPort {
	s.t.Helper()
	for deadline := time.Now().Add(time.Second); ; {
		b, from, came := s.Next(time.Until(deadline))
		if !came {
			s.t.Fatalf("%s did not hear %q", s.Addr(), word)
		}
		if len(b) > 12 && strings.HasPrefix(string(b[12:]), word) {
			return from
		}
	}
}

// HearsBytes waits for exactly that packet. None within a second, or another one, fails the test.
func (s *Sound) HearsBytes(want []byte) netip.AddrPort {
	s.t.Helper()
	b, from, came := s.Next(time.Second)
	if !came {
		s.t.Fatalf("%s heard nothing within a second", s.Addr())
	}
	if string(b) != string(want) {
		s.t.Fatalf("%s heard %d bytes from %s: %.40q, not %.40q", s.Addr(), len(b), from, b, want)
	}
	return from
}

// Pending is how many packets have come already and were not heard yet; then they have been.
func (s *Sound) Pending() (n int) {
	s.t.Helper()
	for _, _, came := s.Next(time.Millisecond); came; _, _, came = s.Next(time.Millisecond) {
		n++
	}
	return n
}

// Quiet fails the test when anything comes within d.
func (s *Sound) Quiet(d time.Duration) {
	s.t.Helper()
	if b, from, came := s.Next(d); came {
		s.t.Fatalf("%s hears %d bytes from %s", s.Addr(), len(b), from)
	}
}

// MediaAt is where the description in a message wants the media of its m-lines, in their order.
func (m Message) MediaAt() (places []netip.AddrPort) {
	var session, addr netip.Addr
	port := -1
	end := func() {
		if port >= 0 {
			places = append(places, netip.AddrPortFrom(addr, uint16(port)))
		}
	}
	for line := range strings.Lines(string(m.Body)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "c="):
			f := strings.Fields(line)
			a, _ := netip.ParseAddr(f[len(f)-1])
			if addr = a; port < 0 {
				session = a
			}
		case strings.HasPrefix(line, "m="):
			end()
			addr, port = session, 0
			fmt.Sscanf(strings.Fields(line)[1], "%d", &port)
		}
	}
	end()
	return places
}
