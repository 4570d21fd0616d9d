package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const hopDomain = "hop.example" // whose requests go to a next hop

// registerOptions are the command line of bench register.
type registerOptions struct {
	users  int // who are registered while calls are measured
	rate   int // registrations a second
	calls  int // requests a second that are forwarded
	window time.Duration
	rounds int
	lanes  int
	waits  int // packets of a lane that may wait, as for the disk
	limit  bool
	keep   bool
	dir    string
	run    uint32
}

func parseRegister(args []string) (registerOptions, error) {
	o := registerOptions{run: rand.Uint32() & 0xffffff}
	var seconds float64
	set := flag.NewFlagSet("bench register", flag.ContinueOnError)
	set.IntVar(&o.users, "users", 100_000, "users who are registered while requests to them are measured")
	set.IntVar(&o.rate, "rate", 10_000, "registrations a second, at random")
	set.IntVar(&o.calls, "calls", 8000, "requests a second that are forwarded, at random")
	set.Float64Var(&seconds, "seconds", 3, "measured seconds of each kind in each round")
	set.IntVar(&o.rounds, "rounds", 10, "rounds; medians are compared")
	set.IntVar(&o.lanes, "lanes", 2, "lanes of actorsip")
	set.IntVar(&o.waits, "waiting", 1024, "limits.waiting of actorsip; limits.packets is four times as much")
	set.BoolVar(&o.limit, "max", true, "raise the rate of registrations until they fail")
	set.BoolVar(&o.keep, "keep", false, "keep the temporary directory")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	o.window = time.Duration(seconds * float64(time.Second))
	if set.NArg() > 0 || o.users < 1 || o.rate < 1 || o.calls < 1 || o.rounds < 1 || o.lanes < 1 || o.waits < 4 || o.window < 100*time.Millisecond {
		return o, errors.New("waiting is at least 4, users, rate, calls, rounds and lanes are at least 1, seconds at least 0.1, and there are no arguments")
	}
	return o, nil
}

func (o registerOptions) longest() time.Duration {
	return 3*time.Minute + 2*steps*(warm+o.window+drain+attempt) + time.Duration(2*o.rounds)*(warm+o.window+drain)
}

// measureRegister is bench register: what registrations cost the proxy, and the calls to those who are registered.
func measureRegister(ctx context.Context, args []string) error {
	o, err := parseRegister(args)
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
	if err := errors.Join(prepareActorsip(ctx, o.dir), sharpen()); err != nil {
		return err
	}
	fmt.Printf("\nREGISTERs of users who come for the first time, at random, %v; proxy and phones share all cores\n\n", o.window)
	for _, digest := range []bool{false, true} {
		if err := enrolMore(ctx, o, digest); err != nil {
			return err
		}
	}
	if err := pinSelf(ctx); err != nil {
		return err
	}
	return look(ctx, o)
}

// registry is a proxy that registers.
type registry struct {
	host
	*child
	*enrolment
	callee netip.AddrPort
}

// foundRegistry starts one with an empty file of bindings, and with a link of a chain.
func foundRegistry(ctx context.Context, o registerOptions, callee netip.AddrPort, pin bool, chain string) (*registry, error) {
	r := &registry{callee: callee}
	h, err := newHost("", idleOptions{lanes: o.lanes})
	if err != nil {
		return nil, err
	}
	r.host = *h
	bindings := filepath.Join(o.dir, "bindings.db")
	if err := os.Remove(bindings); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	path := filepath.Join(o.dir, "register.yaml")
	if err := fill("forwarders/register.yaml", path, o.dir, &r.ground, "{bound}", boundDomain, "{hop}", hopDomain,
		"{callee-addr}", callee.String(), "{bindings}", bindings, "{admin}", r.admin.String(), "{packets}", strconv.Itoa(4*o.waits), "{waiting}", strconv.Itoa(o.waits), "{chain}", "chain: ["+chain+"]"); err != nil {
		return nil, err
	}
	if r.enrolment, err = newEnrolment(r.inside, callee, o.run); err != nil {
		r.enrolment.close()
		return nil, err
	}
	if r.child, err = begin(ctx, filepath.Join(o.dir, "register.log"), []string{filepath.Join(o.dir, "actorsip"), "serve", "--config", path}, pin); err != nil {
		r.enrolment.close()
		return nil, err
	}
	if err := r.try(ctx); err != nil {
		r.close()
		return nil, fmt.Errorf("%w; the proxy said: %s", err, r.lastWords())
	}
	if r.group, err = processes(r.cmd.Process.Pid); err != nil {
		r.close()
	}
	return r, err
}

