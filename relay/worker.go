package relay

import (
	"net/netip"

	"github.com/actorsip/actorsip/loop"
)

// worker has some of the relays and their ports. Everything that packets touch is touched by it alone.
type worker struct {
	engine *userspace
	number int
	relays int // how many it has
	in     packet
	poller // how it waits and reads; one for each kind of system
}

// receive deals with a datagram that came to a port.
func (w *worker) receive(p *port, b []byte, from netip.AddrPort) {
	at := w.engine.now()
	w.in = packet{b: b, from: from, at: at, wall: w.engine.wall + uint64(at)}
	if s := p.sideOf(from); s != nil {
		s.receive(p, &w.in)
	}
}

// forget takes a port from the relays that still have it.
func (w *worker) forget(p *port) {
	for len(p.sides) > 0 {
		s := p.sides[len(p.sides)-1]
		ports := [2]*port{s.rtp, s.rtcp}
		for i := range ports {
			if ports[i] == p {
				ports[i] = nil
			}
		}
		s.move(ports)
	}
}

// restarted tells its owner that a loop of the worker has panicked and is about to begin again. It is called by that loop.
func (w *worker) restarted(e loop.Ended) {
	if w.engine.Restarted != nil {
		w.engine.Restarted(w.number, e)
	}
}
