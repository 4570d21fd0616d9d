package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	pairs     = 32      // source ports on each side over UDP, so that the lanes of a forwarder are spread
	buffer    = 1 << 20 // receive buffer of a phone, in bytes
	callerIP  = "127.0.0.11"
	calleeIP  = "127.0.0.12"
	insideIP  = "127.0.0.1"
	outsideIP = "127.0.0.2"
)

// ground is where a forwarder stands: its two addresses and the phones on either side.
type ground struct {
	inside, outside netip.AddrPort
	callers         []netip.AddrPort
	callees         []netip.AddrPort
	tcp             bool // else by UDP
	lanes           int
	telemetry       string // a line of the configuration
}

// transport is as listening addresses name it.
func (g *ground) transport() string {
	if g.tcp {
		return "tcp"
	}
	return "udp"
}

// load is the phones of one run and all their calls.
type load struct {
	ground
	verbatim bool // the forwarder changes nothing: no Via of its own, no Record-Route
	run      uint32
	begin    time.Time
	caller   []*caller
	callee   []*callee
	calls    []call
	started  atomic.Int64
	received atomic.Int64 // datagrams that reached the phones
	due      atomic.Int64 // when the next call is to begin, in ns since the run began
	faults   faults
	settled  chan struct{} // hears that a call was finished or found faulty, when somebody listens
	reading  sync.WaitGroup
}

// newLoad opens the phones. At most calls calls can be made.
func newLoad(g ground, calls int) (*load, error) {
	l := &load{
		ground:  g,
		run:     rand.Uint32() & 0xffffff,
		begin:   time.Now(),
		calls:   make([]call, calls),
		settled: make(chan struct{}, 1),
	}
	free, most := free, pairs
	if l.tcp {
		free, most = freeTCP, trunks
	}
	var err error
	if l.inside, err = free(insideIP); err != nil {
		return nil, err
	}
	if l.outside, err = free(outsideIP); err != nil {
		return nil, err
	}
	for i := range most {
		if err := l.open(i); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// open makes the phones of one pair.
func (l *load) open(i int) error {
	phone := phone{load: l, index: i}
	up, down := &caller{phone: phone}, &callee{phone: phone}
	l.caller, l.callee = append(l.caller, up), append(l.callee, down)
	take := takeSockets
	if l.tcp {
		take = takePorts
	}
	here, there, err := take(up, down)
	if err != nil {
		return err
	}
	l.callers, l.callees = append(l.callers, here), append(l.callees, there)

	fixed := map[string]string{
		"caller": fmt.Sprintf("alice%02d", i), "caller-addr": here.String(), "caller-ip": callerIP,
		"callee": fmt.Sprintf("bob%02d", i), "callee-addr": there.String(), "callee-ip": calleeIP,
		"caller-audio": "30000", "callee-audio": "31000", "transport": "UDP", "params": "",
	}
	if l.tcp {
		fixed["transport"], fixed["params"] = "TCP", ";transport=tcp"
	}
	return errors.Join(up.prepare(fixed), down.prepare(fixed, l.outside))
}

// takeSockets gives the phones of a pair UDP sockets.
func takeSockets(up *caller, down *callee) (here, there netip.AddrPort, err error) {
	a, err := listen(callerIP)
	if err != nil {
		return here, there, err
	}
	up.conn = a
	b, err := listen(calleeIP)
	if err != nil {
		return here, there, err
	}
	down.conn = b
	return local(a), local(b), nil
}

// start lets the phones answer. Over TCP it also connects the callers, for which it waits until ctx ends.
func (l *load) start(ctx context.Context, verbatim bool) error {
	l.verbatim = verbatim
	for i := range l.caller {
		up, down := l.caller[i], l.callee[i]
		hear := down.listen
		if l.tcp {
			if err := up.connect(ctx, l.callers[i], l.inside); err != nil {
				return err
			}
			hear = down.accept
		}
		l.reading.Add(2)
		go up.listen()
		go hear()
	}
	return nil
}

// close ends the phones and waits for them.
func (l *load) close() {
	for i, up := range l.caller {
		down := l.callee[i]
		if up.conn != nil {
			_ = up.conn.Close()
		}
		if down.conn != nil {
			_ = down.conn.Close()
		}
		if down.listener != nil {
			_ = down.listener.Close()
		}
	}
	l.reading.Wait()
}

// place begins the next call; false when there are no more to make.
func (l *load) place(v *values, out []byte) bool {
	n := int(l.started.Load())
	if n == len(l.calls) {
		return false
	}
	v[callHole] = appendCall(v[callHole][:0], l.run, n)
	c := l.caller[n%len(l.caller)]
	b := c.invite.render(out[:0], v)
	l.calls[n].sent.Store(l.now())
	l.started.Store(int64(n + 1))
	if _, err := c.conn.WriteToUDPAddrPort(b, l.inside); err != nil {
		l.fault(n, err, b)
	}
	return true
}

// pace begins calls until told to stop, whether or not earlier ones are answered. A call that could not begin when it
// was due begins as soon as it can. Call it on one goroutine at a time.
func (l *load) pace(a arrivals, stop <-chan struct{}) {
	v, out := &values{}, make([]byte, 0, 4096)
	for due := time.Now(); ; due = due.Add(a.gap()) {
		l.due.Store(int64(due.Sub(l.begin)))
		a.wait(time.Until(due))
		select {
		case <-stop:
			return
		default:
		}
		if !l.place(v, out) {
			return
		}
	}
}

// now is the time of the run's monotonic clock, in ns.
func (l *load) now() int64 { return int64(time.Since(l.begin)) }

// fault notes what was wrong with a datagram of a call; call -1 is one that no call of ours knows.
func (l *load) fault(call int, err error, datagram []byte) {
	l.faults.add(err, datagram)
	if call >= 0 {
		l.calls[call].seen.Or(failed)
	}
	l.settle()
}

// settle tells whoever listens that a call is finished or faulty.
func (l *load) settle() {
	select {
	case l.settled <- struct{}{}:
	default:
	}
}

func listen(ip string) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		return nil, fmt.Errorf("cannot open a phone: %w", err)
	}
	return conn, conn.SetReadBuffer(buffer)
}

func local(conn wire) netip.AddrPort {
	a := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// free is an address that nobody listens on at this moment.
func free(ip string) (netip.AddrPort, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("no free port on %s: %w", ip, err)
	}
	return local(conn), conn.Close()
}

func port(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }
