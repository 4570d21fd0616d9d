package ua

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// patience is how long a phone waits for a message that must come.
const patience = 5 * time.Second

// Phone is a SIP phone on one UDP socket. Its methods fail the test that owns it; they are called from the test's
// goroutine only.
type Phone struct {
	t    testing.TB
	conn *net.UDPConn
	buf  []byte
}

// New opens a phone at listen, as "127.0.0.1:0" or "[::1]:0". The end of the test closes it.
func New(t testing.TB, listen string) *Phone {
	t.Helper()
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		t.Fatalf("a phone's address is an IP address and a port: %v", err)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatalf("the phone has no socket: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	// A test may be slow to read; what the kernel drops meanwhile would look like a fault of the proxy.
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		t.Fatalf("the phone's receive buffer: %v", err)
	}
	return &Phone{t: t, conn: conn, buf: make([]byte, 1<<16)}
}

// In is the same phone in the service of another test, such as a subtest of the one that opened it.
func (p *Phone) In(t testing.TB) *Phone {
	same := *p
	same.t = t
	return &same
}

// Addr is where the phone listens and what its messages come from.
func (p *Phone) Addr() netip.AddrPort {
	at := p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// URI is the phone's own address as a SIP URI.
func (p *Phone) URI() string { return "sip:ua@" + p.Addr().String() }

// Send sends raw as one datagram.
func (p *Phone) Send(raw []byte, to netip.AddrPort) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(raw, to); err != nil {
		p.t.Fatalf("the phone at %s could not send to %s: %v", p.Addr(), to, err)
	}
}

// Receive waits for the next message. None within five seconds, or one that is not SIP, fails the test.
func (p *Phone) Receive() Message {
	p.t.Helper()
	m, came := p.Next(patience)
	if !came {
		p.t.Fatalf("nothing came to the phone at %s within %v", p.Addr(), patience)
	}
	return m
}

// Until receives until a message satisfies wanted. It returns that message and what came before it.
func (p *Phone) Until(wanted func(Message) bool) (m Message, before []Message) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		m, came := p.Next(time.Until(deadline))
		if !came {
			break
		}
		if wanted(m) {
			return m, before
		}
		before = append(before, m)
	}
	p.t.Fatalf("the message wanted did not come to the phone at %s; %d others did: %q", p.Addr(), len(before), before)
	return m, before
}

// Quiet fails the test when anything comes within d. Where a later message can serve as the barrier, Until says as
// much in less time.
func (p *Phone) Quiet(d time.Duration) {
	p.t.Helper()
	if m, came := p.Next(d); came {
		p.t.Fatalf("the phone at %s should have been left in peace, but this came from %s:\n%s", p.Addr(), m.Source, m.Raw)
	}
}

// Pending is what has come already and was not received yet.
func (p *Phone) Pending() (all []Message) {
	p.t.Helper()
	for m, came := p.Next(time.Millisecond); came; m, came = p.Next(time.Millisecond) {
		all = append(all, m)
	}
	return all
}

// Next is the next message, if one comes within d.
func (p *Phone) Next(d time.Duration) (m Message, came bool) {
	p.t.Helper()
	if err := p.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		p.t.Fatalf("the phone's socket: %v", err)
	}
	n, from, err := p.conn.ReadFromUDPAddrPort(p.buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Message{}, false
	}
	if err != nil {
		p.t.Fatalf("the phone at %s could not receive: %v", p.Addr(), err)
	}
	m, err = Parse(append([]byte(nil), p.buf[:n]...))
	if err != nil {
		p.t.Fatalf("what came to the phone at %s is no SIP message: %v\n%q", p.Addr(), err, p.buf[:n])
	}
	m.Source = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return m, true
}

// Free closes the phone and gives its port, for somebody else to listen on.
func (p *Phone) Free() uint16 {
	port := p.Addr().Port()
	_ = p.conn.Close()
	return port
}

// Conn is the phone's socket, for those who must not pay for a phone's comforts.
func (p *Phone) Conn() *net.UDPConn {
	if err := p.conn.SetReadDeadline(time.Time{}); err != nil {
		p.t.Fatalf("the phone's socket: %v", err)
	}
	return p.conn
}
