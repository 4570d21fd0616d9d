package main

import (
	"context"
	"fmt"
)

const (
	steps      = 20    // runs that the search for one limit can take, at most
	halvings   = 3     // refinements between the last rate that passed and the first that did not
	overloaded = 0.005 // share of failed calls that ends the search
)

// limits searches for each forwarder the rate of calls at which they begin to fail: doubling first, then halving the
// gap. Phones and forwarder share the machine, so what is found may be the limit of both.
func limits(ctx context.Context, ready []forwarder, o options) error {
	for _, f := range ready {
		good, bad := 0, 0
		rate := f.rateFor(o)
		for step := 0; step < steps && (bad == 0 || good > 0 && (bad-good)<<halvings >= bad); step++ {
			s, err := drive(ctx, f, o, rate)
			if ctx.Err() != nil {
				return fmt.Errorf("stopped: %w", context.Cause(ctx))
			}
			if err != nil {
				fmt.Printf("%s is left out: %v\n", f.name, err)
				break
			}
			fmt.Printf("%-9s %6d calls/s: %6.2f µs per packet, %5.2f %% failed, INVITE p50 %.0f µs p99 %.0f µs, other work %.1f CPUs\n",
				f.name, rate, s.perPacket(), 100*s.bad(), micro(s.p50), micro(s.p99), s.others)
			if s.bad() > overloaded || s.late > maxLate {
				bad = rate
			} else {
				good = rate
			}
			if bad == 0 {
				rate *= 2
			} else {
				rate = (good + bad) / 2
			}
		}
		fmt.Printf("%-9s carries %d calls/s\n\n", f.name, good)
	}
	return nil
}
