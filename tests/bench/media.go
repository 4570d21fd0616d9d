package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mediaOptions are the command line of bench media.
type mediaOptions struct {
	only   string
	calls  []int         // at a time, step by step
	warm   time.Duration // before the window
	window time.Duration // measured, per relay, step and round
	rounds int
	pin    bool
	keep   bool
	dir    string // for programs, configuration files and logs
}

func parseMedia(args []string) (mediaOptions, error) {
	o := mediaOptions{warm: mediaWarm}
	var calls string
	var seconds float64
	set := flag.NewFlagSet("bench media", flag.ContinueOnError)
	set.StringVar(&o.only, "only", "", "compare only these relays: `name,name` of floor, rtpengine, actorsip")
	set.StringVar(&calls, "calls", "100,300,1000,1500", "calls at a time, `number,number`, each step for all relays")
	set.Float64Var(&seconds, "seconds", 3, "measured seconds for each relay in each step and round")
	set.IntVar(&o.rounds, "rounds", 1, "rounds; medians are compared")
	set.BoolVar(&o.pin, "pin", true, "relay on core 1, endpoints on core 0")
	set.BoolVar(&o.keep, "keep", false, "keep the temporary directory")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	o.window = time.Duration(seconds * float64(time.Second))
	if set.NArg() > 0 || o.window < 100*time.Millisecond || o.rounds < 1 {
		return o, errors.New("rounds is at least 1, seconds at least 0.1, and there are no arguments")
	}
	for text := range strings.SplitSeq(calls, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("%q is no number of calls", text)
		}
		o.calls = append(o.calls, n)
	}
	names := make([]string, 0, 4)
	for _, r := range relays() {
		names = append(names, r.name)
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if o.only != "" && !slices.Contains(names, name) {
			return o, fmt.Errorf("there is no relay %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return o, nil
}

// threads is how many cores a relay has.
func (o mediaOptions) threads() int {
	if o.pin {
		return 1
	}
	return 2
}

// longest bounds the whole run, whatever hangs.
func (o mediaOptions) longest() time.Duration {
	once := o.window + o.warm + mediaDrain + settle + setUpWithin + 5*time.Second
	return 3*time.Minute + time.Duration(o.rounds*len(o.calls)*len(relays()))*once
}

// compareMedia is bench media: relays under the same calls, one at a time, with more and more calls.
func compareMedia(ctx context.Context, args []string) error {
	o, err := parseMedia(args)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, o.longest())
	defer stop()
	if o.dir, err = workplace(o.keep); err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(o.dir)
	}
	ready := prepareRelays(ctx, o)
	if len(ready) == 0 {
		return errors.New("there is no relay to compare")
	}
	if err := sharpen(); err != nil {
		return err
	}
	if o.pin {
		if err := pinSelf(ctx); err != nil {
			return err
		}
	}
	rows, err := passAll(ctx, ready, o)
	if slices.ContainsFunc(rows, func(r row) bool { return len(r.passages) > 0 }) {
		reportMedia(os.Stdout, rows, o)
	}
	return err
}

func prepareRelays(ctx context.Context, o mediaOptions) []relay {
	var ready []relay
	for _, r := range relays() {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), r.name) {
			continue
		}
		if err := r.prepare(ctx, o.dir); err != nil {
			fmt.Printf("%s is skipped: %v\n", r.name, reason(err))
			continue
		}
		ready = append(ready, r)
	}
	return ready
}

// passAll runs step after step, in each the rounds, in each the relays, and returns what it has when ctx ends.
func passAll(ctx context.Context, ready []relay, o mediaOptions) (rows []row, err error) {
	for _, calls := range o.calls {
		step := len(rows)
		for _, r := range ready {
			rows = append(rows, row{name: r.name, calls: calls})
		}
		for round := range o.rounds {
			for i, r := range ready {
				p, err := pass(ctx, r, o, calls)
				if ctx.Err() != nil {
					return rows, fmt.Errorf("stopped with %d calls in round %d: %w", calls, round+1, context.Cause(ctx))
				}
				if err != nil {
					fmt.Printf("%s left out of round %d with %d calls: %v\n", r.name, round+1, calls, err)
					continue
				}
				rows[step+i].passages = append(rows[step+i].passages, p)
				fmt.Fprintf(os.Stderr, "round %d  %5d calls  %-9s %6.2f µs per packet, %d packets\n",
					round+1, calls, r.name, p.perPacket(), p.relayed)
				for sentence, n := range p.faults {
					fmt.Printf("%s, %d calls: %d times: %s\n", r.name, calls, n, sentence)
				}
			}
		}
	}
	return rows, nil
}
