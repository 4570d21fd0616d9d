package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"
)

var errWrongSide = errors.New("the relay's port is not on the side of the phone that shall use it")

// sipCalls are made by two phones, one call after the other: INVITE, 200 and ACK, with the endpoints' ports in the
// session descriptions.
type sipCalls struct {
	inside, outside netip.AddrPort
	caller          caller
	callee          callee
	run             uint32
}

func dialSIP(s site) (switchboard, error) {
	up, err := listen(callerIP)
	if err != nil {
		return nil, err
	}
	down, err := listen(calleeIP)
	if err != nil {
		return nil, errors.Join(err, up.Close())
	}
	c := &sipCalls{inside: s.inside, outside: s.outside, run: rand.Uint32() & 0xffffff}
	c.caller.conn, c.callee.conn = up, down
	return c, nil
}

func (s *sipCalls) close() {
	_ = s.caller.conn.Close()
	_ = s.callee.conn.Close()
}

func (s *sipCalls) connect(ctx context.Context, call int, caller, callee netip.AddrPort) (inside, outside netip.AddrPort, err error) {
	fixed := mediaFacts(caller, callee)
	fixed["caller-addr"], fixed["callee-addr"] = local(s.caller.conn).String(), local(s.callee.conn).String()
	if err := errors.Join(s.caller.prepare(fixed), s.callee.prepare(fixed, s.outside)); err != nil {
		return inside, outside, err
	}
	for _, p := range []*phone{&s.caller.phone, &s.callee.phone} {
		p.value[callHole] = appendCall(p.value[callHole][:0], s.run, call)
	}
	for range trials {
		if err := ctx.Err(); err != nil {
			return inside, outside, context.Cause(ctx)
		}
		if inside, outside, err = s.invite(call); !errors.Is(err, errNoAnswer) {
			break
		}
	}
	if err == nil && (inside.Addr() != s.inside.Addr() || outside.Addr() != s.outside.Addr()) {
		return inside, outside, errWrongSide
	}
	return inside, outside, err
}

// invite makes the call, or repeats all its messages after some of them were lost.
func (s *sipCalls) invite(call int) (inside, outside netip.AddrPort, err error) {
	up, down := &s.caller, &s.callee
	if err := up.send(&up.invite, s.inside); err != nil {
		return inside, outside, err
	}
	from, err := s.await(&down.phone, call, "INVITE")
	if err != nil {
		return inside, outside, s.refusal(call, err)
	}
	if outside, err = audioOf(string(down.in.body)); err != nil {
		return inside, outside, fmt.Errorf("INVITE: %w", err)
	}
	if err := down.answer(&down.ok, from); err != nil {
		return inside, outside, err
	}
	if _, err := s.await(&up.phone, call, "200"); err != nil {
		return inside, outside, err
	}
	if inside, err = audioOf(string(up.in.body)); err != nil {
		return inside, outside, fmt.Errorf("200: %w", err)
	}
	if err := up.dialog.learn(&up.in); err != nil {
		return inside, outside, err
	}
	up.routes = up.dialog.appendRoutes(up.routes[:0])
	v := &up.value
	v[uriHole], v[routesHole], v[toHole] = up.dialog.requestURI(), up.routes, up.dialog.to
	if err := up.send(&up.ack, s.inside); err != nil {
		return inside, outside, err
	}
	_, err = s.await(&down.phone, call, "ACK")
	return inside, outside, err
}

// await reads until a message of the call arrives whose method or status is wanted. errNoAnswer when it does not come.
func (s *sipCalls) await(p *phone, call int, wanted string) (from netip.AddrPort, err error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(attempt)); err != nil {
		return from, err
	}
	b := make([]byte, 65536) // the message that is read stays in it
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return from, errNoAnswer
		}
		if err := p.in.parse(b[:n]); err != nil {
			return from, err
		}
		if of, ours := callOf(p.in.callID, s.run); !ours || of != call {
			continue
		}
		switch got := p.in.method; {
		case string(got) == wanted || got == nil && strconv.Itoa(p.in.status) == wanted:
			return from, nil
		case got == nil && p.in.status >= 300:
			return from, fmt.Errorf("%w: %d", errStatus, p.in.status)
		}
	}
}

// refusal is what the caller has heard instead, when the callee heard nothing.
func (s *sipCalls) refusal(call int, err error) error {
	if _, refused := s.await(&s.caller.phone, call, "200"); !errors.Is(refused, errNoAnswer) && refused != nil {
		return refused
	}
	return err
}
