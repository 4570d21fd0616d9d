package ua

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// datagrams is a phone's UDP socket.
type datagrams struct {
	conn *net.UDPConn
	buf  []byte
}

func openDatagrams(at netip.AddrPort) (*datagrams, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	// A test may be slow to read; what the kernel drops meanwhile would look like a fault of the proxy.
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &datagrams{conn: conn, buf: make([]byte, 1<<16)}, nil
}

func (d *datagrams) addr() netip.AddrPort { return plain(d.conn.LocalAddr()) }

func (d *datagrams) send(raw []byte, to netip.AddrPort) error {
	_, err := d.conn.WriteToUDPAddrPort(raw, to)
	return err
}

func (d *datagrams) next(within time.Duration) (Message, error) {
	if err := d.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return Message{}, err
	}
	n, from, err := d.conn.ReadFromUDPAddrPort(d.buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Message{}, errNothing
	}
	if err != nil {
		return Message{}, err
	}
	m, err := Parse(append([]byte(nil), d.buf[:n]...))
	if err != nil {
		return Message{}, fmt.Errorf("what came is no SIP message: %w\n%q", err, d.buf[:n])
	}
	m.Source = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return m, nil
}

func (d *datagrams) close() { _ = d.conn.Close() }

// plain is an address of a socket; an IPv4 address is one.
func plain(a net.Addr) netip.AddrPort {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// translated is a phone's UDP socket behind a NAT, which lets in only what comes from where the phone has sent something to, address and
// port (RFC 4787 §5, the strictest kind).
type translated struct {
	*datagrams
	known map[netip.AddrPort]bool
}

func (d *translated) send(raw []byte, to netip.AddrPort) error {
	d.known[to] = true
	return d.datagrams.send(raw, to)
}

func (d *translated) next(within time.Duration) (Message, error) {
	for deadline := time.Now().Add(within); ; {
		m, err := d.datagrams.next(time.Until(deadline))
		if err != nil || d.known[m.Source] {
			return m, err
		}
	}
}
