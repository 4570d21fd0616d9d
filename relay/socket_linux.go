//go:build !portable

package relay

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a raw UDP socket that never blocks. It is not connected: a connected one cannot hear an endpoint whose source
// has moved, and answers its packets by ICMP.
type socket struct {
	fd int32
	v6 bool
}

// What the kernel may hold for a socket, bytes; it doubles them for its own needs. RTP: the hundred packets of a video's
// key frame, or 50 ms of a fast stream, as long as a worker takes at most to be started again. RTCP: a few reports. More
// would only be played late, and let a flood take the kernel's memory.
const (
	rtpBuffer  = 128 << 10
	rtcpBuffer = 16 << 10
)

func bind(addr netip.AddrPort, control bool) (s socket, err error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return s, fmt.Errorf("socket: %w", err)
	}
	s = socket{fd: int32(fd), v6: family == unix.AF_INET6}
	if s.v6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			s.close()
			return s, fmt.Errorf("IPV6_V6ONLY: %w", err)
		}
	}
	buffer := rtpBuffer
	if control {
		buffer = rtcpBuffer
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) // the kernel caps it
	if err := unix.Bind(fd, sockaddr(addr)); err != nil {
		s.close()
		return s, fmt.Errorf("bind %s: %w", addr, err)
	}
	return s, nil
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: addr.Addr().As16(), Port: int(addr.Port())}
	}
	return &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}
}

func (s *socket) close() { _ = unix.Close(int(s.fd)) }

// write sends a datagram. False: the kernel did not take it, or the socket is of the other family.
func (s *socket) write(b []byte, to netip.AddrPort) bool {
	var name unix.RawSockaddrInet6 // large enough for both families
	length := uintptr(unix.SizeofSockaddrInet4)
	switch {
	case to.Addr().Is6() != s.v6:
		return false
	case s.v6:
		name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: to.Addr().As16()}
		length = unix.SizeofSockaddrInet6
	default:
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(&name)) = unix.RawSockaddrInet4{
			Family: unix.AF_INET, Port: networkOrder(to.Port()), Addr: to.Addr().As4(),
		}
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&name)), length)
	return errno == 0
}

// read takes a datagram from the socket; it is cut when it is longer than b. False: there is none, or an error of an
// earlier packet was told instead.
func (s *socket) read(b []byte) (n int, from netip.AddrPort, ok bool) {
	var name unix.RawSockaddrInet6
	length := uint32(unix.SizeofSockaddrInet6)
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&length)))
	if errno != 0 {
		return 0, from, false
	}
	port := networkOrder(name.Port) // both families have it at the same place
	if s.v6 {
		return int(r), netip.AddrPortFrom(netip.AddrFrom16(name.Addr), port), true
	}
	a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&name))
	return int(r), netip.AddrPortFrom(netip.AddrFrom4(a.Addr), port), true
}

// networkOrder turns a port around where the machine's byte order is not the network's; it is its own inverse.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}
