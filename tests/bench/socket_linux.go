package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a UDP socket outside the runtime's poller: it is only ever asked whether something has arrived, so that
// nobody sleeps on it, and whoever sends to it has nobody to wake.
type socket struct{ fd int }

// openSocket binds a socket whose packets are stamped by the kernel when they arrive.
func openSocket(local netip.AddrPort) (socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return socket{}, fmt.Errorf("cannot open a socket: %w", err)
	}
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: local.Addr().As4(), Port: int(local.Port())}),
	); err != nil {
		unix.Close(fd)
		return socket{}, fmt.Errorf("cannot open a socket on %s: %w", local, err)
	}
	return socket{fd}, nil
}

// connect makes remote the only peer.
func (s socket) connect(remote netip.AddrPort) error {
	return unix.Connect(s.fd, &unix.SockaddrInet4{Addr: remote.Addr().As4(), Port: int(remote.Port())})
}

// send tells the peer b. It does not wait.
func (s socket) send(b []byte) error {
	_, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

func (s socket) close() { unix.Close(s.fd) }

const stampSize = 64 // of the control messages of one packet

// inbox is where packets are read into. It must not be moved once it was used.
type inbox struct {
	header [taken]struct {
		unix.Msghdr
		length uint32
	}
	iovec  [taken]unix.Iovec
	packet [taken][2048]byte
	stamp  [taken][stampSize]byte
}

func newInbox() *inbox {
	in := &inbox{}
	for i := range in.header {
		in.iovec[i].Base = &in.packet[i][0]
		in.iovec[i].SetLen(len(in.packet[i]))
		in.header[i].Iov = &in.iovec[i]
		in.header[i].SetIovlen(1)
		in.header[i].Control = &in.stamp[i][0]
	}
	return in
}

// receive takes what has arrived, taken packets at most. It does not wait; none is no error.
func (in *inbox) receive(s socket) (int, error) {
	for i := range in.header {
		in.header[i].SetControllen(stampSize)
	}
	n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&in.header[0])), taken, unix.MSG_DONTWAIT, 0, 0)
	switch e {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, e
}

// at is packet i of those received last, and when the kernel had it; the zero time if it does not say. One that is
// too long for the inbox is cut.
func (in *inbox) at(i int) ([]byte, time.Time) {
	return in.packet[i][:in.header[i].length], stampOf(in.stamp[i][:in.header[i].Controllen])
}

// stampOf reads the timespec of an SCM_TIMESTAMPNS control message.
func stampOf(control []byte) time.Time {
	header := unix.CmsgLen(0)
	if len(control) < header+16 {
		return time.Time{}
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS {
		return time.Time{}
	}
	seconds, ns := binary.NativeEndian.Uint64(control[header:]), binary.NativeEndian.Uint64(control[header+8:])
	return time.Unix(int64(seconds), int64(ns))
}

// hungUp says that the other end has closed the connection. What has come on it is thrown away.
func hungUp(conn *net.TCPConn) (closed bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	var b [4096]byte
	err = raw.Read(func(fd uintptr) bool {
		n, err := 1, error(nil)
		for n > 0 || errors.Is(err, unix.EINTR) {
			n, err = unix.Read(int(fd), b[:])
		}
		closed = !errors.Is(err, unix.EAGAIN)
		return true
	})
	return closed || err != nil
}

// sharpen lets the calling thread sleep as short as it asks for, and this process and its children open as many
// sockets as it may.
func sharpen() error {
	var most unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &most); err != nil {
		return err
	}
	most.Cur = most.Max
	return errors.Join(unix.Setrlimit(unix.RLIMIT_NOFILE, &most), unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0))
}
