package message

import "sync"

// Inbox is where packets that waited for somebody outside their lane come back to it. The lane takes them out on its
// own goroutine.
type Inbox struct {
	wake func() // set once

	mu   sync.Mutex
	back []*Packet
}

// NewInbox makes an inbox; wake is called whenever a packet came back to an empty one.
func NewInbox(wake func()) *Inbox { return &Inbox{wake: wake} }

// Put brings a packet back, from any goroutine.
func (i *Inbox) Put(p *Packet) {
	i.mu.Lock()
	i.back = append(i.back, p)
	first := len(i.back) == 1
	i.mu.Unlock()
	if first {
		i.wake()
	}
}

// Take appends what came back to dst. Only the lane's goroutine calls it.
func (i *Inbox) Take(dst []*Packet) []*Packet {
	i.mu.Lock()
	for _, p := range i.back {
		p.pool.waiting[p.awaits]--
	}
	dst = append(dst, i.back...)
	clear(i.back)
	i.back = i.back[:0]
	i.mu.Unlock()
	return dst
}
