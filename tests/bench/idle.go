package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

const spareFiles = 500 // descriptors that a process needs beside those of the crowd

// idleOptions are the command line of bench idle.
type idleOptions struct {
	only    string
	silent  int // connections that send nothing
	slow    int // connections that send a byte a second
	rate    int // requests a second by UDP
	window  time.Duration
	rounds  int
	lanes   int
	idle    time.Duration // after which the proxy ends a connection on which nothing comes
	partial time.Duration // after which it ends one whose message is not whole
	pin     bool
	keep    bool
	dir     string
}

func parseIdle(args []string) (idleOptions, error) {
	var o idleOptions
	var seconds float64
	set := flag.NewFlagSet("bench idle", flag.ContinueOnError)
	set.StringVar(&o.only, "only", "tcp,tls", "connections of these kinds, one after the other: `kind,kind`")
	set.IntVar(&o.silent, "silent", 10000, "connections that send nothing")
	set.IntVar(&o.slow, "slow", 1000, "connections that send one byte a second")
	set.IntVar(&o.rate, "rate", 4000, "requests a second that are forwarded by UDP, at random")
	set.Float64Var(&seconds, "seconds", 5, "measured seconds in each round, without connections and beside them")
	set.IntVar(&o.rounds, "rounds", 3, "rounds; medians are compared")
	set.IntVar(&o.lanes, "lanes", 2, "lanes of actorsip")
	set.DurationVar(&o.idle, "idle", 20*time.Second, "time after which the proxy ends a silent connection")
	set.DurationVar(&o.partial, "partial", 10*time.Second, "time after which it ends one with an unfinished message")
	set.BoolVar(&o.pin, "pin", true, "proxy on core 1, everything else on core 0")
	set.BoolVar(&o.keep, "keep", false, "keep the temporary directory")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	o.window = time.Duration(seconds * float64(time.Second))
	if set.NArg() > 0 || o.silent < 1 || o.slow < 0 || o.rate < 1 || o.rounds < 1 || o.lanes < 1 || o.window < 100*time.Millisecond {
		return o, errors.New("silent, rate, rounds and lanes are at least 1, seconds at least 0.1, and there are no arguments")
	}
	for _, kind := range o.kinds() {
		if kind != "tcp" && kind != "tls" {
			return o, fmt.Errorf("there are connections of tcp and tls, not of %q", kind)
		}
	}
	return o, nil
}

func (o idleOptions) kinds() []string { return strings.Split(o.only, ",") }

func (o idleOptions) arrivals() arrivals { return options{poisson: true}.arrivals(o.rate) }

// longest bounds the whole run, whatever hangs.
func (o idleOptions) longest() time.Duration {
	once := 2*(warm+o.window+drain) + 2*connectTime + 2*o.timers() + 4*stale
	return 3*time.Minute + time.Duration(o.rounds*len(o.kinds()))*once
}

// timers is when the last connection must be gone.
func (o idleOptions) timers() time.Duration { return max(o.idle, o.partial) + 10*time.Second }

// measureIdle is bench idle: what connections that say nothing, or hardly anything, cost the proxy and its other calls.
func measureIdle(ctx context.Context, args []string) error {
	o, err := parseIdle(args)
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
	if err := errors.Join(prepareActorsip(ctx, o.dir), makeCertificate(o.dir), sharpen()); err != nil {
		return err
	}
	if o.pin {
		if err := pinSelf(ctx); err != nil {
			return err
		}
	}
	var failures []error
	for _, kind := range o.kinds() {
		stay, err := sit(ctx, kind, o)
		if len(stay.rounds) > 0 {
			reportStay(os.Stdout, stay, o)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", kind, err))
		}
	}
	return errors.Join(failures...)
}
