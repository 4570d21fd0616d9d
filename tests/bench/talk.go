package main

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"
)

const (
	grain     = 100 * time.Microsecond // packets that are due within it leave together
	taken     = 4                      // packets that one system call takes from a socket
	firstPort = 30000                  // of the endpoints; RTP has the even ones (RFC 3550 §11)
)

// endpoint is one end of a call.
type endpoint struct {
	socket socket
	local  netip.AddrPort
	out    stream
	in     *stream // the one that the other end sends
}

// talk is all calls of one run: every endpoint sends a packet each 20 ms and takes what has arrived meanwhile. One
// thread does both; since the kernel stamps arrivals, it may come late to read them.
type talk struct {
	ends  []*endpoint // call i has 2i, the caller's, and 2i+1
	order []*endpoint // whose turn comes after whose
	begin time.Time
	turn  int // turns taken
	late  time.Duration
	inbox *inbox
	out   [rtpSize]byte

	mute     bool
	from, to time.Time // only packets sent in this time are counted
	sent     uint64
	heard    uint64
	delay    histogram
	arrived  uint64 // packets of all times
	faults   faults
}

// newTalk opens the endpoints of that many calls.
func newTalk(calls int) (*talk, error) {
	t := &talk{inbox: newInbox()}
	port := [2]int{firstPort, firstPort}
	for range calls {
		for side, ip := range []string{callerIP, calleeIP} {
			e, err := openEndpoint(netip.MustParseAddr(ip), &port[side])
			if err != nil {
				t.close()
				return nil, err
			}
			t.ends = append(t.ends, e)
		}
	}
	for i := 0; i < len(t.ends); i += 2 {
		t.ends[i].in, t.ends[i+1].in = &t.ends[i+1].out, &t.ends[i].out
	}
	t.order = turns(t.ends)
	return t, nil
}

// openEndpoint takes the first free even port from *port on.
func openEndpoint(ip netip.Addr, port *int) (e *endpoint, err error) {
	for ; *port <= math.MaxUint16; *port += 2 {
		e = &endpoint{local: netip.AddrPortFrom(ip, uint16(*port)), out: newStream()}
		if e.socket, err = openSocket(e.local); err == nil {
			*port += 2
			return e, nil
		}
	}
	return nil, fmt.Errorf("no port is left for an endpoint: %w", err)
}

// turns lets callers and callees alternate, and the two ends of a call speak half a round apart: no relay shall find
// a call in its caches because the other side has just spoken.
func turns(ends []*endpoint) []*endpoint {
	order := make([]*endpoint, 0, len(ends))
	calls := len(ends) / 2
	for i := range calls {
		order = append(order, ends[2*i], ends[2*((i+calls/2)%calls)+1])
	}
	return order
}

func (t *talk) close() {
	for _, e := range t.ends {
		e.socket.close()
	}
}

// run keeps the pace for d: turn n is due n/len(order) of 20 ms after the beginning.
func (t *talk) run(ctx context.Context, d time.Duration) error {
	if t.begin.IsZero() {
		t.begin = time.Now()
	}
	gap := float64(ptime) / float64(len(t.order))
	for until := time.Now().Add(d); ; {
		now := time.Now()
		if !now.Before(until) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		late := now.Sub(t.begin) - time.Duration(float64(t.turn)*gap)
		if t.late = max(t.late, late); late > maxLate {
			t.begin = t.begin.Add(late) // what is owed is not sent: a flood would measure something else
		}
		due := int(float64(now.Sub(t.begin)) / gap)
		for ; t.turn <= due; t.turn++ {
			t.visit(t.order[t.turn%len(t.order)])
		}
		next := t.begin.Add(time.Duration(float64(t.turn) * gap))
		nap(max(time.Until(next), time.Until(now.Add(grain))))
	}
}

// visit takes what has arrived at an endpoint, and sends its next packet.
func (t *talk) visit(e *endpoint) {
	for n := taken; n == taken; {
		var err error
		if n, err = t.inbox.receive(e.socket); err != nil {
			t.faults.add(fmt.Errorf("cannot receive: %w", err), nil)
		}
		for i := range n {
			t.hear(e, i)
		}
	}
	if t.mute {
		return
	}
	now := time.Now()
	e.out.write(&t.out, now)
	if err := e.socket.send(t.out[:]); err != nil {
		t.faults.add(fmt.Errorf("cannot send: %w", err), nil)
	}
	if t.counts(now) {
		t.sent++ // what could not be sent is lost, too
	}
}

func (t *talk) hear(e *endpoint, i int) {
	packet, stamp := t.inbox.at(i)
	sent, err := e.in.read(packet)
	if err != nil {
		t.faults.add(err, packet)
		return
	}
	if stamp.IsZero() {
		stamp = time.Now()
	}
	t.arrived++
	if t.counts(sent) {
		t.heard++
		t.delay.add(stamp.Sub(sent))
	}
}

func (t *talk) counts(sent time.Time) bool {
	return !sent.Before(t.from) && (t.to.IsZero() || sent.Before(t.to))
}

// open begins to count.
func (t *talk) open() {
	t.faults.take()
	t.sent, t.heard, t.arrived, t.late, t.delay = 0, 0, 0, 0, histogram{}
	t.from, t.to = time.Now().Round(0), time.Time{}
}

// hush ends the counting and the sending, and waits for what is still on its way, not longer than d.
func (t *talk) hush(ctx context.Context, d time.Duration) error {
	t.to, t.mute = time.Now().Round(0), true
	for end := t.to.Add(d); t.heard < t.sent && time.Now().Before(end); {
		if err := t.run(ctx, ptime); err != nil {
			return err
		}
	}
	return nil
}
