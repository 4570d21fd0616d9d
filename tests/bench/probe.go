package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

var errOthers = errors.New("the probe received what it has not sent")

// probe measures how long the proxy takes to forward a request over UDP. Nobody answers: each INVITE is a message by
// itself, whose user says which one it is. One thread sends and takes what has arrived; since the kernel stamps
// arrivals, it may come late to read them, and nobody is woken but the proxy.
type probe struct {
	up, down socket
	invite   template
	value    values
	out      []byte
	inbox    *inbox
	run      uint32
	sent     []time.Time // by message
	late     time.Duration

	from   int // the first message that counts
	heard  int // of those
	delays []int64
}

// newProbe opens its two sockets; the inside one sends to the proxy.
func newProbe(inside netip.AddrPort) (p *probe, err error) {
	caller, err := free(callerIP)
	if err != nil {
		return nil, err
	}
	callee, err := free(calleeIP)
	if err != nil {
		return nil, err
	}
	fixed := mediaFacts(caller, callee)
	fixed["caller-addr"], fixed["callee-addr"], fixed["callee"] = caller.String(), callee.String(), "{call}"
	p = &probe{inbox: newInbox(), run: rand.Uint32() & 0xffffff}
	if p.invite, err = newTemplate("invite", fixed); err != nil {
		return nil, err
	}
	if p.up, err = openSocket(caller); err != nil {
		return nil, err
	}
	if p.down, err = openSocket(callee); err != nil {
		p.up.close()
		return nil, err
	}
	if err := p.up.connect(inside); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *probe) close() {
	p.up.close()
	p.down.close()
}

// try sends single messages until one comes through.
func (p *probe) try(ctx context.Context) error {
	p.open()
	for range trials {
		if err := p.send(); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return context.Cause(ctx)
		}
		if err := p.hear(); err != nil {
			return err
		}
		if p.heard > 0 {
			return nil
		}
	}
	return errNotReady
}

// keep sends at the arrivals' pace for d.
func (p *probe) keep(ctx context.Context, a arrivals, d time.Duration) error {
	begin := time.Now()
	for due := begin; due.Sub(begin) < d; due = due.Add(a.gap()) {
		a.wait(time.Until(due))
		if late := time.Since(due); late > maxLate {
			p.late = max(p.late, late)
			due = due.Add(late) // what is owed is not sent: a flood would measure something else
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := errors.Join(p.hear(), p.send()); err != nil {
			return err
		}
	}
	return nil
}

// open begins to count with the next message.
func (p *probe) open() {
	p.from, p.heard, p.late, p.delays = len(p.sent), 0, 0, p.delays[:0]
}

// delayed is what the messages since open have met.
type delayed struct {
	sent, lost int
	p50, p99   time.Duration
	late       time.Duration // how far the probe was behind its pace at most
}

// finish takes what is still on its way, for drain at most.
func (p *probe) finish(ctx context.Context) (d delayed, err error) {
	d.sent = len(p.sent) - p.from
	for end := time.Now().Add(drain); p.heard < d.sent && time.Now().Before(end); {
		if err := errors.Join(p.hear(), pause(ctx, grain)); err != nil {
			return d, err
		}
	}
	slices.Sort(p.delays)
	d.lost, d.late = d.sent-p.heard, p.late
	d.p50, d.p99 = quantile(p.delays, 0.5), quantile(p.delays, 0.99)
	return d, nil
}

func (p *probe) send() error {
	p.value[callHole] = appendCall(p.value[callHole][:0], p.run, len(p.sent))
	p.out = p.invite.render(p.out[:0], &p.value)
	p.sent = append(p.sent, time.Now().Round(0)) // the clock of the kernel's stamps
	if err := p.up.send(p.out); err != nil {
		return fmt.Errorf("the probe cannot send: %w", err)
	}
	return nil
}

// hear takes what has arrived.
func (p *probe) hear() error {
	for n := taken; n == taken; {
		var err error
		if n, err = p.inbox.receive(p.down); err != nil {
			return fmt.Errorf("the probe cannot receive: %w", err)
		}
		for i := range n {
			if err := p.take(p.inbox.at(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *probe) take(packet []byte, stamp time.Time) error {
	const user = len("INVITE sip:")
	if len(packet) < user+callDigits {
		return errOthers
	}
	n, ours := callOf(packet[user:], p.run)
	if !ours || n >= len(p.sent) || stamp.IsZero() {
		return fmt.Errorf("%w: %.60q", errOthers, packet)
	}
	if n >= p.from {
		p.heard++
		p.delays = append(p.delays, int64(max(0, stamp.Sub(p.sent[n]))))
	}
	return nil
}
