package relay

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// small is a pool of n pairs with a clock of the test's.
func small(t *testing.T, n int) (p *pool, clock *time.Duration) {
	t.Helper()
	clock = new(time.Duration)
	p, err := newPool(Pool{Addr: netip.MustParseAddr("127.77.0.1"), Low: 23000, High: uint16(23000 + 2*n - 1)}, func() time.Duration { return *clock })
	if err != nil {
		t.Fatal(err)
	}
	files := openFiles(t)
	t.Cleanup(func() {
		for _, port := range p.empty() {
			port.close()
		}
		if now := openFiles(t); now > files {
			t.Errorf("%d files are open, there were %d", now, files)
		}
	})
	return p, clock
}

func give(p *pool, l Lease) {
	for _, port := range p.retire(l) {
		port.close()
	}
}

func wantState(t *testing.T, p *pool, leased, resting, free int) {
	t.Helper()
	if got, want := p.state(), (PoolState{leased, resting, free}); got != want {
		t.Fatalf("the pool has %+v, want %+v", got, want)
	}
	if full := p.full(); full != (free == 0) {
		t.Fatalf("with %d free pairs it is full: %t", free, full)
	}
}

func TestAPoolIsExhaustedWhenItsLastPairIsLeased(t *testing.T) {
	const n = 50
	p, clock := small(t, n)
	seen := map[uint16]bool{}
	for range n {
		first, err := p.lease(1)
		if err != nil {
			t.Fatal(err)
		}
		if first%2 != 0 || seen[first] {
			t.Fatalf("port %d is odd or was leased twice", first)
		}
		seen[first] = true
	}
	if _, err := p.lease(1); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("an exhausted pool says %v", err)
	}
	wantState(t, p, n, 0, 0)
	for first := range seen {
		give(p, Lease{Port: first, Pairs: 1})
	}
	wantState(t, p, 0, n, 0)
	if _, err := p.lease(1); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("ports that rest were leased: %v", err)
	}
	*clock = Quarantine - 1
	wantState(t, p, 0, n, 0)
	*clock = Quarantine
	wantState(t, p, 0, 0, n)
	for range n / 5 {
		if _, err := p.lease(1); err != nil {
			t.Fatal(err)
		}
	}
	wantState(t, p, n/5, 0, n-n/5)
}

func TestARunOfPairsIsConsecutive(t *testing.T) {
	const n = 12
	p, _ := small(t, n)
	for range n / 3 { // what is left over between runs is not exhausted before it is
		first, err := p.lease(3)
		if errors.Is(err, ErrNoPorts) {
			break
		}
		for i := range uint16(3) {
			if pair := p.at(first + 2*i); err != nil || pair[0] == nil || pair[1] == nil || pair[1].number != pair[0].number+1 {
				t.Fatalf("a run from %d is not bound: %v", first, err)
			}
		}
	}
	if _, err := p.lease(n); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("a run as long as the pool: %v", err)
	}
}

func TestAPortThatAnotherProgramHasIsPassedOver(t *testing.T) {
	const n = 6
	p, _ := small(t, n)
	for _, taken := range []int{23000, 23005} { // an RTP port and an RTCP port
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 77, 0, 1), Port: taken})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for range n - 2 {
		first, err := p.lease(1)
		if err != nil || first == 23000 || first == 23004 {
			t.Fatalf("leased %d: %v", first, err)
		}
	}
	if _, err := p.lease(1); !errors.Is(err, ErrNoPorts) {
		t.Fatal(err)
	}
	wantState(t, p, n-2, 0, 2)
	if err := p.claim(Lease{Port: 23004, Pairs: 1}); err == nil {
		t.Fatal("a port that another program has was claimed")
	}
}

func TestPortsCanBeClaimed(t *testing.T) {
	p, clock := small(t, 10)
	l := Lease{Port: 23004, Pairs: 2}
	if err := p.claim(l); err != nil {
		t.Fatal(err)
	}
	wantState(t, p, 2, 0, 8)
	for _, bad := range []Lease{l, {Port: 23006, Pairs: 1}, {Port: 23005, Pairs: 1}, {Port: 23018, Pairs: 2}, {Port: 22998, Pairs: 1}, {Port: 23000}} {
		if err := p.claim(bad); err == nil {
			t.Errorf("%+v was claimed", bad)
		}
	}
	wantState(t, p, 2, 0, 8)
	give(p, l)
	give(p, l) // a second return does nothing
	wantState(t, p, 0, 2, 8)
	*clock = Quarantine
	if err := p.claim(l); err != nil {
		t.Fatal(err)
	}
}

func TestAPoolWithoutAPairIsRefused(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	for _, bad := range []Pool{
		{Addr: local, Low: 21001, High: 21002},
		{Addr: local, Low: 21002, High: 21000},
		{Addr: local, Low: 0, High: 100},
		{Addr: local, Low: 65535, High: 65535},
		{Low: 21000, High: 21999},
		{Addr: netip.MustParseAddr("192.0.2.1"), Low: 21000, High: 21999}, // not of this machine
	} {
		if e, err := New(Config{Pools: []Pool{bad}}); err == nil {
			e.Close()
			t.Errorf("%+v was taken", bad)
		}
	}
	odd, err := newPool(Pool{Addr: local, Low: 65001, High: 65535}, func() time.Duration { return 0 })
	if err != nil || odd.low != 65002 || len(odd.pairs) != 267 {
		t.Errorf("from 65001 to 65535 there are %d pairs from %d on: %v", len(odd.pairs), odd.low, err)
	}
}

// An address that moves between machines may be another one's when the engine starts; one that does not must be here.
func TestASharedAddressNeedNotBeHere(t *testing.T) {
	p := Pool{Addr: netip.MustParseAddr("198.51.100.77"), Low: 23000, High: 23009}
	clock := func() time.Duration { return 0 }
	if _, err := newPool(p, clock); err == nil {
		t.Error("an address that is not here is taken for good")
	}
	p.Shared = true
	made, err := newPool(p, clock)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.lease(1); !errors.Is(err, ErrNoPorts) || !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("a lease without the address gives %v", err)
	}
	if err := made.claim(Lease{Port: 23000, Pairs: 1}); !errors.Is(err, ErrNoPorts) {
		t.Errorf("a claim without the address gives %v", err)
	}
	wantState(t, made, 0, 0, 5)
}

// A call that leaves and comes back gets its ports, though they rest and their worker may not have closed them yet.
func TestPortsThatRestCanBeClaimed(t *testing.T) {
	e := open(t, Config{})
	var leases []Lease
	for range 50 {
		l, err := e.Lease(four, 2)
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, l)
	}
	for range 20 {
		for i, l := range leases {
			e.Stop(e.Start(uint64(i), Rule{Sides: [2]Side{{Pool: four, Port: l.Port}, {Pool: four, Port: l.Port + 2}}}))
			e.Return(l)
		}
		for _, l := range leases {
			if err := e.Claim(l); err != nil {
				t.Fatal(err)
			}
		}
		if now := e.Ports(four); now.Leased != 100 || now.Resting != 0 || e.Full(four) != (now.Free == 0) {
			t.Fatalf("the pool has %+v", now)
		}
	}
}
