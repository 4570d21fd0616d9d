package stream

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/loop"
)

// wire is a TCP connection whose Write never waits, and neither does that of a tls.Conn above it. What the kernel does not take is
// kept, up to a bound, and written by a goroutine that is there only until it is.
//
// Its reader waits with await, for nothing but the wish to be woken: a connection on which nothing comes holds no buffer. What await
// has read is what Read gives out, to a tls.Conn.
type wire struct {
	*net.TCPConn
	raw      syscall.RawConn
	limit    int           // of bytes kept; 0: none
	patience time.Duration // with a peer that takes none of them; 0: endless
	owner    owner

	// of the reader
	settled bool   // no handshake reads any more: Read does not wait
	ahead   []byte // read by await and not by Read
	record  record // of TLS: what of it Read has given out
	take    func(fd uintptr) bool
	taken   *Batch
	size    int
	fault   error

	// of a connection that is driven
	fd       int               // ours alone; -1: the TCPConn's is used
	writable func(wanted bool) // asks the driver to call when more can be written
	grace    atomic.Int64      // when the peer must have taken some of what is kept, in Unix nanoseconds; 0: nothing is

	kept atomic.Int64 // how many bytes rest has
	// A stream is one byte after another, whoever writes: nothing is gained by less than a lock around it. It is held for one
	// system call that does not wait.
	mu       sync.Mutex
	rest     []byte // what the kernel has not taken
	draining bool
	broken   bool // the kernel refuses what is kept
	closed   bool
	put      func(fd uintptr)
	out      []byte // put's
	written  int    // put's
	refusal  error  // put's
}

// owner hears that what was kept cannot be written.
type owner interface {
	Close(End)
	panicked(loop.Ended)
}

// init prepares a wire in place: its callbacks are made once.
func (w *wire) init(c *net.TCPConn, l Limits, o owner) (err error) {
	w.TCPConn, w.limit, w.patience, w.owner, w.fd = c, bound(l.Queue), l.Write, o, -1
	w.raw, err = c.SyscallConn()
	w.take, w.put = w.readNow, w.writeNow
	return err
}

// bound is how many bytes a wire may keep when queue bytes may be queued: TLS records are longer than what is in them.
func bound(queue int) int {
	if queue == 0 {
		return 0
	}
	return queue + queue/16 + 1024
}

// await waits until something came, and has read it: the first n bytes of the batch's buffer. 0 bytes: the peer writes no more. The
// batch is the caller's to release, unless there is an error.
func (w *wire) await() (b *Batch, n int, err error) {
	if err := w.raw.Read(w.take); err != nil {
		return nil, 0, err
	}
	b, w.taken = w.taken, nil
	if w.fault != nil {
		b.Release()
		return nil, 0, w.fault
	}
	return b, w.size, nil
}

// readNow is called when there may be something to read. False: wait for it.
func (w *wire) readNow(fd uintptr) bool {
	b := newBatch()
	n, err := sysRead(int(fd), b.buffer())
	if err == unix.EAGAIN {
		b.Release()
		return false
	}
	w.taken, w.size, w.fault = b, max(n, 0), err
	return true
}

// Read waits while there are handshakes. Later it gives out what await has read, and is overdue at once when there is no more: to a
// tls.Conn that is a reason to try again later, with what it has read so far.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.readAny(p)
	w.record.follow(p[:n])
	return n, err
}

func (w *wire) readAny(p []byte) (int, error) {
	switch {
	case len(w.ahead) > 0:
		n := copy(p, w.ahead)
		w.ahead = w.ahead[n:]
		return n, nil
	case w.settled:
		return 0, os.ErrDeadlineExceeded
	case len(p) >= readAhead:
		return w.TCPConn.Read(p)
	}
	b := make([]byte, readAhead) // the handshake of WebSocket is read byte by byte
	n, err := w.TCPConn.Read(b)
	w.ahead = b[:n]
	n = copy(p, w.ahead)
	w.ahead = w.ahead[n:]
	return n, err
}

const readAhead = 512

