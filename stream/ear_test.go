package stream

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/sipwire"
)

// patient is what a test waits at most for what must happen.
const patient = 10 * time.Second

// ear is a sink that a test listens by. What is not asked for must fit into its channels.
type ear struct {
	t        testing.TB
	opened   chan *Conn
	messages chan string
	ends     chan End
	pressed  atomic.Bool
	deaf     chan struct{} // closed: it takes messages. nil: it always did
	arrived  func(*Conn, string)
}

func newEar(t testing.TB) *ear {
	return &ear{t: t, opened: make(chan *Conn, 2000), messages: make(chan string, 20000), ends: make(chan End, 2000)}
}

func (s *ear) Opened(c *Conn) { s.opened <- c }

func (s *ear) Arrived(c *Conn, b *Batch) bool {
	defer b.Release()
	if s.deaf != nil {
		select {
		case <-s.deaf:
		case <-c.Done():
			return false
		}
	}
	for m, ok := b.Next(); ok; m, ok = b.Next() {
		if s.arrived != nil {
			s.arrived(c, string(m.Bytes))
		}
		s.messages <- told(m.Fault, string(m.Bytes))
	}
	return true
}

func (s *ear) Closed(_ *Conn, why End) { s.ends <- why }

func (s *ear) Pressed() bool { return s.pressed.Load() }

// next is the next of what comes, within the test's patience.
func next[T any](t testing.TB, from <-chan T) (x T) {
	t.Helper()
	select {
	case x = <-from:
	case <-time.After(patient):
		t.Fatal("nothing has come")
	}
	return x
}

// ended wants the next end to be that.
func (s *ear) ended(want End) {
	s.t.Helper()
	if why := next(s.t, s.ends); why != want {
		s.t.Fatalf("the connection has ended as %q, not %q", why, want)
	}
}

// place is an endpoint that accepts, for one test. When the test is over it must leave nothing. In tests whose name begins with
// TestDriven, its connections are driven.
func place(t testing.TB, cfg Config, sinks ...Sink) *Endpoint {
	t.Helper()
	if _, is := sinks[0].(Driver); !is && strings.HasPrefix(t.Name(), "TestDriven") {
		sinks = drive(t, sinks)
	}
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	e := quietPlace(t, cfg, sinks...)
	e.Serve()
	t.Cleanup(func() {
		e.Close()
		eventually(t, "goroutines and files are as many as before", func() bool {
			return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files
		})
		if s := e.Stats(); s.Open != 0 || s.Dialing != 0 {
			t.Errorf("%d connections are open and %d being made after the end", s.Open, s.Dialing)
		}
		e.ids.mustBeEmpty(t)
		e.peers.mustBeEmpty(t)
	})
	return e
}

// quietPlace is bound and does not accept.
func quietPlace(t testing.TB, cfg Config, sinks ...Sink) *Endpoint {
	t.Helper()
	if cfg.Name = "inside"; cfg.Transport == sipwire.NoTransport {
		cfg.Transport = sipwire.TCP
	}
	if !cfg.Listen.IsValid() {
		cfg.Listen = netip.MustParseAddrPort("127.0.0.1:0")
	}
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = 64 << 10
	}
	if cfg.Failed == nil {
		cfg.Failed = func(e loop.Ended) { t.Errorf("%v\n%s", e.Err(), e.Stack) }
	}
	e, err := Listen(cfg, sinks)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (b *table) mustBeEmpty(t testing.TB) {
	t.Helper()
	for i := range b.buckets {
		if e := b.buckets[i].Load(); e != nil {
			t.Errorf("a connection to %s can still be found", e.conn.Remote())
		}
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !is(); {
		if time.Now().After(end) {
			t.Fatalf("it is not so that %s", what)
		}
		time.Sleep(time.Millisecond) // counters announce nothing
	}
}

// phone connects to an endpoint by a plain socket.
func phone(t testing.TB, e *Endpoint) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(e.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patient))
	return c
}

func say(t testing.TB, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// hears wants exactly that to be what comes next.
func hears(t testing.TB, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Fatalf("%q was heard (%v), not %q", b[:n], err, want)
	}
}

// hearsEnd wants nothing more to come than the end of the connection.
func hearsEnd(t testing.TB, c net.Conn) {
	t.Helper()
	b, err := io.ReadAll(c)
	if nerr, ok := err.(net.Error); len(b) > 0 || ok && nerr.Timeout() {
		t.Fatalf("%q and %v were heard, not the end", b, err)
	}
}

// options is a request with a body of n bytes.
func options(n int) string {
	return fmt.Sprintf("OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKa\r\nContent-Length: %d\r\n\r\n%s",
		n, strings.Repeat("x", n))
}

func send(t testing.TB, c *Conn, s string) {
	t.Helper()
	if err := c.Send([]byte(s)); err != nil {
		t.Fatal(err)
	}
	c.Flush()
}

// whom is a listener that is no endpoint: the far end of what is dialled.
func whom(t testing.TB) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, addrPort(l.Addr())
}

// answer accepts one connection.
func answer(t testing.TB, l *net.TCPListener) *net.TCPConn {
	t.Helper()
	_ = l.SetDeadline(time.Now().Add(patient))
	c, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patient))
	return c
}

// dialled is what a Dial came to.
type dialled struct {
	conn *Conn
	err  error
}

func dialTo(t testing.TB, e *Endpoint, to netip.AddrPort, name string) <-chan dialled {
	t.Helper()
	result := make(chan dialled, 2)
	if err := e.Dial(to, name, 0, func(c *Conn, err error) { result <- dialled{c, err} }); err != nil {
		t.Fatal(err)
	}
	return result
}
