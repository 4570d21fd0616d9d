package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	firstCalls  = 10 // are made before memory is read first, so that what a process needs once is not a call's
	settle      = 300 * time.Millisecond
	mediaWarm   = 3 * time.Second // rtpengine learns where packets come from for that long after a call was made
	mediaDrain  = time.Second     // the longest wait for packets that a relay still has
	setUpWithin = 30 * time.Second
)

// passage is one relay with one number of calls, in one round.
type passage struct {
	calls   int
	sent    uint64 // in the window
	heard   uint64 // of those sent
	relayed uint64 // packets that arrived during the window, whenever they were sent
	delay   histogram
	setUp   time.Duration // for all calls
	cpu     time.Duration
	own     time.Duration // CPU time of the endpoints
	window  time.Duration
	late    time.Duration // how far the endpoints were behind their pace at most
	base    int64         // bytes of memory with firstCalls calls
	idle    int64         // with all calls and no packet
	busy    int64         // with all calls talking
	others  float64       // CPUs that other work on the machine kept busy
	faults  map[string]int
}

// perPacket is the CPU time per relayed packet in µs.
func (p passage) perPacket() float64 {
	if p.relayed == 0 {
		return 0
	}
	return micro(p.cpu) / float64(p.relayed)
}

// load is the share of one CPU that the relay used.
func (p passage) load() float64 { return float64(p.cpu) / float64(p.window) }

// lost is the share of packets that did not arrive.
func (p passage) lost() float64 {
	if p.sent == 0 {
		return 1
	}
	return float64(p.sent-p.heard) / float64(p.sent)
}

// perCall is the memory that an idle call takes, in bytes; 0 when there are too few calls to tell.
func (p passage) perCall() float64 {
	if p.calls <= firstCalls {
		return 0
	}
	return max(0, float64(p.idle-p.base)/float64(p.calls-firstCalls))
}

// pass runs one relay: start, calls, a look at its memory, talk, a second to get warm, the window.
func pass(ctx context.Context, r relay, o mediaOptions, calls int) (passage, error) {
	t, err := newTalk(calls)
	if err != nil {
		return passage{}, err
	}
	defer t.close()
	s, err := newSite(o.threads())
	if err != nil {
		return passage{}, err
	}
	argv, err := r.command(o.dir, s)
	if err != nil {
		return passage{}, err
	}
	board, err := r.dial(s)
	if err != nil {
		return passage{}, err
	}
	defer board.close()
	c, err := begin(ctx, filepath.Join(o.dir, r.name+".log"), argv, o.pin)
	if err != nil {
		return passage{}, err
	}
	defer c.stop()
	ctx, cancel := c.within(ctx)
	defer cancel()

	p := passage{calls: calls}
	group, err := connectAll(ctx, t, board, c, &p)
	if err != nil {
		return p, errors.Join(err, c.err())
	}
	if err := p.measure(ctx, t, group, o); err != nil {
		return p, errors.Join(err, c.err())
	}
	return p, c.err()
}

// within is a context that ends with the child, too.
func (c *child) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-c.ended:
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// connectAll makes the calls, and reads the relay's memory after the first ones and after all.
func connectAll(ctx context.Context, t *talk, board switchboard, c *child, p *passage) (group []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, setUpWithin)
	defer cancel()
	var begin time.Time
	for i := range p.calls {
		caller, callee := t.ends[2*i], t.ends[2*i+1]
		inside, outside, err := board.connect(ctx, i, caller.local, callee.local)
		if err == nil {
			err = errors.Join(caller.socket.connect(inside), callee.socket.connect(outside))
		}
		if err != nil {
			return nil, fmt.Errorf("call %d of %d: %w", i+1, p.calls, err)
		}
		if i == 0 {
			begin = time.Now()
		}
		if i+1 == firstCalls {
			if group, err = processes(c.cmd.Process.Pid); err != nil {
				return nil, err
			}
			if p.base, err = memory(group); err != nil {
				return nil, err
			}
		}
	}
	p.setUp = time.Since(begin)
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	if group, err = processes(c.cmd.Process.Pid); err != nil {
		return nil, err
	}
	p.idle, err = memory(group)
	return group, err
}

// account is what all CPU clocks say at one end of the window.
type account struct {
	at                        time.Time
	relay, own, ticks, living time.Duration
}

func readAccount(group []string) (a account, err error) {
	if a.living, err = everybody(); err != nil {
		return a, err
	}
	if a.ticks, err = busy(); err != nil {
		return a, err
	}
	if a.own, err = cpuTime([]string{"/proc/self"}); err != nil {
		return a, err
	}
	a.relay, err = cpuTime(group)
	a.at = time.Now()
	return a, err
}

// others is how many CPUs other work has kept busy between two readings.
func others(first, last account) float64 {
	// The ticks miss who sleeps when they come; the sum over all threads misses who has ended meanwhile.
	all := max(last.ticks-first.ticks, last.living-first.living)
	ours := last.relay - first.relay + last.own - first.own
	return max(0, float64(all-ours)/float64(last.at.Sub(first.at)))
}

// measure lets the endpoints talk and reads the clocks at both ends of the window.
func (p *passage) measure(ctx context.Context, t *talk, group []string, o mediaOptions) error {
	if err := t.run(ctx, o.warm); err != nil {
		return err
	}
	first, err := readAccount(group)
	if err != nil {
		return err
	}
	t.open()
	if err := t.run(ctx, o.window); err != nil {
		return err
	}
	late := t.late
	p.relayed = t.arrived
	last, err := readAccount(group)
	if err != nil {
		return err
	}
	if err := t.hush(ctx, mediaDrain); err != nil {
		return err
	}
	p.sent, p.heard, p.delay, p.late = t.sent, t.heard, t.delay, late
	p.faults, _ = t.faults.take()
	p.cpu, p.own, p.window = last.relay-first.relay, last.own-first.own, last.at.Sub(first.at)
	p.others = others(first, last)
	p.busy, err = memory(group)
	return err
}
