package stream

import (
	"net/netip"
	"time"
)

// Limits bound what connections cost. 0 is no bound, everywhere.
type Limits struct {
	Connections int           // of the endpoint, accepted and dialled
	PerSource   int           // accepted from one address; of IPv6, from one /64, which is what one subscriber has
	Idle        time.Duration // that nothing may come for
	Partial     time.Duration // that a message may take from its first byte to its last, however steadily it comes
	Connect     time.Duration // that a peer may take to be connected to
	Handshake   time.Duration // that TLS and WebSocket may take together
	Write       time.Duration // that a peer may take to read any of what waits for it
	Queue       int           // bytes that may wait to be written to one connection, beside what the kernel takes
}

// source is whom a connection from addr is counted for.
func source(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.WithZone("").Prefix(bits)
	return p
}

// admission counts the connections that are there, and those that are being made. The endpoint's lock guards it.
type admission struct {
	limits  Limits
	all     int
	sources map[netip.Prefix]int // of accepted ones
	sinks   []int                // by sink
}

// full tells that there is no place for one more.
func (a *admission) full() bool { return a.limits.Connections > 0 && a.all >= a.limits.Connections }

// crowded tells that a source has as many as it may.
func (a *admission) crowded(from netip.Addr) bool {
	return a.limits.PerSource > 0 && a.sources[source(from)] >= a.limits.PerSource
}

func (a *admission) dialled(sink int) {
	a.all++
	a.sinks[sink]++
}

func (a *admission) accepted(from netip.Addr, sink int) {
	a.dialled(sink)
	a.sources[source(from)]++
}

// left takes back what dialled counted, or accepted when from is valid.
func (a *admission) left(from netip.Addr, sink int) {
	a.all--
	a.sinks[sink]--
	if !from.IsValid() {
		return
	}
	if s := source(from); a.sources[s] > 1 {
		a.sources[s]--
	} else {
		delete(a.sources, s)
	}
}
