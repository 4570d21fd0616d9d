package main

import (
	"math/rand/v2"
	"time"
)

// arrivals say when the next call is due. They matter: the more calls a wake-up of the forwarder finds waiting, the
// less CPU time each of their packets takes.
type arrivals struct {
	name string
	gap  func() time.Duration // from one call to the next
	wait func(time.Duration)
}

// arrivals are those of the options at a rate of calls a second.
//
// At a steady pace the phones wait by the runtime's timer, whose grain of about a millisecond lets some calls begin
// in pairs. A Poisson process, which is what many independent callers make, has its own clusters and is waited for
// with the kernel's precision; its seed is fixed, so that every forwarder meets the same calls.
func (o options) arrivals(rate int) arrivals {
	mean := time.Second / time.Duration(rate)
	if !o.poisson {
		return arrivals{name: "steady", gap: func() time.Duration { return mean }, wait: time.Sleep}
	}
	random := rand.New(rand.NewPCG(1, uint64(rate)))
	return arrivals{
		name: "Poisson",
		gap:  func() time.Duration { return time.Duration(random.ExpFloat64() * float64(mean)) },
		wait: nap,
	}
}
