package target

import "net/netip"

// A stream connection may fail before anything was sent; then the packet goes to the next server (RFC 3263 §4.3), and
// the one who tries it only needs to know how many were tried before. The order is that of the walk: the addresses of the
// best SRV target, those of the next one, and so on, then the services of the next transport. It is a function of the
// records and the key, as the first choice is. What two targets share is listed twice.

// goesOn tells whether a service that ends with err leaves the next one to be tried. Once a hop was passed over, the target is
// there, and nothing that the rest lacks ends the walk.
func (w *walk) goesOn(err error) bool {
	return err == errNoSRV || err == ErrNoService || err != nil && err != errMissing && w.passed
}

// nthAddr is the n-th address of a host, n below their number. Each family is in the order of its draws; they take turns
// from the family of best, which drew highest of all, so that a family that is not reached costs one attempt before the
// other has its turn (RFC 8305 §4).
func nthAddr(key uint64, n int, best netip.Addr, v4, v6 []netip.Addr) netip.Addr {
	first, other := v4, v6
	if best.Is6() {
		first, other = v6, v4
	}
	both := min(len(first), len(other))
	switch {
	case n < 2*both && n%2 == 0:
		return ranked(key, n/2, first)
	case n < 2*both:
		return ranked(key, n/2, other)
	case len(first) > both:
		return ranked(key, n-both, first)
	}
	return ranked(key, n-both, other)
}

// ranked is the address with the n-th highest draw; of equal draws the earlier one, as in pickAddr.
func ranked(key uint64, n int, addrs []netip.Addr) netip.Addr {
	var draws [maxRecords]uint64
	for i, a := range addrs {
		draws[i] = mix(key ^ addrIdentity(a))
	}
	for i, a := range addrs {
		higher := 0
		for j := range addrs {
			if draws[j] > draws[i] || draws[j] == draws[i] && j < i {
				higher++
			}
		}
		if higher == n {
			return a
		}
	}
	return netip.Addr{} // not reached: ranks are distinct
}