func (r *registry) close() {
	r.enrolment.close()
	r.stop()
}

// enrolled is what came of one rate of registrations.
type enrolled struct {
	delayed
	refused   int
	cpu, busy float64 // CPUs of the proxy, and of other work
}

// good says that all were registered before their phones would have asked again (RFC 3261 §17.1.2.2: T1).
func (e enrolled) good() bool { return e.lost == 0 && e.refused == 0 && e.p99 < 500*time.Millisecond }

// enrolMore registers at the rate, then at higher and lower ones until the highest is known at which nobody is refused or unheard.
func enrolMore(ctx context.Context, o registerOptions, digest bool) error {
	name := "without a password"
	if digest {
		name = "asked for a password (SHA-256)"
	}
	good, bad, rate, end := 0, 0, o.rate, ""
	for range steps {
		e, err := enrol(ctx, o, rate, digest)
		if err != nil {
			return err
		}
		attained := float64(e.sent) / o.window.Seconds()
		fmt.Printf("%-31s %6.0f/s: %6d registered, %d not, %d refused; the 200 after p50 %.1f ms, p99 %.1f ms; the proxy used %.2f CPUs, %.0f µs each; other work %.2f CPUs\n",
			name, attained, e.sent-e.lost, e.lost, e.refused, micro(e.p50)/1000, micro(e.p99)/1000, e.cpu, 1e6*e.cpu/attained, e.busy)
		switch {
		case !e.good():
			bad = rate
		case attained < 0.95*float64(rate):
			good, bad, end = int(attained), rate, "; the phones cannot send more beside what else the machine does"
		default:
			good = rate
		}
		switch {
		case end != "" || !o.limit || bad > 0 && (good == 0 && rate < 1000 || good > 0 && (bad-good)<<halvings < bad):
			fmt.Printf("%-31s carries %d registrations a second%s\n\n", name, good, end)
			return nil
		case bad == 0:
			rate += rate / 2
		default:
			rate = (good + bad) / 2
		}
	}
	return nil
}

func enrol(ctx context.Context, o registerOptions, rate int, digest bool) (e enrolled, err error) {
	callee, err := free(calleeIP)
	if err != nil {
		return e, err
	}
	chain := ""
	if digest {
		path := filepath.Join(o.dir, "users")
		if err := writeUsers(path, o.run, trials+int(1.1*float64(rate)*(warm+o.window).Seconds())+1000); err != nil {
			return e, err
		}
		chain = fmt.Sprintf("{authorize: {methods: [REGISTER], realm: %s, algorithms: [SHA-256], users: {file: %q}}}", boundDomain, path)
	}
	r, err := foundRegistry(ctx, o, callee, false, chain)
	if err != nil {
		return e, err
	}
	defer r.close()
	ctx, cancel := r.within(ctx)
	defer cancel()
	a := options{poisson: true}.arrivals(rate)
	if err := r.enrolment.keep(ctx, a, warm); err != nil {
		return e, err
	}
	r.open()
	first, err := readAccount(r.group)
	if err != nil {
		return e, err
	}
	if err := r.enrolment.keep(ctx, a, o.window); err != nil {
		return e, err
	}
	last, err := readAccount(r.group)
	if err != nil {
		return e, err
	}
	if e.delayed, err = r.finish(ctx); err != nil {
		return e, err
	}
	for _, n := range r.refused {
		e.refused += n
	}
	e.cpu, e.busy = float64(last.relay-first.relay)/float64(last.at.Sub(first.at)), others(first, last)
	return e, r.err()
}

