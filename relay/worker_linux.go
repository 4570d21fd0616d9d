//go:build !portable

package relay

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/loop"
)

// extraProcessors is what a worker adds to GOMAXPROCS.
const extraProcessors = 1

// poller is a thread with an epoll of its own over raw sockets, level-triggered: what is not read now is told of again.
type poller struct {
	epoll  int
	event  int     // eventfd: there are commands
	ports  []*port // by file descriptor
	hot    bool    // there is traffic: wait without the scheduler
	waits  int     // how often it was woken since the runtime's last signal
	worked bool    // it has read or obeyed something since it was started
	pace   pace
	events [64]unix.EpollEvent
	buffer [maxDatagram + 1]byte // one more, to see what is too long

	mu       sync.Mutex // guards the below
	commands []func()
	loop     *loop.Handle
	closing  bool
}

// hotWaits is how many times a worker must be woken between two signals of the runtime to count as busy.
//
// A busy worker waits in the kernel without telling Go's scheduler: that saves the hand-over of its processor with each
// packet, which costs more than relaying it. The runtime interrupts with a signal who keeps a processor for 10 ms; a
// worker that was woken less often than this in between waits the scheduler's way, and costs nothing as long as nothing comes.
const hotWaits = 4

func newWorker(e *userspace, number int) (*worker, error) {
	w := &worker{engine: e, number: number}
	var err error
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if w.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		w.grow(w.event)
		err = w.add(w.event)
	}
	if err != nil {
		w.dispose()
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return w, nil
}

func (w *worker) add(fd int) error {
	return unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// dispose gives back what newWorker has taken.
func (w *worker) dispose() {
	unix.Close(w.epoll)
	if w.event > 0 {
		unix.Close(w.event)
	}
}

// breath is how long a worker that panicked before it had anything to do waits before it begins again: one that cannot
// begin must not take a processor.
const breath = 10 * time.Millisecond

// start runs the worker's loop. It is started anew when it panics, with all that the worker has.
func (w *worker) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return
	}
	w.loop = loop.Start("media/"+strconv.Itoa(w.number), w.run, func(e loop.Ended) {
		if e.Panic != nil {
			w.restarted(e)
			if !w.worked {
				time.Sleep(breath)
			}
			w.start()
		}
	})
}

func (w *worker) run(stop <-chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w.worked = false
	w.obey() // what a panic has left
	for {
		w.turn()
		select {
		case <-stop:
			w.obey()
			return
		default:
		}
	}
}

// stop ends the loop after what it was told before.
func (w *worker) stop() {
	w.mu.Lock()
	w.closing = true
	h := w.loop
	w.mu.Unlock()
	if h != nil {
		h.Quit()
		w.wake()
		<-h.Done()
	}
	w.obey() // should a panic have left something
}

// do has the worker call f, after everything that it was told to do before.
func (w *worker) do(f func()) {
	w.mu.Lock()
	w.commands = append(w.commands, f)
	first := len(w.commands) == 1
	w.mu.Unlock()
	if first {
		w.wake()
	}
}

func (w *worker) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(w.event, one[:])
}

// obey does what it was told.
func (w *worker) obey() {
	for {
		w.mu.Lock()
		if len(w.commands) == 0 {
			w.commands = nil
			w.mu.Unlock()
			return
		}
		f := w.commands[0]
		w.commands[0] = nil
		w.commands = w.commands[1:]
		w.mu.Unlock()
		w.worked = true
		f()
	}
}

// turn waits for something and does it.
func (w *worker) turn() {
	if w.hot && w.pace.pays {
		w.gather()
	}
	n := w.wait()
	if n == 0 {
		return
	}
	w.pace.count(n, len(w.events), w.engine.now())
	if w.engine.Chaos != nil {
		w.engine.Chaos(w.number)
	}
	for i := range w.events[:n] {
		if int(w.events[i].Fd) == w.event { // first: a packet that is answered to a command finds it obeyed
			var b [8]byte
			_, _ = unix.Read(w.event, b[:])
			w.obey()
		}
	}
	for i := range w.events[:n] {
		if p := w.ports[w.events[i].Fd]; p != nil { // nil: the eventfd, or just closed
			w.read(p)
		}
	}
}

// readsPerEvent is how many packets are read from a port before the next port has its turn. A stream's packets are apart,
// so there is one nearly always; to look for a second costs a system call.
const readsPerEvent = 1

func (w *worker) read(p *port) {
	for range readsPerEvent {
		n, from, ok := p.read(w.buffer[:])
		if !ok {
			return
		}
		w.worked = true
		w.receive(p, w.buffer[:n], from)
	}
}

func (w *worker) wait() int {
	if !w.hot {
		n, err := unix.EpollWait(w.epoll, w.events[:], -1)
		if err != nil {
			w.failed(err)
			return 0
		}
		w.hot = w.relays > 0
		return n
	}
	const forever = ^uintptr(0)
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(w.epoll), uintptr(unsafe.Pointer(&w.events[0])),
		uintptr(len(w.events)), forever, 0, 0)
	switch errno {
	case 0:
		w.waits++
		return int(n)
	case unix.EINTR: // the runtime wants this goroutine to stop for a moment
		w.hot = w.waits > hotWaits
		w.waits = 0
		runtime.Gosched()
	default:
		w.failed(errno)
	}
	return 0
}

// gathering is how long a busy worker lets packets gather before it looks for them again. To be woken costs more than to
// relay a packet, and media that comes in frames of 20 ms can do without a millisecond.
const gathering = time.Millisecond

// gather waits without the scheduler, as a busy worker does.
func (w *worker) gather() {
	t := unix.NsecToTimespec(int64(gathering))
	_, _, errno := unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
	w.waits++
	if errno == unix.EINTR {
		runtime.Gosched()
	}
}

// pace is how fast packets come.
type pace struct {
	since time.Duration // when counting began
	woken int           // events since
	pays  bool          // the next wait is worth gathering for
	busy  bool          // enough come in the time of gathering
}

const (
	paceOver   = 20 * time.Millisecond // what is counted over: the frame of most media
	worthwhile = 4                     // packets that gathering must bring
)

// count takes what one look has brought. One that was full has left more behind: the next look follows at once.
func (p *pace) count(n, full int, at time.Duration) {
	p.woken += n
	if over := at - p.since; over >= paceOver {
		p.busy = time.Duration(p.woken)*gathering >= worthwhile*over
		p.since, p.woken = at, 0
	}
	p.pays = p.busy && n < full
}

func (w *worker) failed(err error) {
	if err != unix.EINTR {
		panic(fmt.Errorf("epoll_wait: %w", err))
	}
}

// watch begins to read ports.
func (w *worker) watch(ports []*port) {
	for _, p := range ports {
		fd := int(p.fd)
		w.grow(fd)
		w.ports[fd] = p
		if err := w.add(fd); err != nil {
			w.engine.Log.Error("a media port cannot be read", "port", p.number, "error", err)
		}
	}
}

// grow makes room for a file descriptor.
func (w *worker) grow(fd int) {
	for len(w.ports) <= fd {
		w.ports = append(w.ports, nil)
	}
}

// drop ends with a port, and closes it.
func (w *worker) drop(p *port) {
	w.forget(p)
	if int(p.fd) < len(w.ports) && w.ports[p.fd] == p {
		w.ports[p.fd] = nil
	}
	p.close() // which takes it from the epoll
}
