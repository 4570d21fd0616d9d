//go:build !linux

package stream

import (
	"net"
	"syscall"
	"time"
)

// setUserTimeout leaves it to the kernel when it gives up on a peer.
func setUserTimeout(*net.TCPConn, time.Duration) {}

// beforeBind leaves it to the kernel how ports are chosen.
func beforeBind(string, string, syscall.RawConn) error { return nil }