// Write takes all of p, or none and tells why: ErrClosed, ErrFull, or what the kernel says.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	switch {
	case w.closed:
		return 0, ErrClosed
	case w.limit > 0 && len(w.rest)+len(p) > w.limit:
		return 0, ErrFull
	case len(w.rest) == 0:
		var err error
		if n, err = w.push(p); err != nil {
			return 0, err
		}
	}
	if n < len(p) {
		w.keep(p[n:])
	}
	return len(p), nil
}

func (w *wire) keep(p []byte) {
	w.rest = append(w.rest, p...)
	w.kept.Store(int64(len(w.rest)))
	if w.draining {
		return
	}
	w.draining = true
	if w.fd >= 0 {
		w.grant()
		w.writable(true)
		return
	}
	loop.Start("drain "+w.RemoteAddr().String(), w.drain, func(e loop.Ended) {
		if e.Panic != nil {
			w.owner.Close(Stopped)
			w.owner.panicked(e)
		}
	})
}

// push writes what the kernel takes at once.
func (w *wire) push(p []byte) (int, error) {
	w.out, w.written, w.refusal = p, 0, nil
	err := error(nil)
	if w.fd >= 0 {
		w.writeNow(uintptr(w.fd))
	} else {
		err = w.raw.Control(w.put) // not raw.Write: that waits for a drainer
	}
	w.out = nil
	if err == nil {
		err = w.refusal
	}
	return w.written, err
}

func (w *wire) writeNow(fd uintptr) {
	for w.written < len(w.out) {
		n, err := sysWrite(int(fd), w.out[w.written:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			if err != unix.EAGAIN {
				w.refusal = err
			}
			return
		}
		w.written += n
	}
}

// drain writes what is kept until nothing is.
func (w *wire) drain(<-chan struct{}) {
	w.grant()
	err := w.raw.Write(w.drainNow)
	w.mu.Lock()
	broken := w.broken
	w.mu.Unlock()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.owner.Close(TooSlow)
	case broken:
		w.owner.Close(Broken)
	}
}

// grant gives the peer its time to take some of what is kept.
func (w *wire) grant() {
	switch {
	case w.patience == 0:
	case w.fd >= 0:
		w.grace.Store(time.Now().Add(w.patience).UnixNano())
	default:
		_ = w.TCPConn.SetWriteDeadline(time.Now().Add(w.patience))
	}
}

// drainNow is called when the kernel may take more. False: wait for it.
func (w *wire) drainNow(fd uintptr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return true
	}
	w.out, w.written, w.refusal = w.rest, 0, nil
	w.writeNow(fd)
	w.out, w.rest = nil, w.rest[w.written:]
	w.kept.Store(int64(len(w.rest)))
	switch {
	case w.refusal != nil:
		w.broken = true
		return true
	case len(w.rest) == 0:
		w.rest, w.draining = nil, false // the next one to be kept gets a drainer of its own
		if w.fd >= 0 {
			w.grace.Store(0)
			w.writable(false)
		} else {
			_ = w.TCPConn.SetWriteDeadline(time.Time{})
		}
		return true
	case w.written > 0:
		w.grant()
	}
	return false
}

// Close tries once more to write what is kept.
func (w *wire) Close() error {
	w.last()
	if w.shut(unix.SHUT_RDWR) {
		return nil
	}
	return w.TCPConn.Close()
}

// CloseWrite is Close for those who still read.
func (w *wire) CloseWrite() error {
	w.last()
	if w.shut(unix.SHUT_WR) {
		return nil
	}
	return w.TCPConn.CloseWrite()
}

func (w *wire) last() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		_, _ = w.push(w.rest)
		w.rest, w.closed = nil, true
		w.kept.Store(0)
		if w.draining && w.fd >= 0 { // a side that is shut can always be written to: nobody should wait for that
			w.draining = false
			w.grace.Store(0)
			w.writable(false)
		}
	}
}

// SetDeadline is for handshakes, that wait when they read.
func (w *wire) SetDeadline(t time.Time) error { return w.SetReadDeadline(t) }

// SetWriteDeadline has nothing to set: Write does not wait.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
