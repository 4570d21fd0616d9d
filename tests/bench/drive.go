package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

const (
	warm       = time.Second
	drain      = 2 * time.Second // the longest wait for the answers to the last calls
	attempt    = 200 * time.Millisecond
	trials     = 50                    // calls, one an attempt, before a forwarder is given up
	maxFailure = 0.001                 // share of calls above which a round is invalid
	maxLate    = 50 * time.Millisecond // a call that begins later than this shows phones that do not keep the pace
)

var errNotReady = errors.New("no call came through")

// sample is one forwarder in one round.
type sample struct {
	outcome
	packets int64
	cpu     time.Duration
	window  time.Duration
	late    time.Duration // what the phones owe at the end of the window
	memory  int64         // bytes
	others  float64       // CPUs that other work on the machine kept busy
	faults  map[string]int
	first   map[string]string
}

// perPacket is the CPU time per forwarded packet in µs.
func (s sample) perPacket() float64 {
	if s.packets == 0 {
		return 0
	}
	return float64(s.cpu) / float64(s.packets) / 1000
}

// drive runs one forwarder under load: start, trial calls until one comes through, a second to get warm, the window.
func drive(ctx context.Context, f forwarder, o options, rate int) (sample, error) {
	l, err := newLoad(ground{tcp: o.tcp, lanes: o.lanes}, trials+int(1.2*float64(rate)*(warm+o.window+time.Second).Seconds())+100)
	if err != nil {
		return sample{}, err
	}
	defer l.close()
	argv, err := f.command(o.dir, &l.ground)
	if err != nil {
		return sample{}, err
	}
	c, err := begin(ctx, filepath.Join(o.dir, f.name+".log"), argv, o.pin)
	if err != nil {
		return sample{}, err
	}
	defer c.stop()
	if err := startPhones(ctx, l, c, f.verbatim); err != nil {
		return sample{}, err
	}
	if err := tryCalls(ctx, l, c); err != nil {
		return sample{}, err
	}
	s, err := measure(ctx, l, c, o.arrivals(rate), o.window)
	if err != nil {
		return sample{}, errors.Join(err, c.err())
	}
	return s, c.err()
}

// startPhones lets the phones answer, and gives a forwarder up that they cannot connect to.
func startPhones(ctx context.Context, l *load, c *child, verbatim bool) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, trials*attempt)
	defer stop()
	if err := l.start(ctx, verbatim); err != nil {
		return errors.Join(err, c.err())
	}
	return nil
}

// tryCalls makes single calls until one comes through: the forwarder is up and routes as it should.
func tryCalls(ctx context.Context, l *load, c *child) error {
	v, out := &values{}, make([]byte, 0, 4096)
	next := time.NewTicker(attempt)
	defer next.Stop()
	for range trials {
		if !l.place(v, out) {
			break
		}
		for waiting := true; waiting; {
			select {
			case <-l.settled:
				if judge(l.calls[:l.started.Load()]).good() > 0 {
					l.faults.take()
					return nil
				}
			case <-c.ended:
				return c.err()
			case <-ctx.Done():
				return ctx.Err()
			case <-next.C:
				waiting = false
			}
		}
	}
	count, first := l.faults.take()
	for sentence := range count {
		return fmt.Errorf("%w: %s, in:\n%s\nthe forwarder said: %s", errNotReady, sentence, first[sentence], c.lastWords())
	}
	return fmt.Errorf("%w; the forwarder said: %s", errNotReady, c.lastWords())
}

// reading is what the counters say at one end of the window.
type reading struct {
	at           time.Time
	calls        int64
	packets      int64
	forwarder    time.Duration // CPU time so far
	phones, busy time.Duration // CPU time so far of this process, and of the machine
}

func (l *load) read(group []string) (r reading, err error) {
	r.at, r.calls, r.packets = time.Now(), l.started.Load(), l.received.Load()
	if r.forwarder, err = cpuTime(group); err != nil {
		return r, err
	}
	if r.phones, err = cpuTime([]string{"/proc/self"}); err != nil {
		return r, err
	}
	r.busy, err = busy()
	return r, err
}

// measure keeps the pace and reads the counters at both ends of the window.
func measure(ctx context.Context, l *load, c *child, a arrivals, window time.Duration) (s sample, err error) {
	stop, paced := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(paced)
		l.pace(a, stop)
	}()
	halt := sync.OnceFunc(func() { close(stop); <-paced })
	defer halt()

	group, err := processes(c.cmd.Process.Pid)
	if err != nil {
		return s, err
	}
	if err := pause(ctx, warm); err != nil {
		return s, err
	}
	l.faults.take()
	first, err := l.read(group)
	if err != nil {
		return s, err
	}
	if err := pause(ctx, window); err != nil {
		return s, err
	}
	s.late = time.Duration(l.now() - l.due.Load())
	last, err := l.read(group)
	if err != nil {
		return s, err
	}
	halt()
	s.packets, s.cpu, s.window = last.packets-first.packets, last.forwarder-first.forwarder, last.at.Sub(first.at)
	others := last.busy - first.busy - s.cpu - (last.phones - first.phones)
	s.others = max(0, float64(others)/float64(s.window)) // two clocks: a little less than nothing can come out
	if s.memory, err = memory(group); err != nil {
		return s, err
	}
	calls := l.calls[first.calls:last.calls]
	for deadline := time.Now().Add(drain); judge(calls).unanswered > 0 && time.Now().Before(deadline); {
		if err := pause(ctx, drain/20); err != nil {
			return s, err
		}
	}
	s.outcome = judge(calls)
	s.faults, s.first = l.faults.take()
	return s, nil
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
