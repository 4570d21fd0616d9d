package target

import (
	"math"
	"net/netip"
)

// mix spreads every bit of x over all of them (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// identity hashes what makes a record that record. It is the same on every node, hence no seed.
func identity(name string, port uint16) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := 0; i < len(name); i++ {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return mix(h ^ uint64(port))
}

// pickAddr chooses among best, which drew top, and addrs. Each address draws a number from key and itself and the highest
// wins: so an address that comes or goes moves only the calls that it wins or loses.
func pickAddr(key uint64, best netip.Addr, top uint64, addrs []netip.Addr) (netip.Addr, uint64) {
	for _, a := range addrs {
		if n := mix(key ^ addrIdentity(a)); !best.IsValid() || n > top {
			best, top = a, n
		}
	}
	return best, top
}

func addrIdentity(a netip.Addr) uint64 {
	b := a.As16()
	h := uint64(0)
	for i := 0; i < 16; i += 8 {
		var v uint64
		for _, c := range b[i : i+8] {
			v = v<<8 | uint64(c)
		}
		h = mix(h ^ v)
	}
	return h
}

// finish is when a runner of this weight reaches the goal in a race of memoryless runners, drawn from key and id. The
// first of the race is one with a probability proportional to its weight, the second likewise among the rest, and so
// on: the order that RFC 2782 asks for, without a random number and without a state.
func finish(key, id uint64, weight uint16) float64 {
	w := float64(weight)
	if weight == 0 {
		w = 1.0 / 64 // "a very small chance of being selected" beside others, an even one among its like
	}
	u := (float64(mix(key^id)>>11) + 1) / (1 << 53) // 0 < u ≤ 1
	return -math.Log(u) / w
}
