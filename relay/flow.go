package relay

import (
	"sync/atomic"
	"time"
)

// counter has one writer and any number of readers: adding is a load and a store.
type counter struct{ n atomic.Uint64 }

func (c *counter) add(n uint64) { c.n.Store(c.n.Load() + n) }
func (c *counter) read() uint64 { return c.n.Load() }
func (c *counter) store(n uint64) {
	if c.n.Load() != n { // a store is a bus lock on some machines, and most of what is stored rarely changes
		c.n.Store(n)
	}
}

// flow is Flow as the worker writes it. Times are nanoseconds, those of first and last since 1970.
type flow struct {
	packets, bytes, rtcp, lost, late, wrongType, rebound counter
	rejected                                             [Rejects]counter
	jitter, rtt, first, last, payload                    counter
	lock                                                 atomic.Pointer[Lock]
}

func (f *flow) reject(why Reject) { f.rejected[why].add(1) }

func (f *flow) read(into *Flow) {
	*into = Flow{
		Packets: f.packets.read(), Bytes: f.bytes.read(), RTCP: f.rtcp.read(), Lost: f.lost.read(), Late: f.late.read(),
		WrongType: f.wrongType.read(), Rebound: f.rebound.read(),
		Jitter: time.Duration(f.jitter.read()), RTT: time.Duration(f.rtt.read()),
		First: wallTime(f.first.read()), Last: wallTime(f.last.read()), Type: uint8(f.payload.read()),
	}
	for i := range f.rejected {
		into.Rejected[i] = f.rejected[i].read()
	}
	if l := f.lock.Load(); l != nil {
		into.Lock = *l
	}
}

func wallTime(ns uint64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(ns))
}
