package leg

import "net/netip"

// emission is a datagram that another node has made: only this one's socket is let in by the receiver's NAT.
type emission struct {
	leg  int
	to   netip.AddrPort
	text []byte
}

// mostEmissions bounds what waits for the lane.
const mostEmissions = 1024

// Emit has the lane send a datagram by the socket of a leg. It is false when the leg has none, the datagram is too large, or too many wait;
// else it is the lane's. From any goroutine.
func (l *Lane) Emit(leg int, to netip.AddrPort, datagram []byte) bool {
	if l.Sockets[leg] == nil || len(datagram) == 0 || len(datagram) > maxDatagram {
		return false
	}
	select {
	case l.emissions <- emission{leg, to, datagram}:
		l.wake()
		return true
	default:
		return false
	}
}

// emit queues what is to be sent, as far as there are packets.
func (l *Lane) emit() {
	for len(l.emissions) > 0 {
		p := l.spare()
		if p == nil {
			return
		}
		e := <-l.emissions
		p.In = p.In[:0]
		p.Parse(p.In) // should the kernel refuse it, it is no request that could be answered
		p.Out, p.To = append(p.Fresh(), e.text...), e.to
		l.Sockets[e.leg].queue(p)
	}
}
