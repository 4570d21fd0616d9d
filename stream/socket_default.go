//go:build !linux

package stream

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout leaves it to the kernel when it gives up on a peer.
func setUserTimeout(*net.TCPConn, time.Duration) {}

// beforeBind leaves it to the kernel how ports are chosen.
func beforeBind(string, string, syscall.RawConn) error { return nil }

func sysRead(fd int, b []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, b); err != unix.EINTR {
			return n, err
		}
	}
}

func sysWrite(fd int, b []byte) (n int, err error) {
	for {
		if n, err = unix.Write(fd, b); err != unix.EINTR {
			return n, err
		}
	}
}
