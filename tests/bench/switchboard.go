package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

var (
	errNoAnswer = errors.New("the relay did not answer")
	errAnswer   = errors.New("the relay did not answer as it should")
	errNoAudio  = errors.New("the relay's session description does not say where to send audio")
)

// switchboard makes calls through a relay. A call's ports are known when connect returns: caller talks to inside,
// callee to outside.
type switchboard interface {
	connect(ctx context.Context, call int, caller, callee netip.AddrPort) (inside, outside netip.AddrPort, err error)
	close()
}

// questions are datagrams to one address, each repeated until it is answered.
type questions struct {
	conn *net.UDPConn
	to   netip.AddrPort
	in   [65536]byte
}

func newQuestions(to netip.AddrPort) (*questions, error) {
	conn, err := listen(callerIP)
	return &questions{conn: conn, to: to}, err
}

func (q *questions) close() { _ = q.conn.Close() }

// ask returns what accept makes of the first datagram that it accepts, within trials attempts.
func (q *questions) ask(ctx context.Context, question []byte, accept func([]byte) bool) error {
	for range trials {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if _, err := q.conn.WriteToUDPAddrPort(question, q.to); err != nil {
			return err
		}
		if err := q.conn.SetReadDeadline(time.Now().Add(attempt)); err != nil {
			return err
		}
		for {
			n, err := q.conn.Read(q.in[:])
			if err != nil {
				break // too late: ask again
			}
			if accept(q.in[:n]) {
				return nil
			}
		}
	}
	return errNoAnswer
}

// floorCalls are made as mediafloor.c says.
type floorCalls struct{ *questions }

func dialFloor(s site) (switchboard, error) {
	q, err := newQuestions(s.control)
	return floorCalls{q}, err
}

func (f floorCalls) connect(ctx context.Context, _ int, caller, callee netip.AddrPort) (inside, outside netip.AddrPort, err error) {
	question := fmt.Appendf(nil, "%s %d %s %d", caller.Addr(), caller.Port(), callee.Addr(), callee.Port())
	var ports [2]uint16
	err = f.ask(ctx, question, func(b []byte) bool {
		n, err := fmt.Sscanf(string(b), "%d %d", &ports[0], &ports[1])
		return n == 2 && err == nil
	})
	inside = netip.AddrPortFrom(netip.MustParseAddr(insideIP), ports[0])
	return inside, netip.AddrPortFrom(netip.MustParseAddr(outsideIP), ports[1]), err
}

// audioOf is where a session description with one audio stream wants its packets (RFC 8866 §5.7, §5.14).
func audioOf(sdp string) (netip.AddrPort, error) {
	var addr netip.Addr
	var port uint64
	for line := range strings.Lines(sdp) {
		var err error
		switch field := strings.Fields(line); {
		case len(field) == 3 && field[0] == "c=IN":
			addr, err = netip.ParseAddr(field[2])
		case len(field) > 3 && field[0] == "m=audio":
			port, err = strconv.ParseUint(field[1], 10, 16)
		}
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("%w: %w", errNoAudio, err)
		}
	}
	if !addr.IsValid() || port == 0 {
		return netip.AddrPort{}, errNoAudio
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// mediaFacts are what the messages of one call are filled with.
func mediaFacts(caller, callee netip.AddrPort) map[string]string {
	return map[string]string{
		"caller": "alice", "caller-ip": callerIP, "caller-audio": port(caller),
		"callee": "bob", "callee-ip": calleeIP, "callee-audio": port(callee),
		"transport": "UDP", "params": "",
	}
}
