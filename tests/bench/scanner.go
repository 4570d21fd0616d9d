package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"
)

// scannerOptions are the command line of bench scanner.
type scannerOptions struct {
	registerOptions
	addresses int
	allowed   int // requests a second that one address may make
	flood     int // requests a second of the scanner
}

// bans are what the proxy does with the scanner beside limiting him.
var bans = []struct{ name, key string }{
	{"limited", ""},
	{"limited, then banned", ", ban: {after: 100, within: 10s, for: 1h}"},
}

// measureScanner is bench scanner: how long requests of dialogs take beside somebody who floods the proxy.
func measureScanner(ctx context.Context, args []string) error {
	o := scannerOptions{registerOptions: registerOptions{run: rand.Uint32() & 0xffffff, waits: 256}}
	var seconds float64
	set := flag.NewFlagSet("bench scanner", flag.ContinueOnError)
	set.IntVar(&o.addresses, "addresses", 1000, "addresses that the scanner has")
	set.IntVar(&o.allowed, "allowed", 5, "requests a second that one address may make")
	set.IntVar(&o.flood, "flood", 50_000, "requests a second that it makes; 0: as many as there is time for")
	set.IntVar(&o.calls, "calls", 1000, "requests of dialogs a second, at random")
	set.Float64Var(&seconds, "seconds", 5, "measured seconds")
	set.IntVar(&o.lanes, "lanes", 2, "lanes of actorsip")
	set.BoolVar(&o.keep, "keep", false, "keep the temporary directory")
	if err := set.Parse(args); err != nil {
		return err
	}
	o.window = time.Duration(seconds * float64(time.Second))
	if set.NArg() > 0 || o.addresses < 1 || o.allowed < 1 || o.flood < 0 || o.calls < 1 || o.lanes < 1 || o.window < 100*time.Millisecond {
		return errors.New("addresses, allowed, calls and lanes are at least 1, flood at least 0, seconds at least 0.1, and there are no arguments")
	}
	ctx, stop := context.WithTimeout(ctx, 3*time.Minute+8*(o.window+drain))
	defer stop()
	var err error
	if o.dir, err = workplace(o.keep); err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(o.dir)
	}
	if err := errors.Join(prepareActorsip(ctx, o.dir), sharpen(), pinSelf(ctx)); err != nil {
		return err
	}
	fmt.Printf("\nRequests of dialogs, %d a second at random, %v, beside REGISTER and OPTIONS for users who do not exist, from %d addresses, each of which may make %d a second; proxy alone on core 1\n\n",
		o.calls, o.window, o.addresses, o.allowed)
	for _, ban := range bans {
		if err := scanOne(ctx, o, ban.name, ban.key); err != nil {
			return err
		}
	}
	return nil
}

// scanOne measures without the scanner and beside it: requests that come by the leg that it floods, and by another one.
func scanOne(ctx context.Context, o scannerOptions, name, ban string) error {
	legs := [2]string{"by the leg that is flooded", "by another leg"}
	places := [3]string{calleeIP, callerIP, calleeIP}
	var probes [2]*probe
	for i := range probes {
		var err error
		if probes[i], err = probeFrom(places[i], places[i+1]); err != nil {
			return err
		}
		defer probes[i].close()
	}
	chain := fmt.Sprintf(`{limit: {name: flood, methods: [REGISTER, INVITE, OPTIONS], sources: ["127.1.0.0/16"], rate: %d/s%s}}`, o.allowed, ban)
	r, err := foundRegistry(ctx, o.registerOptions, probes[1].callee, true, chain)
	if err != nil {
		return err
	}
	defer r.close()
	ctx, cancel := r.within(ctx)
	defer cancel()
	if err := probes[0].dial(ctx, r.outside, r.inside); err != nil {
		return err
	}
	if err := probes[1].dial(ctx, r.inside, r.outside); err != nil {
		return err
	}
	s, err := newScanner(o.addresses, r.inside, o.run)
	if err != nil {
		return err
	}
	defer s.close()
	a := options{poisson: true}.arrivals(o.calls)
	before, err := memory(r.group)
	if err != nil {
		return err
	}
	for _, flooded := range []bool{false, true} {
		what := "alone"
		if flooded {
			what = name
			a.wait = func(d time.Duration) { s.flood(d, o.flood) }
			if _, err := a.keep(ctx, 2*warm, func() error { return nil }); err != nil { // until who is to be banned is
				return err
			}
		}
		for i, p := range probes {
			p.open()
			asked := s.sent
			first, err := readAccount(r.group)
			if err != nil {
				return err
			}
			if err := p.keep(ctx, a, o.window); err != nil {
				return err
			}
			last, err := readAccount(r.group)
			if err != nil {
				return err
			}
			d, err := p.finish(ctx)
			if err != nil {
				return err
			}
			after, err := memory(r.group)
			if err != nil {
				return err
			}
			took := last.at.Sub(first.at)
			fmt.Printf("%-21s %-27s %6d requests, %d lost, p50 %.2f ms, p99 %.2f ms; %6.0f a second of the scanner; %.2f CPUs, memory %+.1f MB; other work %.2f CPUs\n",
				what, legs[i]+":", d.sent, d.lost, micro(d.p50)/1000, micro(d.p99)/1000, float64(s.sent-asked)/took.Seconds(),
				float64(last.relay-first.relay)/float64(took), float64(after-before)/1e6, others(first, last))
		}
	}
	return r.err()
}

// scanner asks for users who do not exist, from many addresses. Nobody reads its answers.
type scanner struct {
	sockets []socket
	request []template // by socket, OPTIONS and REGISTER in turns
	value   values
	out     []byte
	sent    int
	run     uint32
}

func newScanner(addresses int, to netip.AddrPort, run uint32) (*scanner, error) {
	s := &scanner{run: run}
	for i := range addresses {
		at := netip.AddrPortFrom(sourceOf(i), 5060)
		socket, err := openSocket(at)
		if err != nil {
			return s, err
		}
		s.sockets = append(s.sockets, socket)
		fixed := map[string]string{"method": "OPTIONS", "target": "{call}@", "domain": boundDomain, "caller-addr": at.String()}
		if i%2 == 1 {
			fixed["method"], fixed["target"] = "REGISTER", ""
		}
		t, err := newTemplate("scan", fixed)
		if err := errors.Join(err, socket.connect(to)); err != nil {
			return s, err
		}
		s.request = append(s.request, t)
	}
	return s, nil
}

func (s *scanner) close() {
	for _, socket := range s.sockets {
		socket.close()
	}
}

// flood sends for d, at a rate or as fast as it can.
func (s *scanner) flood(d time.Duration, rate int) {
	begin, first := time.Now(), s.sent
	for now := begin; now.Sub(begin) < d; now = time.Now() {
		if rate > 0 && float64(s.sent-first) >= float64(rate)*d.Seconds() {
			nap(d - now.Sub(begin))
			return
		}
		i := s.sent % len(s.sockets)
		s.value[callHole] = appendCall(s.value[callHole][:0], s.run, s.sent)
		s.out = s.request[i].render(s.out[:0], &s.value)
		_ = s.sockets[i].send(s.out) // what the kernel does not take is lost like the rest
		s.sent++
	}
}
