package stream

import (
	"net"
	"syscall"
	"time"
	"unsafe"

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

// sysRead and sysWrite do not wait, so Go's scheduler need not hear of them. That is a tenth of what they cost, and it takes the processor from
// nobody who has to be woken then.
func sysRead(fd int, b []byte) (int, error)  { return call(unix.SYS_READ, fd, b) }
func sysWrite(fd int, b []byte) (int, error) { return call(unix.SYS_WRITE, fd, b) }

func call(number uintptr, fd int, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := unix.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
