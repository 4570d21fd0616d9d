package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// stay is one proxy beside connections of one kind, round after round.
type stay struct {
	kind   string
	silent int
	slow   int
	base   holding // after the first window, before the first connection
	rounds []visit
}

// visit is one round.
type visit struct {
	alone, beside       delayed
	aloneCPU, besideCPU float64       // of one CPU
	joining             time.Duration // of all connections
	full                holding       // with the silent ones
	early               int           // connections that were gone before the window was over
	silentGone          time.Duration // after they had joined
	slowGone            time.Duration
	clung               int     // connections that no timer has ended
	after               holding // when all are gone
	others              float64 // CPUs that other work kept busy
}

// sit starts a proxy and runs the rounds.
func sit(ctx context.Context, kind string, o idleOptions) (stay, error) {
	s := stay{kind: kind, silent: o.silent, slow: o.slow}
	h, err := newHost(kind, o)
	if err != nil {
		return s, err
	}
	p, err := newProbe(h.inside)
	if err != nil {
		return s, err
	}
	defer p.close()
	path := filepath.Join(o.dir, kind+".yaml")
	if err := h.fill(path, o); err != nil {
		return s, err
	}
	c, err := begin(ctx, filepath.Join(o.dir, kind+".log"), []string{filepath.Join(o.dir, "actorsip"), "serve", "--config", path}, o.pin)
	if err != nil {
		return s, err
	}
	defer c.stop()
	ctx, cancel := c.within(ctx)
	defer cancel()
	if err := p.try(ctx); err != nil {
		return s, errors.Join(fmt.Errorf("%w; the proxy said: %s", err, c.lastWords()), c.err())
	}
	if h.group, err = processes(c.cmd.Process.Pid); err != nil {
		return s, err
	}
	if s.silent, err = h.room(s.silent, s.slow); err != nil {
		return s, err
	}
	for round := range o.rounds {
		v, err := h.visit(ctx, p, &s, o)
		if err != nil {
			return s, errors.Join(fmt.Errorf("round %d: %w", round+1, err), c.err())
		}
		s.rounds = append(s.rounds, v)
		fmt.Fprintf(os.Stderr, "round %d  %s  p99 %.0f µs alone, %.0f beside %d connections\n",
			round+1, kind, micro(v.alone.p99), micro(v.beside.p99), s.silent+s.slow)
	}
	return s, c.err()
}

// visit measures without connections, lets them join, measures beside them, and waits until their timers have ended
// them.
func (h *host) visit(ctx context.Context, p *probe, s *stay, o idleOptions) (v visit, err error) {
	first, err := readAccount(h.group)
	if err != nil {
		return v, err
	}
	if v.alone, v.aloneCPU, err = h.measure(ctx, p, o); err != nil {
		return v, err
	}
	if len(s.rounds) == 0 {
		if s.base, err = h.look(ctx); err != nil {
			return v, err
		}
	}
	if err := h.rest(ctx); err != nil {
		return v, err
	}
	silent, slow := h.crowd(0), h.crowd(s.silent)
	defer silent.close()
	defer slow.close()
	begin := time.Now()
	if err := silent.join(ctx, s.silent); err != nil {
		return v, err
	}
	if err := pause(ctx, settle); err != nil {
		return v, err
	}
	if v.full, err = h.look(ctx); err != nil {
		return v, err
	}
	if err := slow.join(ctx, s.slow); err != nil {
		return v, err
	}
	v.joining = time.Since(begin) - settle
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		slow.drip(stop)
	}()
	defer func() { close(stop); <-stopped }()

	if v.beside, v.besideCPU, err = h.measure(ctx, p, o); err != nil {
		return v, err
	}
	v.early = s.silent + s.slow - silent.open() - slow.open()
	last, err := readAccount(h.group)
	if err != nil {
		return v, err
	}
	v.others = others(first, last)
	return v, h.outlast(ctx, &v, silent, slow, s.base, o)
}

// outlast waits until nothing is left of the connections, or the time for that is over.
func (h *host) outlast(ctx context.Context, v *visit, silent, slow *crowd, base holding, o idleOptions) (err error) {
	var left int
	if v.slowGone, left, err = slow.gone(ctx, o.timers()); err != nil {
		return err
	}
	if v.silentGone, v.clung, err = silent.gone(ctx, o.timers()); err != nil {
		return err
	}
	v.clung += left
	for range 2 { // what is still on its way out at the first look is gone at the second
		if err := h.rest(ctx); err != nil {
			return err
		}
		if v.after, err = h.look(ctx); err != nil || !v.after.beyond(base) {
			return err
		}
	}
	return nil
}

// measure sends at the pace for a while, then counts for the window.
func (h *host) measure(ctx context.Context, p *probe, o idleOptions) (d delayed, cpu float64, err error) {
	a := o.arrivals()
	if err := p.keep(ctx, a, warm); err != nil {
		return d, 0, err
	}
	p.open()
	first, err := cpuTime(h.group)
	if err != nil {
		return d, 0, err
	}
	if err := p.keep(ctx, a, o.window); err != nil {
		return d, 0, err
	}
	last, err := cpuTime(h.group)
	if err != nil {
		return d, 0, err
	}
	d, err = p.finish(ctx)
	return d, float64(last-first) / float64(o.window), err
}

// crowd is connections from the n-th address on.
func (h *host) crowd(n int) *crowd {
	c := &crowd{to: h.place, first: n}
	if h.kind == "tls" {
		c.tls = &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}} // who it is does not matter here
	}
	return c
}
