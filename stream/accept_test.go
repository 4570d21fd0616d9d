package stream

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// refused wants a connection to be closed at once, perhaps before it was seen open.
func refused(t *testing.T, e *Endpoint) {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patient))
	hearsEnd(t, c)
}

func TestASourceHasOnlySoManyConnections(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{PerSource: 2}}, s)
	first := phone(t, e)
	phone(t, e)
	next(t, s.opened)
	next(t, s.opened)
	refused(t, e)
	if k := e.Stats(); k.Ends[TooMany] != 1 || k.Open != 2 {
		t.Errorf("%+v", k)
	}
	_ = first.Close()
	s.ended(PeerClosed)
	eventually(t, "it is gone", func() bool { return e.Stats().Open == 1 })
	phone(t, e)
	next(t, s.opened)
}

func TestALegHasOnlySoManyConnections(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Connections: 1}}, s)
	phone(t, e)
	next(t, s.opened)
	refused(t, e)
	if k := e.Stats(); k.Ends[TooMany] != 1 || k.Open != 1 {
		t.Errorf("%+v", k)
	}
}

func TestASubscriberOfIPv6IsOneSource(t *testing.T) {
	for _, x := range []struct {
		a, b string
		same bool
	}{
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"192.0.2.1", "192.0.2.2", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if same := source(netip.MustParseAddr(x.a)) == source(netip.MustParseAddr(x.b)); same != x.same {
			t.Errorf("%s and %s: %v", x.a, x.b, same)
		}
	}
}

func TestConnectionsAreSpreadOverTheSinksThatKeepUp(t *testing.T) {
	a, b, c := newEar(t), newEar(t), newEar(t)
	e := place(t, Config{}, a, b, c)
	b.pressed.Store(true)
	for range 10 {
		phone(t, e)
	}
	eventually(t, "the sinks know them all", func() bool { return len(a.opened)+len(b.opened)+len(c.opened) == 10 })
	if len(a.opened) != 5 || len(b.opened) != 0 || len(c.opened) != 5 {
		t.Errorf("%d, %d, %d", len(a.opened), len(b.opened), len(c.opened))
	}
	if near := next(t, c.opened); near.Sink() != 2 || near.Dialed() {
		t.Errorf("sink %d", near.Sink())
	}
}

func TestUnderPressureNewConnectionsAreRefused(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	old := phone(t, e)
	next(t, s.opened)
	s.pressed.Store(true)
	refused(t, e)
	if k := e.Stats(); k.Ends[Pressure] != 1 || k.Open != 1 {
		t.Errorf("%+v", k)
	}
	say(t, old, options(0))
	next(t, s.messages)
}

func TestIPv6(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Listen: netip.MustParseAddrPort("[::1]:0")}, s)
	say(t, phone(t, e), options(0))
	next(t, s.messages)
	if near := next(t, s.opened); near.Remote().Addr() != netip.IPv6Loopback() || e.To(near.Remote(), "") != near {
		t.Errorf("%s", near.Remote())
	}
	other := place(t, Config{Listen: netip.MustParseAddrPort("[::1]:0")}, newEar(t))
	if r := next(t, dialTo(t, other, e.Addr(), "")); r.err != nil {
		t.Error(r.err)
	}
}

func TestTooManyOpenFilesDoNotSpin(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	s := newEar(t)
	log := &lines{}
	e := place(t, Config{Log: log.logger()}, s)
	c := phone(t, e)
	next(t, s.opened)
	highest, err := syscall.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Close(highest)
	limit := old
	limit.Cur = uint64(highest) + 1 // room for the phone's end alone
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	late := phone(t, e)
	before := processorTime(t)
	eventually(t, "it is said", func() bool { return log.count("no connection can be accepted") == 1 })
	say(t, c, options(0)) // what is open goes on
	next(t, s.messages)
	select {
	case <-s.opened:
		t.Error("it was accepted without a file")
	case <-after(4 * pause):
	}
	if used := processorTime(t) - before; used > 2*pause {
		t.Errorf("%s of processor time", used)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	next(t, s.opened)
	say(t, late, options(0))
	next(t, s.messages)
	if n := log.count("no connection can be accepted"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}
