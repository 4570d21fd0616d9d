package relay

import "net/netip"

// port is one bound socket. The pool has it as long as it is leased; what is in it belongs to its worker.
type port struct {
	socket
	number  uint16
	control bool    // it is the RTCP one of its pair
	worker  *worker // whose relays use it; nil: none did yet. Guarded by the engine
	sides   []*side // that it faces; several when forks share it
}

// sideOf is the side that a packet from there belongs to: the one whose source it is, else the one that it is expected
// from, else the one from whose host it comes, else the first that knows no source yet.
func (p *port) sideOf(from netip.AddrPort) *side {
	if len(p.sides) == 1 {
		return p.sides[0]
	}
	var best *side
	fit := 0
	for _, s := range p.sides {
		if f := s.fits(p, from); best == nil || f > fit {
			best, fit = s, f
		}
	}
	return best
}

// fits is how well a source fits a side that shares its port with others.
func (s *side) fits(p *port, from netip.AddrPort) int {
	locked, expected := s.source.locked, s.source.remote
	if p.control {
		locked, expected = s.control.locked, s.control.expected
	}
	switch {
	case from == locked:
		return 4
	case from == expected:
		return 3
	case from.Addr() == s.source.locked.Addr(), from.Addr() == expected.Addr():
		return 2
	case !s.source.locked.IsValid():
		return 1
	}
	return 0
}

// attach makes a port face a side.
func (p *port) attach(s *side) { p.sides = append(p.sides, s) }

// detach takes a side off the port.
func (p *port) detach(s *side) {
	for i, has := range p.sides {
		if has == s {
			last := len(p.sides) - 1
			copy(p.sides[i:], p.sides[i+1:]) // the order says which fork was first
			p.sides[last] = nil
			p.sides = p.sides[:last]
			return
		}
	}
}
