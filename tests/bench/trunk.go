package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
)

const trunks = 8 // connections on either side over TCP: what gateways keep open between them

var (
	errHungUp = errors.New("the forwarder closed a connection")
	errFrame  = errors.New("a connection carries what is no message with a Content-Length")
)

// trunk is one TCP connection of a phone, as a wire: what is read from it is cut into messages (RFC 3261 §18.3).
type trunk struct {
	*net.TCPConn
	peer       netip.AddrPort
	begin, end int // of what was read and not handed out yet
	in         [65536]byte
}

func newTrunk(conn *net.TCPConn) *trunk {
	peer := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	return &trunk{TCPConn: conn, peer: netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())}
}

// ReadFromUDPAddrPort reads one message into b.
func (t *trunk) ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error) {
	for {
		whole, err := messageLength(t.in[t.begin:t.end])
		if err != nil {
			return 0, t.peer, err
		}
		if whole > 0 && whole <= t.end-t.begin {
			n = copy(b, t.in[t.begin:t.begin+whole])
			t.begin += whole
			return n, t.peer, nil
		}
		t.end = copy(t.in[:], t.in[t.begin:t.end])
		t.begin = 0
		if t.end == len(t.in) {
			return 0, t.peer, errFrame
		}
		got, err := t.Read(t.in[t.end:])
		if errors.Is(err, io.EOF) {
			err = errHungUp
		}
		if err != nil {
			return 0, t.peer, err
		}
		t.end += got
	}
}

// WriteToUDPAddrPort writes one message to the peer, whatever the address is.
func (t *trunk) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return t.Write(b) }

// messageLength is how many bytes the message has that b begins with; 0 while its headers are not all there. Header
// names are expected in their long form, as in parse.
func messageLength(b []byte) (int, error) {
	headers := bytes.Index(b, []byte("\r\n\r\n"))
	if headers < 0 {
		return 0, nil
	}
	for line := range bytes.SplitSeq(b[:headers], []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte{':'})
		if !is(bytes.TrimRight(name, " \t"), "Content-Length") {
			continue
		}
		n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
		if err != nil || n < 0 {
			return 0, errFrame
		}
		return headers + 4 + n, nil
	}
	return 0, errFrame
}

// takePorts finds the caller a port to connect from, and lets the callee listen on one.
func takePorts(_ *caller, down *callee) (here, there netip.AddrPort, err error) {
	if here, err = freeTCP(callerIP); err != nil {
		return here, there, err
	}
	if down.listener, err = listenTCP(calleeIP); err != nil {
		return here, there, err
	}
	return here, down.listener.Addr().(*net.TCPAddr).AddrPort(), nil
}

// connect opens the caller's trunk from the address that its messages name, as soon as the forwarder listens.
func (c *caller) connect(ctx context.Context, from, to netip.AddrPort) error {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from)}
	for {
		conn, err := dialer.DialContext(ctx, "tcp4", to.String())
		if err == nil {
			c.conn = newTrunk(conn.(*net.TCPConn))
			return nil
		}
		if pause(ctx, attempt/10) != nil {
			return fmt.Errorf("a caller cannot connect: %w", err)
		}
	}
}

// accept answers on every connection that the forwarder opens to the callee, each with buffers of its own. They end
// with the listener.
func (c *callee) accept() {
	defer c.load.reading.Done()
	for {
		conn, err := c.listener.AcceptTCP()
		if err != nil {
			return
		}
		defer conn.Close()
		phone := phone{load: c.load, index: c.index, conn: newTrunk(conn)}
		one := &callee{phone: phone, ok: c.ok, okBye: c.okBye, contact: c.contact, sdp: c.sdp, sentBy: c.sentBy}
		c.load.reading.Add(1)
		go one.listen()
	}
}

func listenTCP(ip string) (*net.TCPListener, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		return nil, fmt.Errorf("cannot open a phone: %w", err)
	}
	return l, nil
}

// freeTCP is an address that nobody listens on or connects from at this moment.
func freeTCP(ip string) (netip.AddrPort, error) {
	l, err := listenTCP(ip)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return l.Addr().(*net.TCPAddr).AddrPort(), l.Close()
}
