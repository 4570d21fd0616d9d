//go:build linux && !portable

package relay

import (
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BenchmarkRelay is the whole engine with many streams over loopback. An operation is one relayed packet; worker-ns is the
// processor time of the worker's thread for it. On loopback that has the delivery to the receiver in it.
func BenchmarkRelay(b *testing.B) {
	for _, streams := range []int{100, 1000} {
		b.Run(strconv.Itoa(streams), func(b *testing.B) { benchmarkRelay(b, streams) })
	}
}

func benchmarkRelay(b *testing.B, streams int) {
	var used, switches int64
	e, err := New(Config{
		Workers: 1,
		Pools: []Pool{
			{Addr: netip.MustParseAddr("127.77.0.1"), Low: 10000, High: 14999}, {Addr: netip.MustParseAddr("127.77.0.1"), Low: 15000, High: 19999},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	u := e.(*userspace)
	all := streamsOf(b, u, streams)
	usage := func() int64 { // of the worker's thread, which can be asked there alone
		done := make(chan struct{})
		u.workers[0].do(func() {
			var r unix.Rusage
			_ = unix.Getrusage(unix.RUSAGE_THREAD, &r)
			used = r.Utime.Nano() + r.Stime.Nano()
			switches = r.Nvcsw
			close(done)
		})
		<-done
		return used
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, switched := usage(), switches
	b.ResetTimer()
	start := time.Now()
	interval := 20 * time.Millisecond / time.Duration(streams) // 50 packets a second each
	due := start
	for i := range b.N {
		all[i%streams].send()
		due = due.Add(interval)
		for time.Now().Before(due) { // no sleep is as short as this, and packets do not come in bursts
		}
	}
	after := usage()
	b.StopTimer()
	var sum, lost uint64
	for id := range u.relays {
		var c Counters
		e.Read(id, &c)
		for _, f := range c.Sides {
			sum += f.Packets
			lost += f.Lost
		}
	}
	b.ReportMetric(float64(after-before)/float64(sum), "worker-ns/packet")
	b.ReportMetric(float64(switches-switched)/float64(sum), "waits/packet")
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "packets/s")
	if sum < uint64(b.N)*99/100 {
		b.Logf("%d of %d packets were relayed, %d are missing", sum, b.N, lost)
	}
}

// stream is what one endpoint of a benchmark sends.
type stream struct {
	fd    int
	to    unix.RawSockaddrInet4
	bytes []byte
	seq   uint16
}

func (s *stream) send() {
	s.seq++
	s.bytes[2], s.bytes[3] = byte(s.seq>>8), byte(s.seq)
	unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&s.bytes[0])), uintptr(len(s.bytes)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&s.to)), unix.SizeofSockaddrInet4)
}

// streamsOf starts relays with two streams each.
func streamsOf(b testing.TB, e *userspace, streams int) []stream {
	b.Helper()
	all := make([]stream, 0, streams)
	for range streams / 2 {
		var rule Rule
		var fds [2]int
		for i := range 2 {
			fd, at := rawEndpoint(b)
			l, err := e.Lease(i, 1)
			if err != nil {
				b.Fatal(err)
			}
			fds[i], rule.Sides[i] = fd, Side{Pool: i, Port: l.Port, Remote: at, Believed: true}
		}
		e.Start(0, rule)
		for i := range 2 {
			s := stream{fd: fds[i], bytes: rtpPacket(8, 0, 0, uint32(len(all)), 160)}
			s.to = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder16(rule.Sides[i].Port), Addr: e.Pools[i].Addr.As4()}
			all = append(all, s)
		}
	}
	return all
}

// BenchmarkTurn is what a worker does for each packet, without waiting: processor time by the number of packets that wait.
func BenchmarkTurn(b *testing.B) {
	for _, waiting := range []int{1, 16, 64} {
		b.Run(strconv.Itoa(waiting), func(b *testing.B) {
			e, err := build(Config{Workers: 1, Pools: pools()})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			all := streamsOf(b, e, 256)
			w := e.workers[0]
			w.obey()
			w.turn()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var used int64
			next := 0
			b.ResetTimer()
			for i := 0; i < b.N; i += waiting {
				for range waiting {
					all[next].send()
					next = (next + 1) % len(all)
				}
				before := threadTime()
				w.turn()
				used += threadTime() - before
			}
			b.ReportMetric(float64(used)/float64(b.N), "worker-ns/packet")
		})
	}
}

func threadTime() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return t.Nano()
}

func networkOrder16(p uint16) uint16 { return p<<8 | p>>8 }

// rawEndpoint is a socket whose packets are left to the kernel to drop.
func rawEndpoint(b testing.TB) (int, netip.AddrPort) {
	b.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { unix.Close(fd) })
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		b.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		b.Fatal(err)
	}
	return fd, netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port))
}

// BenchmarkIdle is the memory of a session with four ports and one relay beside the kernel's sockets.
func BenchmarkIdle(b *testing.B) {
	const sessions = 400
	for b.Loop() {
		e, err := build(Config{Pools: pools(), Workers: 2})
		if err != nil {
			b.Fatal(err)
		}
		e.run()
		before := heap()
		for i := range sessions {
			var rule Rule
			for s := range 2 {
				l, err := e.Lease(s, 1)
				if err != nil {
					b.Fatal(err)
				}
				rule.Sides[s] = Side{Pool: s, Port: l.Port, Remote: netip.MustParseAddrPort("127.0.0.1:9"), Believed: true}
			}
			e.Start(uint64(i), rule)
		}
		e.settle()
		b.ReportMetric(float64(heap()-before)/sessions, "bytes/session")
		e.Close()
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
