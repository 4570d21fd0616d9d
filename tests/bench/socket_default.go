//go:build !linux

package main

import (
	"net"
	"net/netip"
	"time"
)

type socket struct{}

func openSocket(netip.AddrPort) (socket, error) { return socket{}, errSystem }

func (socket) connect(netip.AddrPort) error { return errSystem }

func (socket) send([]byte) error { return errSystem }

func (socket) close() {}

type inbox struct{}

func newInbox() *inbox { return &inbox{} }

func (*inbox) receive(socket) (int, error) { return 0, errSystem }

func (*inbox) at(int) ([]byte, time.Time) { return nil, time.Time{} }

func hungUp(*net.TCPConn) bool { return true }

func sharpen() error { return errSystem }
