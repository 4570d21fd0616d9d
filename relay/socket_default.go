//go:build !linux || portable

package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// socket is a UDP socket of Go's net package.
type socket struct {
	conn *net.UDPConn
	v6   bool
}

// buffer is what the kernel may hold for a socket, bytes: 50 ms of a fast stream.
const buffer = 128 << 10

func bind(addr netip.AddrPort, _ bool) (s socket, err error) {
	network := "udp4"
	if s.v6 = addr.Addr().Is6(); s.v6 {
		network = "udp6"
	}
	if s.conn, err = net.ListenUDP(network, net.UDPAddrFromAddrPort(addr)); err != nil {
		return s, fmt.Errorf("bind %s: %w", addr, err)
	}
	_ = s.conn.SetReadBuffer(buffer) // the kernel caps it
	return s, nil
}

func (s *socket) close() { _ = s.conn.Close() }

// write sends a datagram. False: the kernel did not take it, or the socket is of the other family.
func (s *socket) write(b []byte, to netip.AddrPort) bool {
	if to.Addr().Is6() != s.v6 {
		return false
	}
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err == nil
}

// read waits for a datagram; it is cut when it is longer than b. Zero bytes and no source: an error of an earlier packet
// was told instead.
func (s *socket) read(b []byte) (n int, from netip.AddrPort, open bool) {
	n, from, err := s.conn.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, netip.AddrPort{}, !errors.Is(err, net.ErrClosed)
	}
	return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), true
}
