package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialers     = 16
	unfinished  = "REGISTER sip:example.com SIP/2.0\r\nSubject: "
	connectTime = 10 * time.Second
)

// crowd is connections of whom nothing is wanted, each from an address of its own.
type crowd struct {
	to    netip.AddrPort
	tls   *tls.Config // nil: TCP
	conns []net.Conn
	first int // the address that the first one comes from
	since time.Time
}

// join opens n more connections. Those that were opened stay when one fails.
func (c *crowd) join(ctx context.Context, n int) error {
	conns, errs := make([]net.Conn, n), make([]error, dialers)
	var next atomic.Int64
	var all sync.WaitGroup
	for d := range dialers {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && errs[d] == nil; i = next.Add(1) - 1 {
				conns[i], errs[d] = c.dial(ctx, sourceOf(c.first+len(c.conns)+int(i)))
			}
		})
	}
	all.Wait()
	for _, conn := range conns {
		if conn != nil {
			c.conns = append(c.conns, conn)
		}
	}
	c.since = time.Now()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%d of %d connections are open: %w", len(c.conns), n, err)
	}
	return nil
}

// sourceOf is address i of many, none of which another part of a comparison has.
func sourceOf(i int) netip.Addr {
	const net, host = 250, 250
	return netip.AddrFrom4([4]byte{127, byte(1 + i/(net*host)), byte(i / host % net), byte(1 + i%host)})
}

func (c *crowd) dial(ctx context.Context, from netip.Addr) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: connectTime}
	conn, err := dialer.DialContext(ctx, "tcp4", c.to.String())
	if err != nil || c.tls == nil {
		return conn, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	secure := tls.Client(conn, c.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// drip begins a message on each connection and goes on with one byte a second each, one connection after the other,
// until stop is closed. What the other end has closed is left alone.
func (c *crowd) drip(stop <-chan struct{}) {
	if len(c.conns) == 0 {
		return
	}
	for _, conn := range c.conns {
		_, _ = conn.Write([]byte(unfinished))
	}
	gap := time.Second / time.Duration(len(c.conns))
	due := time.Now()
	for i := 0; ; i = (i + 1) % len(c.conns) {
		due = due.Add(gap)
		time.Sleep(time.Until(due))
		select {
		case <-stop:
			return
		default:
			_, _ = c.conns[i].Write([]byte{'a'})
		}
	}
}

// open is how many of them the other end has not closed. What it has sent is thrown away: they hear nothing any more.
func (c *crowd) open() (n int) {
	for _, conn := range c.conns {
		if secure, ok := conn.(*tls.Conn); ok {
			conn = secure.NetConn()
		}
		if !hungUp(conn.(*net.TCPConn)) {
			n++
		}
	}
	return n
}

// gone waits until all of them are closed by the other end, for d at most, and says how long ago they had joined.
func (c *crowd) gone(ctx context.Context, d time.Duration) (after time.Duration, left int, err error) {
	for end := time.Now().Add(d); ; {
		if left = c.open(); left == 0 || time.Now().After(end) {
			return time.Since(c.since), left, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return 0, left, err
		}
	}
}

func (c *crowd) close() {
	for _, conn := range c.conns {
		if secure, ok := conn.(*tls.Conn); ok {
			conn = secure.NetConn()
		}
		_ = conn.Close()
	}
}
