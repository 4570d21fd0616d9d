package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// pipe is a trunk and the other end of its connection.
func pipe(t *testing.T) (*trunk, *net.TCPConn) {
	t.Helper()
	l, err := listenTCP(calleeIP)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return newTrunk(near.(*net.TCPConn)), far
}

func TestATrunkCutsElsewhere(t *testing.T) {
	var all []byte
	var whole [][]byte
	for _, name := range []string{"invite", "ok", "ack", "bye", "okbye"} {
		tmpl, err := newTemplate(name, phonePair())
		if err != nil {
			t.Fatal(err)
		}
		b := tmpl.render(nil, filled(1, 1))
		whole, all = append(whole, b), append(all, b...)
	}
	for _, piece := range []int{1, 7, 500, len(all)} {
		near, far := pipe(t)
		go func() {
			for b := range slices.Chunk(all, piece) {
				_, _ = far.Write(b)
			}
			_ = far.CloseWrite()
		}()
		b := make([]byte, 65536)
		for i, want := range whole {
			n, from, err := near.ReadFromUDPAddrPort(b)
			if err != nil || !bytes.Equal(b[:n], want) {
				t.Fatalf("in pieces of %d, message %d: %v\n%s", piece, i, err, b[:n])
			}
			if a := far.LocalAddr().(*net.TCPAddr).AddrPort(); from != a {
				t.Errorf("it came from %v, not from %v", a, from)
			}
		}
		if _, _, err := near.ReadFromUDPAddrPort(b); !errors.Is(err, errHungUp) {
			t.Errorf("at the end: %v", err)
		}
	}
}

func TestWhatIsNoMessagePassesForOne(t *testing.T) {
	for _, text := range []string{
		"SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
		"SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n",
		"SIP/2.0 200 OK\r\nContent-Length: 1x\r\n\r\n",
		"SIP/2.0 200 OK\r\nContent-Length: 70000\r\n\r\n" + string(bytes.Repeat([]byte{'x'}, 70000)),
	} {
		near, far := pipe(t)
		go func() { _, _ = far.Write([]byte(text)) }()
		if n, _, err := near.ReadFromUDPAddrPort(make([]byte, 65536)); !errors.Is(err, errFrame) {
			t.Errorf("%.60q: %d bytes, %v", text, n, err)
		}
	}
}

func TestARoundOverTCPMeasuresNothing(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("there is no C compiler")
	}
	o := options{dir: t.TempDir(), lanes: 1, window: time.Second, tcp: true}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := prepareTCPFloor(ctx, o.dir); err != nil {
		t.Fatal(err)
	}
	s, err := drive(ctx, forwarder{name: "floor", verbatim: true, command: commandTCPFloor}, o, 100)
	if err != nil {
		t.Fatal(err)
	}
	if s.good() == 0 || s.bad() > 0 || s.cpu <= 0 || s.packets == 0 || len(s.faults) > 0 {
		t.Errorf("%+v", s)
	}
}

func TestABareForwarderOverTCPPassesForAProxy(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("there is no C compiler")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := prepareTCPFloor(ctx, dir); err != nil {
		t.Fatal(err)
	}
	l, err := newLoad(ground{tcp: true}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	argv, err := commandTCPFloor(dir, &l.ground)
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := begin(ctx, filepath.Join(dir, "floor.log"), argv, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	if err := startPhones(ctx, l, c, false); err != nil {
		t.Fatal(err)
	}
	l.place(&values{}, nil)
	<-l.settled
	if count, _ := l.faults.take(); count[errVia.Error()] != 1 || judge(l.calls).good() > 0 {
		t.Errorf("%v", count)
	}
}

func TestACallerWaitsForeverForAForwarder(t *testing.T) {
	from, err := freeTCP(callerIP)
	if err != nil {
		t.Fatal(err)
	}
	to, err := freeTCP(insideIP)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), attempt)
	defer cancel()
	if err := new(caller).connect(ctx, from, to); err == nil {
		t.Error("it is connected to nobody")
	}
	listening, connected := make(chan struct{}), make(chan error, 1)
	var c caller
	go func() {
		<-listening
		connected <- c.connect(t.Context(), from, to)
	}()
	l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	close(listening)
	if err := <-connected; err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	if got := c.conn.LocalAddr().(*net.TCPAddr).AddrPort(); got != netip.AddrPortFrom(from.Addr(), from.Port()) {
		t.Errorf("its messages name %v, and it connects from %v", from, got)
	}
}
