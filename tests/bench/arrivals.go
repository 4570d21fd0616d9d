package main

import (
	"context"
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

// keep does something at each arrival for d, and says how far it was behind at most. What is owed when it is too far is
// left out: a flood would measure something else.
func (a arrivals) keep(ctx context.Context, d time.Duration, do func() error) (late time.Duration, err error) {
	begin := time.Now()
	for due := begin; due.Sub(begin) < d; due = due.Add(a.gap()) {
		a.wait(time.Until(due))
		if owed := time.Since(due); owed > maxLate {
			late = max(late, owed)
			due = due.Add(owed)
		}
		if ctx.Err() != nil {
			return late, context.Cause(ctx)
		}
		if err := do(); err != nil {
			return late, err
		}
	}
	return late, nil
}
