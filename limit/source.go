package limit

import (
	"hash/maphash"
	"net/netip"
)

// How much of an address is one source.
const (
	bits4 = 32
	bits6 = 64
)

// sourceOf is the network that an address counts as: the address itself in IPv4, its /64 in IPv6. An IPv4-mapped
// address is the IPv4 address, and a zone does not count.
func sourceOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := bits6
	if a.Is4() {
		bits = bits4
	}
	p, _ := a.Prefix(bits) // an address that is none gives a prefix that is none
	return p
}

// hashSource hashes what sourceOf gives, without making it.
func hashSource(seed maphash.Seed, a netip.Addr) uint64 {
	if a.Is4() || a.Is4In6() {
		b := a.As4()
		return maphash.Bytes(seed, b[:])
	}
	b := a.As16()
	return maphash.Bytes(seed, b[:bits6/8])
}

// hashNet hashes a network with its length.
func hashNet(seed maphash.Seed, p netip.Prefix) uint64 {
	var b [18]byte
	full := p.Addr().As16()
	b[0], b[1] = byte(p.Bits()), byte(p.Addr().BitLen())
	copy(b[2:], full[:])
	return maphash.Bytes(seed, b[:])
}
