package router

import (
	"net"
	"net/netip"
	"time"
)

// kernel remembers which of our addresses the kernel sends from, for each peer. Routes change, so it forgets.
type kernel struct {
	sources map[netip.Addr]source
}

type source struct {
	addr  netip.Addr
	until time.Time
}

const (
	routeLife = 10 * time.Second
	maxRoutes = 4096
)

func newKernel() *kernel { return &kernel{sources: map[netip.Addr]source{}} }

// source is invalid when there is no route.
func (k *kernel) source(to netip.Addr) netip.Addr {
	now := time.Now()
	if s, ok := k.sources[to]; ok && now.Before(s.until) {
		return s.addr
	}
	if len(k.sources) >= maxRoutes {
		clear(k.sources) // peers by the thousands: asking again is cheaper than keeping order
	}
	s := source{addr: route(to), until: now.Add(routeLife)}
	k.sources[to] = s
	return s.addr
}

// route asks the kernel by connecting a socket, which for UDP sends nothing.
func route(to netip.Addr) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
