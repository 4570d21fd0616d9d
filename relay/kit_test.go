package relay

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/actorsip/actorsip/loop"
)

// Pools of these tests: addresses of loopback that nobody else uses, below the range that the system gives ports from.
const (
	four = iota
	fourToo
	six
)

func pools() []Pool {
	return []Pool{
		{Addr: netip.MustParseAddr("127.77.0.1"), Low: 21000, High: 21999},
		{Addr: netip.MustParseAddr("127.77.0.2"), Low: 22000, High: 22999},
		{Addr: netip.MustParseAddr("::1"), Low: 21000, High: 21999},
	}
}

// portable tells that the engine is the one for all systems.
const portable = extraProcessors == 0

// open is an engine that is closed when the test is over, when it must leave nothing.
func open(t testing.TB, cfg Config) *userspace {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	if cfg.Pools == nil {
		cfg.Pools = pools()
	}
	if cfg.Restarted == nil {
		cfg.Restarted = func(worker int, e loop.Ended) { t.Errorf("worker %d: %v\n%s", worker, e.Panic, e.Stack) }
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Close()
		eventually(t, "goroutines and files are as many as before", func() bool {
			return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files
		})
	})
	return e.(*userspace)
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
	for end := time.Now().Add(5 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("it is not so that %s", what)
		}
		time.Sleep(time.Millisecond) // counters announce nothing
	}
}

// phone is an endpoint with an RTP and an RTCP socket.
type phone struct {
	t         testing.TB
	rtp, rtcp *net.UDPConn
	ssrc      uint32
	seq       uint16
	stamp     uint32
}

// dial opens a phone at an address of loopback.
func dial(t testing.TB, ip string) *phone {
	t.Helper()
	p := &phone{t: t, ssrc: 0xabc00000 + uint32(time.Now().UnixNano()&0xfffff), seq: 65530}
	p.rtp, p.rtcp = socketAt(t, ip), socketAt(t, ip)
	return p
}

func socketAt(t testing.TB, ip string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func addrOf(c *net.UDPConn) netip.AddrPort {
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// side is the phone as signalling describes it, believed.
func (p *phone) side(pool int, l Lease) Side {
	return Side{
		Pool: pool, Port: l.Port, Remote: addrOf(p.rtp), RTCP: addrOf(p.rtcp), Signalled: addrOf(p.rtp).Addr(), Believed: true,
	}
}

// behindNAT is the phone with a private address in its description.
func (p *phone) behindNAT(pool int, l Lease) Side {
	s := p.side(pool, l)
	s.Remote, s.RTCP = netip.MustParseAddrPort("127.9.8.7:4000"), netip.AddrPort{} // where nobody is
	s.Believed = false
	return s
}

// next is the phone's next RTP packet of 20 ms PCMA.
func (p *phone) next() []byte {
	b := rtpPacket(8, p.seq, p.stamp, p.ssrc, 160)
	p.seq++
	p.stamp += 160
	return b
}

func rtpPacket(payload uint8, seq uint16, stamp, ssrc uint32, size int) []byte {
	b := make([]byte, 12+size)
	b[0], b[1] = 0x80, payload
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], stamp)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

func (p *phone) talk(to netip.AddrPort, n int) {
	p.t.Helper()
	for range n {
		send(p.t, p.rtp, to, p.next())
	}
}

func send(t testing.TB, from *net.UDPConn, to netip.AddrPort, b []byte) {
	t.Helper()
	if _, err := from.WriteToUDPAddrPort(b, to); err != nil {
		t.Fatal(err)
	}
}

// hears wants a datagram within a second and tells where it came from.
func hears(t testing.TB, at *net.UDPConn) (b []byte, from netip.AddrPort) {
	t.Helper()
	b = make([]byte, 2000)
	_ = at.SetReadDeadline(time.Now().Add(time.Second))
	n, from, err := at.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatalf("nothing was heard: %v", err)
	}
	return b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// heard is how many datagrams lie in a socket's queue.
func heard(t testing.TB, at *net.UDPConn) (n int) {
	t.Helper()
	b := make([]byte, 2000)
	for {
		_ = at.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, _, err := at.ReadFromUDPAddrPort(b); err != nil {
			return n
		}
		n++
	}
}

// call is a relay between two phones.
type call struct {
	t      testing.TB
	e      *userspace
	id     ID
	rule   Rule
	leases [2]Lease
	ports  [2]netip.AddrPort // RTP, facing the phones
}

// connect leases ports for two sides and starts a relay.
func connect(t testing.TB, e *userspace, pool [2]int, rule func(l [2]Lease) Rule) *call {
	t.Helper()
	c := &call{t: t, e: e}
	for i := range c.leases {
		l, err := e.Lease(pool[i], 1)
		if err != nil {
			t.Fatal(err)
		}
		c.leases[i] = l
		c.ports[i] = netip.AddrPortFrom(e.Pools[pool[i]].Addr, l.Port)
	}
	c.rule = rule(c.leases)
	c.id = e.Start(1, c.rule)
	return c
}

// between is a relay of two believed phones.
func between(t testing.TB, e *userspace, a, b *phone) *call {
	t.Helper()
	pool := [2]int{four, fourToo}
	for i, p := range []*phone{a, b} {
		if addrOf(p.rtp).Addr().Is6() {
			pool[i] = six
		}
	}
	return connect(t, e, pool, func(l [2]Lease) Rule {
		return Rule{Sides: [2]Side{a.side(pool[0], l[0]), b.side(pool[1], l[1])}}
	})
}

func (c *call) rtcpPort(side int) netip.AddrPort {
	return netip.AddrPortFrom(c.ports[side].Addr(), c.ports[side].Port()+1)
}

func (c *call) counters() Counters {
	c.t.Helper()
	var k Counters
	if !c.e.Read(c.id, &k) {
		c.t.Fatal("the relay is gone")
	}
	return k
}

// relayed waits until n packets of a side were relayed: what was sent is counted a moment later.
func (c *call) relayed(side int, n uint64) Flow {
	c.t.Helper()
	eventually(c.t, "all packets were relayed", func() bool { return c.counters().Sides[side].Packets >= n })
	c.e.settle()
	return c.counters().Sides[side]
}

// settle waits until the workers have done what they had in hand.
func (e *userspace) settle() {
	for _, w := range e.workers {
		done := make(chan struct{})
		w.do(func() { close(done) })
		<-done
	}
}

// rejected waits until a side has rejected n packets for that reason, and no other.
func (c *call) rejected(side int, why Reject, n uint64) {
	c.t.Helper()
	var f Flow
	eventually(c.t, "all packets were dealt with", func() bool {
		f = c.counters().Sides[side]
		sum := uint64(0)
		for _, r := range f.Rejected {
			sum += r
		}
		return sum >= n
	})
	var want [Rejects]uint64
	want[why] = n
	if f.Rejected != want {
		c.t.Fatalf("rejected %v, want %d as %s", f.Rejected, n, why)
	}
}

func (c *call) end() {
	c.e.Stop(c.id)
	for _, l := range c.leases {
		c.e.Return(l)
	}
}
