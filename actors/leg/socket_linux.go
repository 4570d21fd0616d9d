package leg

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/message"
)

// Socket is one leg's socket of one lane. The lane owns it; only the lane's goroutine reads and writes.
type Socket struct {
	Name string
	Addr netip.AddrPort // where it is bound
	Leg  *message.Leg   // whose it is; set once, when every leg is bound

	fd      int
	v6      bool
	log     *slog.Logger
	counts  *message.Counts
	out     []*message.Packet // at most batch
	refused []*message.Packet

	headers [batch]mmsghdr
	iovecs  [batch]unix.Iovec
	names   [batch]unix.RawSockaddrInet6 // large enough for both families
}

// mmsghdr is struct mmsghdr of recvmmsg(2). On 64-bit machines it is padded to 8 bytes.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// Shared tells whether several lanes can share a leg's port.
const Shared = true

// Listen opens a UDP socket at addr. All lanes share the port: the kernel spreads peers over them and keeps one peer
// on one lane. first is true for the lane that claims it: it is refused when another program has it.
func Listen(name string, addr netip.AddrPort, first bool, log *slog.Logger, counts *message.Counts) (*Socket, error) {
	if first {
		// With SO_REUSEPORT alone a second actorsip would silently take half of the calls, and the kernel's choice for port 0
		// may be a port that somebody shares already.
		fd, port, err := open(addr, false)
		if err != nil {
			return nil, fmt.Errorf("leg %s cannot listen on udp:%s: %w", name, addr, err)
		}
		unix.Close(fd)
		addr = netip.AddrPortFrom(addr.Addr(), port)
	}
	fd, port, err := open(addr, true)
	if err != nil {
		return nil, fmt.Errorf("leg %s cannot listen on udp:%s: %w", name, addr, err)
	}
	s := &Socket{
		Name: name, Addr: netip.AddrPortFrom(addr.Addr(), port), fd: fd, v6: addr.Addr().Is6(), log: log, counts: counts,
		out: make([]*message.Packet, 0, batch),
	}
	for i := range s.headers {
		s.headers[i].hdr.Iov = &s.iovecs[i]
		s.headers[i].hdr.SetIovlen(1)
		s.headers[i].hdr.Name = (*byte)(unsafe.Pointer(&s.names[i]))
	}
	return s, nil
}

// receiveBuffer is what the kernel may hold for a socket: a burst of some thousand messages.
const receiveBuffer = 4 << 20

func open(addr netip.AddrPort, share bool) (fd int, port uint16, err error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, 0, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
			fd = -1
		}
	}()
	if family == unix.AF_INET6 {
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return
		}
	}
	if share {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return
		}
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer) // the kernel caps it
	if err = unix.Bind(fd, sockaddr(addr)); err != nil {
		return
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		port = uint16(a.Port)
	case *unix.SockaddrInet6:
		port = uint16(a.Port)
	}
	return fd, port, nil
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: addr.Addr().As16(), Port: int(addr.Port())}
	}
	return &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}
}

// reopen binds a new socket in the place of one that failed.
func (s *Socket) reopen() error {
	s.Close()
	fd, _, err := open(s.Addr, true)
	if err != nil {
		return fmt.Errorf("leg %s cannot listen on udp:%s again: %w", s.Name, s.Addr, err)
	}
	s.fd = fd
	return nil
}

// Close closes the socket.
func (s *Socket) Close() {
	if s.fd >= 0 {
		unix.Close(s.fd)
	}
	s.fd = -1
}

// write sends packets, and says how many the kernel took. With fewer than all, err is why the next one was refused;
// nil means that the rest should be tried again.
func (s *Socket) write(packets []*message.Packet) (int, error) {
	if len(packets) == 1 { // the cheaper call for one
		return s.writeOne(packets[0])
	}
	for i, p := range packets {
		s.iovecs[i].Base = &p.Out[0]
		s.iovecs[i].SetLen(len(p.Out))
		s.headers[i].hdr.Namelen = s.destination(i, p.To)
		s.headers[i].hdr.Flags = 0
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.headers[0])),
		uintptr(len(packets)), unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	default: // EAGAIN too: a full send buffer means that the wire is slower than we are; UDP drops then
		return 0, errno
	}
}

func (s *Socket) writeOne(p *message.Packet) (int, error) {
	length := s.destination(0, p.To)
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&p.Out[0])), uintptr(len(p.Out)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&s.names[0])), uintptr(length))
	switch errno {
	case 0:
		return 1, nil
	case unix.EINTR:
		return 0, nil
	default:
		return 0, errno
	}
}

func (s *Socket) destination(i int, to netip.AddrPort) uint32 {
	port := networkOrder(to.Port())
	if s.v6 {
		s.names[i] = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: to.Addr().As16()}
		return unix.SizeofSockaddrInet6
	}
	a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.names[i]))
	*a = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: to.Addr().As4()}
	return unix.SizeofSockaddrInet4
}

// networkOrder turns a port around where the machine's byte order is not the network's; it is its own inverse.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// steer has the kernel give all datagrams of the port to the first socket that was bound to it, or spread them by a
// hash of the addresses, which is what it does by itself.
func (s *Socket) steer(wide bool) error {
	if wide {
		return unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0)
	}
	first := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	return unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(first)), Filter: &first[0]})
}
