package leg

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/message"
)

// reader waits for the sockets of a lane with an epoll of its own, level-triggered, and reads them with recvmmsg. The
// packets for the next batch are always at hand, with their headers filled in.
type reader struct {
	lane  *Lane
	epoll int
	event int  // eventfd: the inbox has something, or the lane shall leave
	hot   bool // it is busy: wait without the scheduler
	waits int  // how often it was woken since the runtime's last signal

	hand    [batch]*message.Packet // those from empty on are to be read into
	empty   int
	headers [batch]mmsghdr
	iovecs  [batch]unix.Iovec
	names   [batch]unix.RawSockaddrInet6
	events  [64]unix.EpollEvent
}

// hotWaits is how many times a lane must be woken between two signals of the runtime to count as busy.
//
// A busy lane waits in the kernel without telling Go's scheduler: that saves the hand-over of its processor with each
// datagram. It has no time-out, since arming a timer costs as much as the wait. The runtime interrupts with a signal who
// keeps a processor for 10 ms; a lane that was woken less often than this in between waits the scheduler's way.
const hotWaits = 4

// prepare is done once for a lane: who wakes it may do so at any time.
func (r *reader) prepare(l *Lane) (err error) {
	r.lane, r.empty, r.epoll = l, batch, -1
	for i := range r.headers {
		r.headers[i].hdr.Iov = &r.iovecs[i]
		r.headers[i].hdr.SetIovlen(1)
		r.headers[i].hdr.Name = (*byte)(unsafe.Pointer(&r.names[i]))
	}
	if r.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	return nil
}

// open begins to watch the lane's sockets.
func (r *reader) open() (err error) {
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		r.epoll = -1
		return fmt.Errorf("epoll: %w", err)
	}
	err = r.watch(r.event, -1)
	for i, s := range r.lane.Sockets {
		if err == nil && s != nil {
			err = r.watch(s.fd, i)
		}
	}
	for slot, d := range r.lane.drives.all {
		if err == nil && d != nil && !d.over {
			err = r.watchDrive(int32(slot))
		}
	}
	if err != nil {
		r.close()
	}
	return err
}

func (r *reader) watch(fd, leg int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(leg)}
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// close gives back what open and reading have taken.
func (r *reader) close() {
	for ; r.empty < batch; r.empty++ {
		r.hand[r.empty].Free()
	}
	if r.epoll >= 0 {
		unix.Close(r.epoll)
	}
	r.epoll = -1
}

// dispose gives back what prepare has taken.
func (r *reader) dispose() { unix.Close(r.event) }

// wake ends a wait. It may be called from any goroutine.
func (r *reader) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(r.event, one[:])
}

// yield gives back a packet that waits to be read into; nil when none does.
func (r *reader) yield() *message.Packet {
	if r.empty == batch {
		return nil
	}
	p := r.hand[r.empty]
	r.empty++
	return p
}

// inHand is how many packets wait to be read into.
func (r *reader) inHand() int { return batch - r.empty }

// turn waits for something and does it.
func (r *reader) turn() {
	l := r.lane
	r.refill()
	l.steering.tick(l)
	if r.empty == batch { // every packet waits for a name: leave the datagrams to the kernel
		l.awaitInbox(100 * time.Millisecond)
		l.collect()
		l.driveReady()
		l.flush()
		return
	}
	for _, e := range r.events[:r.wait()] {
		if e.Fd < 0 {
			if e.Fd == driveEvent {
				l.drive(e.Pad, e.Events)
			} else {
				r.calm()
				l.collect()
			}
			l.flush()
			continue
		}
		r.read(int(e.Fd))
		l.flush()
		r.refill() // with the packets that were just freed: they are in the cache
	}
}

// refill takes packets for the next read from the pool, as far as it has any.
func (r *reader) refill() {
	for r.empty > 0 {
		p := r.lane.Pool.Take()
		if p == nil {
			return
		}
		r.empty--
		buf := p.In[:cap(p.In)]
		r.hand[r.empty] = p
		r.iovecs[r.empty].Base = &buf[0]
		r.iovecs[r.empty].SetLen(len(buf))
		r.headers[r.empty].hdr.Namelen = unix.SizeofSockaddrInet6
	}
}

func (r *reader) wait() int {
	if !r.hot {
		n, err := unix.EpollWait(r.epoll, r.events[:], -1)
		if err != nil {
			r.failed("epoll_wait", err)
			return 0
		}
		r.hot = n > 0
		return n
	}
	const forever = ^uintptr(0)
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epoll), uintptr(unsafe.Pointer(&r.events[0])),
		uintptr(len(r.events)), forever, 0, 0)
	switch errno {
	case 0:
		r.waits++
		return int(n)
	case unix.EINTR: // the runtime wants this goroutine to stop for a moment
		r.hot = r.waits > hotWaits
		r.waits = 0
		runtime.Gosched()
	default:
		r.failed("epoll_wait", errno)
	}
	return 0
}

func (r *reader) failed(what string, err error) {
	if err != unix.EINTR {
		panic(fmt.Errorf("%s: %w", what, err))
	}
}

// calm takes the wake-ups off the eventfd.
func (r *reader) calm() {
	var b [8]byte
	_, _ = unix.Read(r.event, b[:])
}

// awaitInbox waits for a wake-up only.
func (r *reader) awaitInbox(d time.Duration) {
	fds := []unix.PollFd{{Fd: int32(r.event), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, int(d.Milliseconds())); n > 0 && err == nil {
		r.calm()
	}
}

// read takes what a socket has, a batch at most, and has the leg deal with it.
func (r *reader) read(leg int) {
	s := r.lane.Sockets[leg]
	first := r.empty
	if first == batch {
		return
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&r.headers[first])),
		uintptr(batch-first), unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
	case unix.EAGAIN, unix.EINTR, unix.ECONNREFUSED, unix.ENOBUFS, unix.ENOMEM:
		return
	default:
		panic(fmt.Errorf("leg %s: recvmmsg: %w", s.Name, errno))
	}
	r.empty += int(n)
	for i := first; i < r.empty; i++ {
		p := r.hand[i]
		p.In = p.In[:r.headers[i].len]
		p.Source = r.source(i)
		p.Ingress = s.Leg
		p.Cut = r.headers[i].hdr.Flags&unix.MSG_TRUNC != 0
	}
	r.lane.deliver(leg, r.hand[first:r.empty])
}

func (r *reader) source(i int) netip.AddrPort {
	name := &r.names[i]
	port := networkOrder(name.Port) // both families have it at the same place
	if name.Family == unix.AF_INET6 {
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), port)
	}
	a := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
	return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), port)
}
