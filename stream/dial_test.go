package stream

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/loop"
)

func TestManyWhoWantAPeerShareOneConnection(t *testing.T) {
	l, to := whom(t)
	s := newEar(t)
	e := place(t, Config{}, s)
	const many = 200
	results := make(chan dialled, 2*many)
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			if err := e.Dial(to, "ignored without TLS", 0, func(c *Conn, err error) { results <- dialled{c, err} }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	far := answer(t, l)
	first := next(t, results)
	for range many - 1 {
		if r := next(t, results); r != first || r.err != nil {
			t.Fatalf("%v and %v are not one connection", r, first)
		}
	}
	if c := next(t, s.opened); c != first.conn || !c.Dialed() || c.Remote() != to || c.Local() != addrPort(far.RemoteAddr()) {
		t.Errorf("the sink knows another connection: %v", c)
	}
	if c := e.To(to, ""); c != first.conn || e.ByID(c.ID()) != c {
		t.Error("the open connection is not found")
	}
	if s := e.Stats(); s.Dialed != 1 || s.Open != 1 || s.Dialing != 0 {
		t.Errorf("%+v", s)
	}
	send(t, first.conn, "hello")
	hears(t, far, "hello")
	if len(results) > 0 {
		t.Error("somebody was told twice")
	}
}

func TestWhoAsksForAnOpenConnectionGetsIt(t *testing.T) {
	l, to := whom(t)
	e := place(t, Config{}, newEar(t))
	first := next(t, dialTo(t, e, to, ""))
	answer(t, l)
	if r := next(t, dialTo(t, e, to, "")); r != first {
		t.Errorf("%v, not %v", r, first)
	}
}

func TestTheSinkKnowsAConnectionBeforeWhoHasDialled(t *testing.T) {
	_, to := whom(t)
	s := newEar(t)
	e := place(t, Config{}, s)
	known := make(chan int, 1)
	if err := e.Dial(to, "", 0, func(*Conn, error) { known <- len(s.opened) }); err != nil {
		t.Fatal(err)
	}
	if next(t, known) != 1 {
		t.Error("the sink did not know it")
	}
}

func TestDialledConnectionsComeFromTheLegsAddress(t *testing.T) {
	l, to := whom(t)
	e := place(t, Config{Listen: netip.MustParseAddrPort("127.78.0.1:0")}, newEar(t))
	dialTo(t, e, to, "")
	if from := addrPort(answer(t, l).RemoteAddr()); from.Addr() != e.Addr().Addr() || from.Port() == e.Addr().Port() {
		t.Errorf("it comes from %s", from)
	}
}

func TestWhereNobodyListensAllAreTold(t *testing.T) {
	l, to := whom(t)
	_ = l.Close()
	e := place(t, Config{}, newEar(t))
	for range 2 { // a failure is not remembered
		r := next(t, dialTo(t, e, to, ""))
		if !errors.Is(r.err, syscall.ECONNREFUSED) || r.conn != nil || !strings.Contains(r.err.Error(), to.String()) {
			t.Errorf("%v", r)
		}
	}
	if s := e.Stats(); s.Ends[NotReached] != 2 || s.Dialing != 0 || s.Open != 0 {
		t.Errorf("%+v", s)
	}
}

// hole is an address where connections are never accepted: the kernel's queue of a listener that is full.
func hole(t testing.TB) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*unix.SockaddrInet4).Port))
	for range 16 {
		c, err := net.DialTimeout("tcp", to.String(), 100*time.Millisecond)
		if err != nil {
			return to
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("this system's queue of a listener is never full")
	return to
}

func TestAPeerThatDoesNotAnswerIsGivenUp(t *testing.T) {
	to := hole(t)
	e := place(t, Config{Limits: Limits{Connect: 200 * time.Millisecond}}, newEar(t))
	start := time.Now()
	r := next(t, dialTo(t, e, to, ""))
	if r.err == nil || !strings.Contains(r.err.Error(), "within 200ms") {
		t.Errorf("%v", r)
	}
	if took := time.Since(start); took < 150*time.Millisecond || took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	if s := e.Stats(); s.Ends[NotReached] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestCloseEndsWhatIsBeingDialled(t *testing.T) {
	to := hole(t)
	e := place(t, Config{}, newEar(t))
	r := dialTo(t, e, to, "")
	e.Close()
	if err := next(t, r).err; err == nil {
		t.Error("there is a connection")
	}
	if err := e.Dial(to, "", 0, func(*Conn, error) { t.Error("it was tried") }); err != ErrClosed {
		t.Errorf("%v", err)
	}
}

func TestNoMoreIsDialledThanTheLegMayHave(t *testing.T) {
	l, to := whom(t)
	_, other := whom(t)
	e := place(t, Config{Limits: Limits{Connections: 1}}, newEar(t))
	c := next(t, dialTo(t, e, to, "")).conn
	answer(t, l)
	if err := e.Dial(other, "", 0, func(*Conn, error) { t.Error("it was tried") }); err != ErrRefused {
		t.Errorf("%v", err)
	}
	c.Close(Stopped)
	eventually(t, "the connection is gone", func() bool { return e.Stats().Open == 0 })
	if err := next(t, dialTo(t, e, other, "")).err; err != nil {
		t.Errorf("a place was free: %v", err)
	}
}

func TestTheNewestOpenConnectionIsTaken(t *testing.T) {
	// two phones behind the same address and port cannot be: the first connection was dialled, the second is accepted from there
	s := newEar(t)
	e := place(t, Config{}, s)
	l, to := whom(t)
	first := next(t, dialTo(t, e, to, "")).conn
	answer(t, l)
	_ = l.Close() // or the address could not be dialled from
	next(t, s.opened)
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(to), Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
	}}
	far, err := d.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Skipf("this system does not lend the address a second time: %v", err)
	}
	defer far.Close()
	second := next(t, s.opened)
	if second.Remote() != first.Remote() || e.To(to, "") != second {
		t.Fatalf("%s is not the newest", e.To(to, "").Remote())
	}
	second.Close(Stopped)
	if e.To(to, "") != first {
		t.Error("the other one is not found again")
	}
	first.Close(Stopped)
	if e.To(to, "") != nil || e.ByID(first.ID()) != nil {
		t.Error("what is closed is found")
	}
}

func TestWhoWaitsIsToldThoughAnotherPanics(t *testing.T) {
	to := hole(t)
	failed := make(chan loop.Ended, 1)
	e := place(t, Config{Limits: Limits{Connect: 200 * time.Millisecond}, Failed: func(x loop.Ended) { failed <- x }}, newEar(t))
	if err := e.Dial(to, "", 0, func(*Conn, error) { panic("of who has dialled") }); err != nil {
		t.Fatal(err)
	}
	if r := next(t, dialTo(t, e, to, "")); r.err == nil {
		t.Errorf("%v", r)
	}
	if x := next(t, failed); x.Panic == nil {
		t.Error("nobody was told of the panic")
	}
}

func TestFindingAConnectionAllocatesNothing(t *testing.T) {
	_, to := whom(t)
	e := place(t, Config{}, newEar(t))
	c := next(t, dialTo(t, e, to, "")).conn
	id := c.ID()
	if n := testing.AllocsPerRun(100, func() {
		if e.To(to, "example.com") != c || e.ByID(id) != c || e.ByID(id+1) != nil {
			t.Fatal("it is not found")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