// look registers all users and reads what memory they take; then it sends requests, in turns to users of a domain whose next hop is
// configured, and to those who are registered.
func look(ctx context.Context, o registerOptions) error {
	p, err := probeFrom(callerIP, calleeIP)
	if err != nil {
		return err
	}
	defer p.close()
	p.run, p.users = o.run, o.users
	r, err := foundRegistry(ctx, o, p.callee, true, "")
	if err != nil {
		return err
	}
	defer r.close()
	ctx, cancel := r.within(ctx)
	defer cancel()
	if err := p.up.connect(r.inside); err != nil {
		return err
	}
	domains := [2]string{hopDomain, boundDomain}
	a := options{poisson: true}.arrivals(o.calls)
	measure := func(domain string, window time.Duration) (d delayed, cpu float64, err error) {
		if err := p.aim(domain); err != nil {
			return d, 0, err
		}
		p.open()
		first, err := cpuTime(r.group)
		if err != nil {
			return d, 0, err
		}
		if err := p.keep(ctx, a, window); err != nil {
			return d, 0, err
		}
		last, err := cpuTime(r.group)
		if err != nil {
			return d, 0, err
		}
		d, err = p.finish(ctx)
		return d, micro(last-first) / float64(d.sent), err
	}
	if _, _, err := measure(hopDomain, 2*warm); err != nil { // so that what the proxy needs once is not a binding's
		return err
	}
	base, err := r.look(ctx)
	if err != nil {
		return err
	}
	if err := r.enrolAll(ctx, o.users); err != nil {
		return err
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	full, err := r.look(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d bindings take %.0f bytes each (PSS; of these %.0f of the mapped file), %.0f by the runtime's account\n", o.users,
		float64(full.memory-base.memory)/float64(o.users), float64(full.mapped-base.mapped)/float64(o.users), float64(full.runtime-base.runtime)/float64(o.users))

	var cpu [2][]float64
	var more []float64 // by round: windows beside one another meet the same drift of the machine
	var lost, sent int
	for round := range o.rounds {
		for turn := range domains {
			i := (round + turn) % 2
			d, each, err := measure(domains[i], o.window)
			if err != nil {
				return err
			}
			cpu[i] = append(cpu[i], each)
			lost, sent = lost+d.lost, sent+d.sent
		}
		more = append(more, cpu[1][round]-cpu[0][round])
	}
	hop, bound := middle(cpu[0]), middle(cpu[1])
	fmt.Printf("a request to a next hop takes %.2f µs of the proxy, to an address of record %.2f: ratio %.3f; the difference within a round is %+.2f µs, a quarter of the rounds has less than %+.2f, a quarter more than %+.2f; %d of %d requests lost; %d a second at random, %v in each of %d rounds, proxy alone on core 1\n",
		hop, bound, bound/hop, middle(more), more[len(more)/4], more[len(more)*3/4], lost, sent, o.calls, o.window, o.rounds)
	return r.err()
}

// enrolAll registers all users who are not, and again those who were not heard of.
func (r *registry) enrolAll(ctx context.Context, users int) error {
	a := options{poisson: true}.arrivals(5000)
	r.open()
	rest := time.Duration(users-len(r.sent)) * time.Second / 5000
	for len(r.sent) < users {
		if err := r.enrolment.keep(ctx, a, max(rest, time.Millisecond)); err != nil {
			return err
		}
		rest /= 10
	}
	d, err := r.finish(ctx)
	if err == nil && d.lost > 0 {
		err = fmt.Errorf("%d of %d users could not register: %v", d.lost, d.sent, r.refused)
	}
	return err
}

func middle(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
