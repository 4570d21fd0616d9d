package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// result is all rounds of one forwarder.
type result struct {
	forwarder
	rate    int
	samples []sample
}

const quiet = 0.15 // CPUs that other work may keep busy before it shows in the figures

// ratios are what the comparison is for: each line divides the medians of two forwarders.
func ratios() [][2]string {
	return [][2]string{
		{"actorsip", "kamailio"},
		{"actorsip", "netsip"},
		{"actorsip", "floor"},
		{"kamailio", "floor"},
		{"actorsip", "kamailio2"},
		{"kamailio2", "kamailio"},
		{"traced0", "actorsip"},
		{"traced1", "actorsip"},
		{"traced100", "actorsip"},
	}
}

// compare runs the rounds and prints the table and the ratios.
func compare(ctx context.Context, ready []forwarder, o options) error {
	results := make([]result, len(ready))
	for i, f := range ready {
		results[i] = result{forwarder: f, rate: f.rateFor(o)}
	}
	for round := range o.rounds {
		for i := range results {
			r := &results[i]
			s, err := drive(ctx, r.forwarder, o, r.rate)
			if ctx.Err() != nil {
				return fmt.Errorf("stopped in round %d: %w", round+1, context.Cause(ctx))
			}
			if err != nil {
				fmt.Printf("%s left out of round %d: %v\n", r.name, round+1, err)
				continue
			}
			r.samples = append(r.samples, s)
			fmt.Fprintf(os.Stderr, "round %d  %-9s %6.2f µs per packet, %d packets\n", round+1, r.name, s.perPacket(), s.packets)
			complain(os.Stdout, r.name, s, o)
		}
	}
	report(os.Stdout, results, o)
	return nil
}

func (f forwarder) rateFor(o options) int {
	if f.most > 0 && f.most < o.rate {
		return f.most
	}
	return o.rate
}

// complain prints what went wrong in one round.
func complain(w io.Writer, name string, s sample, o options) {
	for sentence, n := range s.faults {
		fmt.Fprintf(w, "%s: %d times: %s\n", name, n, sentence)
		if o.verbose {
			fmt.Fprintln(w, s.first[sentence])
		}
	}
	if s.unanswered > 0 {
		fmt.Fprintf(w, "%s: %d calls were not answered to their end\n", name, s.unanswered)
	}
}

// report writes the table: median and least of the rounds, sums of packets and failures, medians of the rest.
func report(w io.Writer, results []result, o options) {
	way := "packet"
	if o.tcp {
		way = fmt.Sprintf("message over TCP, %d connections on either side", trunks)
	}
	fmt.Fprintf(w, "\nCPU time per forwarded %s, %v in each of %d rounds, %s arrivals\n\n", way, o.window, o.rounds, o.arrivals(1).name)
	fmt.Fprintf(w, "%-9s %9s %8s %8s %9s %7s %11s %14s %7s %6s\n", "forwarder", "µs median", "µs least", "calls/s", "packets",
		"failed", "unanswered", "INVITE p50 µs", "p99 µs", "MB PSS")
	for _, r := range results {
		if len(r.samples) == 0 {
			continue
		}
		var packets int64
		var bad, unanswered int
		for _, s := range r.samples {
			packets, bad, unanswered = packets+s.packets, bad+s.failed, unanswered+s.unanswered
		}
		fmt.Fprintf(w, "%-9s %9.2f %8.2f %8.0f %9d %7d %11d %14.0f %7.0f %6.1f%s\n",
			r.name, r.median(sample.perPacket), r.least(sample.perPacket), r.median(sample.attained), packets, bad, unanswered,
			r.median(func(s sample) float64 { return micro(s.p50) }), r.median(func(s sample) float64 { return micro(s.p99) }),
			r.median(func(s sample) float64 { return float64(s.memory) / 1e6 }), r.verdict())
	}
	for _, r := range results {
		if r.rate != o.rate && len(r.samples) > 0 {
			fmt.Fprintf(w, "\n%s was driven at %d calls a second: %s.\n", r.name, r.rate, r.why)
		}
	}
	fmt.Fprintln(w)
	for _, pair := range ratios() {
		if a, b := find(results, pair[0]), find(results, pair[1]); a > 0 && b > 0 {
			fmt.Fprintf(w, "%s/%s %.3f\n", pair[0], pair[1], a/b)
		}
	}
}

// verdict marks what must not be compared, and why it may have come so.
func (r result) verdict() string {
	var says string
	if slices.ContainsFunc(r.samples, func(s sample) bool { return s.bad() > maxFailure }) {
		says += "  INVALID: more than one call in a thousand failed"
	}
	if slices.ContainsFunc(r.samples, func(s sample) bool { return s.late > maxLate }) {
		says += "  INVALID: the phones did not keep the pace"
	}
	if busy := r.median(func(s sample) float64 { return s.others }); busy > quiet {
		says += fmt.Sprintf("  DOUBTFUL: other work kept %.1f CPUs busy", busy)
	}
	return says
}

// attained is the rate of calls in the window, a second.
func (s sample) attained() float64 { return float64(s.calls) / s.window.Seconds() }

func (r result) sorted(of func(sample) float64) []float64 {
	var v []float64
	for _, s := range r.samples {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v
}

// median is the middle round, and with an even number of them the mean of the two in the middle.
func (r result) median(of func(sample) float64) float64 {
	v := r.sorted(of)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (r result) least(of func(sample) float64) float64 { return r.sorted(of)[0] }

// find is a forwarder's median CPU time per packet; 0 when it has none.
func find(results []result, name string) float64 {
	for _, r := range results {
		if r.name == name && len(r.samples) > 0 {
			return r.median(sample.perPacket)
		}
	}
	return 0
}

func micro(d time.Duration) float64 { return float64(d) / 1000 }
