package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

var errOthers = errors.New("the probe received what it has not sent")

// probe measures how long the proxy takes to forward a request over UDP. Nobody answers: each request is a message by
// itself, whose Call-ID says which one it is. One thread sends and takes what has arrived; since the kernel stamps
// arrivals, it may come late to read them, and nobody is woken but the proxy.
type probe struct {
	up, down socket
	callee   netip.AddrPort // where requests must come out
	fixed    map[string]string
	request  template
	users    int // that the requests are for, in turns
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

// newProbe opens the sockets of a probe that sends to the proxy's inside leg.
func newProbe(inside netip.AddrPort) (*probe, error) {
	p, err := probeFrom(callerIP, calleeIP)
	if err != nil {
		return nil, err
	}
	if err := p.up.connect(inside); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// probeFrom opens the sockets of a probe between two addresses.
func probeFrom(callerIP, calleeIP string) (p *probe, err error) {
	caller, err := free(callerIP)
	if err != nil {
		return nil, err
	}
	callee, err := free(calleeIP)
	if err != nil {
		return nil, err
	}
	p = &probe{callee: callee, inbox: newInbox(), run: rand.Uint32() & 0xffffff, fixed: mediaFacts(caller, callee), users: math.MaxInt}
	p.fixed["caller-addr"], p.fixed["callee"] = caller.String(), "{user}"
	if err := p.aim(callee.String()); err != nil {
		return nil, err
	}
	if p.up, err = openSocket(caller); err != nil {
		return nil, err
	}
	if p.down, err = openSocket(callee); err != nil {
		p.up.close()
		return nil, err
	}
	return p, nil
}

// aim sends the requests from now on to users there.
func (p *probe) aim(there string) (err error) {
	p.fixed["callee-addr"] = there
	p.request, err = newTemplate("invite", p.fixed)
	return err
}

// dial makes a dialog by an INVITE to the leg there; what is sent from now on are requests of who was called, within the dialog, which
// go to the leg back.
func (p *probe) dial(ctx context.Context, there, back netip.AddrPort) error {
	if err := errors.Join(p.up.connect(there), p.try(ctx), p.send()); err != nil {
		return err
	}
	n := 0
	for end := time.Now().Add(drain); n == 0 && time.Now().Before(end); {
		var err error
		if n, err = p.inbox.receive(p.down); err != nil {
			return err
		}
		if err := pause(ctx, grain); err != nil {
			return err
		}
	}
	if n == 0 {
		return errNotReady
	}
	raw, _ := p.inbox.at(0)
	var m message
	if err := m.parse(slices.Clone(raw)); err != nil {
		return err
	}
	d := dialog{target: uriOf(m.contact)} // RFC 3261 §12.1.1: the route set is that of the request, in its order
	d.routes = m.recordRoute.elements(nil)
	p.fixed["caller-addr"] = p.callee.String()
	var err error
	if p.request, err = newTemplate("bye", p.fixed); err != nil {
		return err
	}
	v := &p.value
	v[uriHole], v[routesHole], v[toHole] = d.requestURI(), d.appendRoutes(nil), m.from
	p.up, p.down = p.down, p.up
	return p.up.connect(back)
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
	late, err := a.keep(ctx, d, func() error { return errors.Join(p.hear(), p.send()) })
	p.late = max(p.late, late)
	return err
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
	p.value[userHole] = appendCall(p.value[userHole][:0], p.run, len(p.sent)%p.users)
	p.out = p.request.render(p.out[:0], &p.value)
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
	n, ours := callIn(packet, p.run)
	if !ours || n >= len(p.sent) || stamp.IsZero() {
		return fmt.Errorf("%w: %.60q", errOthers, packet)
	}
	if n >= p.from {
		p.heard++
		p.delays = append(p.delays, int64(max(0, stamp.Sub(p.sent[n]))))
	}
	return nil
}

// callIn is the call that a message belongs to, by its Call-ID.
func callIn(packet []byte, run uint32) (call int, ok bool) {
	_, id, _ := bytes.Cut(packet, []byte("\r\nCall-ID: "))
	return callOf(id, run)
}
