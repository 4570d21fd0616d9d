package stream

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout has the kernel give up on a peer that does not acknowledge what it was sent; its own patience is a quarter of an
// hour. Twice the time for a peer that is slow, which is a reason of its own.
func setUserTimeout(t *net.TCPConn, slow time.Duration) {
	if slow <= 0 {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(2*slow/time.Millisecond))
	})
}

// beforeBind has ports shared between connections to different peers: a port for each would be the end at some 28 000.
func beforeBind(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
}
