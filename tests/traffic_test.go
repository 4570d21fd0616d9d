package tests

import (
	wire "encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// traffic is the RTP of many calls: each has two ends, and each end has a socket of its own. There is no goroutine for a
// socket: who sends the packets of some ends looks at their sockets too, and what comes between two looks is in the
// kernel's buffers.
type traffic struct {
	t    testing.TB
	host net.IP // of the ends; default 127.0.0.1
	ends []*end
}

// end is one end of a call. What it hears must be what its peer has said, in that order, from where it sends to.
type end struct {
	number int
	conn   *net.UDPConn
	raw    syscall.RawConn
	to     netip.AddrPort // set before anything flows
	peer   *end
	mute   atomic.Bool
	buf    [2048]byte
	packet [172]byte

	sent    atomic.Uint32 // so many packets: the next one carries this number
	heard   atomic.Uint32 // the number of the last packet heard, and 1
	missing atomic.Uint32 // numbers that were passed over
	again   atomic.Uint32 // packets that came twice, or late
	foreign atomic.Uint32 // packets of another call, or from elsewhere
	last    atomic.Int64  // when one was heard last, in nanoseconds of the clock
	pause   atomic.Int64  // the longest time between two
}

// pair opens the sockets of the two ends of one more call.
func (f *traffic) pair() (a, b *end) {
	f.t.Helper()
	a, b = f.open(), f.open()
	a.peer, b.peer = b, a
	return a, b
}

func (f *traffic) open() *end {
	f.t.Helper()
	host := f.host
	if host == nil {
		host = net.IPv4(127, 0, 0, 1)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: host})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	e := &end{number: len(f.ends), conn: conn}
	if e.raw, err = conn.SyscallConn(); err != nil {
		f.t.Fatal(err)
	}
	e.packet[0] = 0x80
	wire.BigEndian.PutUint32(e.packet[8:], uint32(e.number)+1) // SSRC
	wire.BigEndian.PutUint32(e.packet[12:], uint32(e.number))
	f.ends = append(f.ends, e)
	return e
}

func (e *end) addr() netip.AddrPort { return e.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// describe is a session description with audio at a place, and further lines behind its m-line.
func describe(at netip.AddrPort, lines string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n%s", at.Addr(), at.Addr(), at.Port(), lines)
}

// say sends the next packet.
func (e *end) say() {
	if e.mute.Load() {
		return
	}
	n := e.sent.Load()
	wire.BigEndian.PutUint16(e.packet[2:], uint16(n))
	wire.BigEndian.PutUint32(e.packet[4:], n*160)
	wire.BigEndian.PutUint32(e.packet[16:], n)
	e.sent.Store(n + 1)
	_, _ = e.conn.WriteToUDPAddrPort(e.packet[:], e.to) // what was not sent is missed at the other end
}

// listen takes what has come.
func (e *end) listen() {
	for {
		var n int
		var from syscall.Sockaddr
		var err error
		if e.raw.Read(func(fd uintptr) bool {
			n, from, err = syscall.Recvfrom(int(fd), e.buf[:], syscall.MSG_DONTWAIT)
			return true
		}) != nil || err == syscall.EAGAIN {
			return
		}
		if err == nil {
			e.hear(e.buf[:n], from)
		}
	}
}

func (e *end) hear(b []byte, from syscall.Sockaddr) {
	a, ok := from.(*syscall.SockaddrInet4)
	if !ok || netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)) != e.to ||
		len(b) != len(e.packet) || wire.BigEndian.Uint32(b[12:]) != uint32(e.peer.number) {
		e.foreign.Add(1)
		return
	}
	number, next := wire.BigEndian.Uint32(b[16:]), e.heard.Load()
	if number < next {
		e.again.Add(1)
		return
	}
	now := time.Now().UnixNano()
	if last := e.last.Swap(now); last != 0 && now-last > e.pause.Load() {
		e.pause.Store(now - last)
	}
	e.missing.Add(number - next)
	e.heard.Store(number + 1)
}

// flow has every end say a packet at each pace, and listen more often, until stop is closed. It returns at once; done
// waits for the end.
func (f *traffic) flow(pace time.Duration, stop <-chan struct{}) (done func()) {
	const hands = 2
	var wg sync.WaitGroup
	for h := range hands {
		wg.Go(func() {
			for next := time.Now(); ; next = next.Add(pace) {
				for i := h; i < len(f.ends); i += hands {
					f.ends[i].say()
				}
				if !f.listenUntil(h, hands, next.Add(pace), stop) {
					return
				}
			}
		})
	}
	return wg.Wait
}

// listenUntil has every so manieth end listen until a time; false when stop is closed.
func (f *traffic) listenUntil(first, each int, until time.Time, stop <-chan struct{}) bool {
	const look = 20 * time.Millisecond
	for {
		for i := first; i < len(f.ends); i += each {
			f.ends[i].listen()
		}
		rest := time.Until(until)
		select {
		case <-stop:
			return false
		case <-time.After(min(max(rest, 0), look)):
		}
		if rest <= look {
			return true
		}
	}
}

// settle listens until everything that was said is heard, and says what is not.
func (f *traffic) settle(within time.Duration) {
	f.t.Helper()
	for deadline := time.Now().Add(within); !f.complete() && time.Now().Before(deadline); {
		f.listenUntil(0, 1, time.Now().Add(20*time.Millisecond), nil)
	}
	packets := 0
	for _, e := range f.ends {
		packets += int(e.heard.Load())
		lost := e.missing.Load() + e.peer.sent.Load() - e.heard.Load()
		if lost+e.again.Load()+e.foreign.Load() > 0 {
			f.t.Errorf("end %d: of %d packets %d were lost, %d came twice or late, %d came that are not its own",
				e.number, e.peer.sent.Load(), lost, e.again.Load(), e.foreign.Load())
		}
	}
	f.t.Logf("%d packets were heard at %d ends", packets, len(f.ends))
}

func (f *traffic) complete() bool {
	for _, e := range f.ends {
		if e.heard.Load() != e.peer.sent.Load() {
			return false
		}
	}
	return true
}
