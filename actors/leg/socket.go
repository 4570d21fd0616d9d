package leg

import (
	"github.com/actorsip/actorsip/message"
)

// batch is how many datagrams are read or written in one system call.
const batch = 32

// queue takes a packet to be written to p.To when the lane has done what it has in hand.
func (s *Socket) queue(p *message.Packet) {
	s.out = append(s.out, p)
	if len(s.out) == batch {
		s.flush()
	}
}

// flush writes what was queued and frees it. What the kernel refuses waits for the lane to take it back.
func (s *Socket) flush() {
	for len(s.out) > 0 {
		n, err := s.write(s.out)
		s.out[0].Tick()
		for _, p := range s.out[:n] {
			p.Free()
		}
		s.counts.Written.Add(uint64(n))
		if err != nil {
			p := s.out[n]
			s.log.Debug("a datagram was not sent", "leg", s.Name, "to", p.To.String(), "bytes", len(p.Out), "error", err)
			s.refused = append(s.refused, p)
			n++
		}
		left := copy(s.out, s.out[n:])
		clear(s.out[left:])
		s.out = s.out[:left]
	}
}

// forget gives back what was queued and not written.
func (s *Socket) forget() {
	for _, p := range append(s.out, s.refused...) {
		p.Lost()
	}
	clear(s.out)
	s.out, s.refused = s.out[:0], s.refused[:0]
}
