package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	only    string
	rate    int           // calls a second
	window  time.Duration // measured, per forwarder and round
	rounds  int
	lanes   int // of actorsip
	tcp     bool
	pin     bool
	keep    bool
	limit   bool
	poisson bool
	verbose bool
	dir     string // for programs, configuration files and logs
}

func main() {
	// The forwarders die with the thread that started them: it is this one, for good.
	runtime.LockOSThread()
	err := supported()
	if err == nil {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run makes the comparison that the first argument names, without arguments all.
func run() error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 0:
		err = errors.Join(compareSIP(ctx, nil), compareSIP(ctx, []string{"-transport", "tcp"}), compareMedia(ctx, nil), measureIdle(ctx, nil), measureRegister(ctx, nil), measureScanner(ctx, nil))
	case args[0] == "media":
		err = compareMedia(ctx, args[1:])
	case args[0] == "idle":
		err = measureIdle(ctx, args[1:])
	case args[0] == "register":
		err = measureRegister(ctx, args[1:])
	case args[0] == "scanner":
		err = measureScanner(ctx, args[1:])
	case args[0] == "sip":
		err = compareSIP(ctx, args[1:])
	default:
		err = compareSIP(ctx, args)
	}
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

// compareSIP is bench sip: forwarders under the same calls, one at a time.
func compareSIP(ctx context.Context, args []string) error {
	o, err := parse(args)
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
	if o.pin {
		if err := pinSelf(ctx); err != nil {
			return err
		}
	}
	ready := prepare(ctx, o)
	if len(ready) == 0 {
		return errors.New("there is no forwarder to compare")
	}
	if o.limit {
		return limits(ctx, ready, o)
	}
	return compare(ctx, ready, o)
}

// workplace makes the temporary directory, and says where it is when it shall be kept.
func workplace(keep bool) (dir string, err error) {
	dir, err = os.MkdirTemp("", "actorsip-bench-")
	if err == nil && keep {
		fmt.Fprintln(os.Stderr, "files are kept in", dir)
	}
	return dir, err
}

// pinSelf leaves core 1 to what is compared.
func pinSelf(ctx context.Context) error {
	return build(ctx, "taskset", "-a", "-p", "-c", "0", strconv.Itoa(os.Getpid()))
}

func parse(args []string) (options, error) {
	var o options
	var seconds float64
	var transport string
	set := flag.NewFlagSet("bench sip", flag.ContinueOnError)
	set.StringVar(&o.only, "only", "", "compare only these forwarders: `name,name` of floor, kamailio, netsip, actorsip, over TCP kamailio2: it has two workers, over UDP traced0, traced1, traced100: actorsip that sends spans of that percentage of calls, down and slow: of all calls, to a collector that is so")
	set.StringVar(&transport, "transport", "udp", "udp or tcp")
	set.IntVar(&o.rate, "rate", 2000, "calls a second, five packets each")
	set.Float64Var(&seconds, "seconds", 5, "measured seconds for each forwarder in each round")
	set.IntVar(&o.rounds, "rounds", 3, "rounds; medians are compared")
	set.IntVar(&o.lanes, "lanes", 2, "lanes of actorsip")
	set.BoolVar(&o.pin, "pin", false, "forwarder on core 1, phones on core 0")
	set.BoolVar(&o.keep, "keep", false, "keep the temporary directory")
	set.BoolVar(&o.limit, "max", false, "instead, raise the rate until calls fail")
	set.BoolVar(&o.poisson, "poisson", false, "calls arrive at random (a Poisson process) instead of at a steady pace")
	set.BoolVar(&o.verbose, "v", false, "print a datagram for each kind of failure")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	o.window = time.Duration(seconds * float64(time.Second))
	if set.NArg() > 0 || o.rate < 1 || o.window < 100*time.Millisecond || o.rounds < 1 || o.lanes < 1 {
		return o, errors.New("rate, rounds and lanes are at least 1, seconds at least 0.1, and there are no arguments")
	}
	if transport != "udp" && transport != "tcp" {
		return o, fmt.Errorf("transport is udp or tcp, not %q", transport)
	}
	o.tcp = transport == "tcp"
	names := make([]string, 0, 4)
	for _, f := range forwarders(o.tcp) {
		names = append(names, f.name)
	}
	for _, name := range o.names() {
		if !slices.Contains(names, name) {
			return o, fmt.Errorf("there is no forwarder %q over %s; there are %s", name, transport, strings.Join(names, ", "))
		}
	}
	return o, nil
}

func (o options) names() []string {
	if o.only == "" {
		return nil
	}
	return strings.Split(o.only, ",")
}

// longest bounds the whole run, whatever hangs.
func (o options) longest() time.Duration {
	once := o.window + warm + drain + trials*attempt + 5*time.Second
	runs := o.rounds * len(forwarders(o.tcp))
	if o.limit {
		runs = steps * len(forwarders(o.tcp))
	}
	return 3*time.Minute + time.Duration(runs)*once
}

// prepare makes the forwarders ready that were asked for, and says why one is skipped.
func prepare(ctx context.Context, o options) []forwarder {
	var ready []forwarder
	for _, f := range forwarders(o.tcp) {
		if o.only == "" && f.asked || o.only != "" && !slices.Contains(o.names(), f.name) {
			continue
		}
		if err := f.prepare(ctx, o.dir); err != nil {
			fmt.Printf("%s is skipped: %v\n", f.name, reason(err))
			continue
		}
		ready = append(ready, f)
	}
	return ready
}

// reason makes of a missing program a sentence.
func reason(err error) error {
	var missing *exec.Error
	if errors.As(err, &missing) && errors.Is(missing.Err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed", missing.Name)
	}
	return err
}
