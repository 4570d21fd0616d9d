//go:build !linux

package leg

import (
	"errors"
	"net"
	"time"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/message"
)

// reader reads the sockets of a lane with one loop for each, which hands what it read to the lane's goroutine and waits
// for a packet to read into.
type reader struct {
	lane  *Lane
	woken chan struct{}
	empty chan *message.Packet // to be read into
	full  chan arrival
	loops []*loop.Handle
	lent  int // packets that the loops have
}

type arrival struct {
	leg    int
	packet *message.Packet
}

// prepare is done once for a lane: who wakes it may do so at any time.
func (r *reader) prepare(l *Lane) error {
	r.lane, r.woken = l, make(chan struct{}, 1)
	return nil
}

// open begins to read the lane's sockets.
func (r *reader) open() error {
	r.empty = make(chan *message.Packet, batch)
	r.full = make(chan arrival, batch)
	for i, s := range r.lane.Sockets {
		if s == nil {
			continue
		}
		r.loops = append(r.loops, loop.Start("read "+s.Name, func(stop <-chan struct{}) { r.read(i, s, stop) }, nil))
	}
	return nil
}

// read is the loop of one socket.
func (r *reader) read(leg int, s *Socket, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case p := <-r.empty:
			for {
				n, from, err := s.conn.ReadFromUDPAddrPort(p.In[:cap(p.In)])
				if errors.Is(err, net.ErrClosed) {
					r.empty <- p // there is room: not more packets are lent than it holds
					return
				}
				if err == nil {
					p.In, p.Source, p.Ingress = p.In[:n], from, s.Leg
					break
				}
				select {
				case <-stop:
				case <-time.After(10 * time.Millisecond): // an error that stays must not take a processor
				}
			}
			r.full <- arrival{leg, p} // there is room, for the same reason
		}
	}
}

// close ends what open has begun.
func (r *reader) close() {
	for _, s := range r.lane.Sockets {
		if s != nil {
			s.Close()
		}
	}
	for _, h := range r.loops {
		h.Stop()
	}
	r.loops = nil
	for ; r.lent > 0; r.lent-- {
		select {
		case p := <-r.empty:
			p.Free()
		case a := <-r.full:
			a.packet.Free()
		}
	}
}

func (r *reader) dispose() {}

// wake ends a wait. It may be called from any goroutine.
func (r *reader) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// yield gives back a packet that waits to be read into; nil when none does.
func (r *reader) yield() *message.Packet {
	select {
	case p := <-r.empty:
		r.lent--
		return p
	default:
		return nil
	}
}

// inHand is how many packets wait to be read into.
func (r *reader) inHand() int { return r.lent }

// turn waits for something and does it.
func (r *reader) turn() {
	for r.lent < batch {
		p := r.lane.Pool.Take()
		if p == nil {
			break
		}
		r.lent++
		r.empty <- p
	}
	select {
	case a := <-r.full:
		r.lent--
		r.lane.deliver(a.leg, []*message.Packet{a.packet})
	case <-r.woken:
		r.lane.collect()
	}
	r.lane.flush()
}

// awaitInbox waits for a wake-up only.
func (r *reader) awaitInbox(d time.Duration) {
	select {
	case <-r.woken:
	case <-time.After(d):
	}
}
