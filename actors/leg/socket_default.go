//go:build !linux

package leg

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/actorsip/actorsip/message"
)

// Socket is one leg's socket of one lane, by Go's own means: one datagram a call.
type Socket struct {
	Name string
	Addr netip.AddrPort // where it is bound
	Leg  *message.Leg   // whose it is; set once, when every leg is bound

	conn    *net.UDPConn
	log     *slog.Logger
	counts  *message.Counts
	out     []*message.Packet // at most batch
	refused []*message.Packet
}

// Shared tells whether several lanes can share a leg's port.
const Shared = false

// Listen opens a UDP socket at addr.
func Listen(name string, addr netip.AddrPort, _ bool, log *slog.Logger, counts *message.Counts) (*Socket, error) {
	conn, err := net.ListenUDP(family(addr), net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("leg %s cannot listen on udp:%s: %w", name, addr, err)
	}
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return &Socket{
		Name: name, Addr: netip.AddrPortFrom(addr.Addr(), at.Port()), conn: conn, log: log, counts: counts,
		out: make([]*message.Packet, 0, batch),
	}, nil
}

// family is one of udp4 and udp6: a socket for both would show IPv4 peers as IPv6.
func family(addr netip.AddrPort) string {
	if addr.Addr().Is4() {
		return "udp4"
	}
	return "udp6"
}

// reopen binds a new socket in the place of one that failed.
func (s *Socket) reopen() error {
	s.conn.Close()
	conn, err := net.ListenUDP(family(s.Addr), net.UDPAddrFromAddrPort(s.Addr))
	if err != nil {
		return fmt.Errorf("leg %s cannot listen on udp:%s again: %w", s.Name, s.Addr, err)
	}
	s.conn = conn
	return nil
}

// Close closes the socket.
func (s *Socket) Close() { s.conn.Close() }

// write sends packets, and says how many were taken; err is why the next one was refused.
func (s *Socket) write(packets []*message.Packet) (int, error) {
	for i, p := range packets {
		if _, err := s.conn.WriteToUDPAddrPort(p.Out, p.To); err != nil {
			return i, err
		}
	}
	return len(packets), nil
}

// steer has nothing to do where lanes do not share ports.
func (s *Socket) steer(bool) error { return nil }
