package room

import "sync/atomic"

// ring is a bounded queue for any number of senders and one receiver, without a lock and without allocating: each slot
// carries the turn in which it may be written or read next.
type ring struct {
	slots []slot
	mask  uint64
	tail  atomic.Uint64 // next to write
	head  atomic.Uint64 // next to read
}

type slot struct {
	turn atomic.Uint64
	msg  any
}

// init makes room for at least n messages.
func (r *ring) init(n int) {
	size := 2 // in a ring of one, "may be read" and "may be written next" would be the same turn
	for size < n {
		size <<= 1
	}
	r.slots, r.mask = make([]slot, size), uint64(size-1)
	for i := range r.slots {
		r.slots[i].turn.Store(uint64(i))
	}
}

// push is false when the ring is full.
func (r *ring) push(msg any) bool {
	for {
		t := r.tail.Load()
		s := &r.slots[t&r.mask]
		switch turn := s.turn.Load(); {
		case turn == t:
			if r.tail.CompareAndSwap(t, t+1) {
				s.msg = msg
				s.turn.Store(t + 1)
				return true
			}
		case turn < t:
			return false
		}
	}
}

// pop is false when the ring is empty.
func (r *ring) pop() (msg any, ok bool) {
	h := r.head.Load()
	s := &r.slots[h&r.mask]
	if s.turn.Load() != h+1 {
		return nil, false
	}
	msg, s.msg = s.msg, nil
	s.turn.Store(h + uint64(len(r.slots)))
	r.head.Store(h + 1)
	return msg, true
}

// ready tells whether pop would find something. It is behind length while a sender has its place but has not written
// to it yet.
func (r *ring) ready() bool {
	h := r.head.Load()
	return r.slots[h&r.mask].turn.Load() == h+1
}

func (r *ring) length() int { return int(r.tail.Load() - r.head.Load()) }
