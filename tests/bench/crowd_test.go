package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// takers accept connections, read from them what comes and keep it.
type takers struct {
	mu    sync.Mutex
	conns []net.Conn
	heard map[net.Conn]string
	came  chan struct{}
}

func (s *takers) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns = append(s.conns, conn)
		s.mu.Unlock()
		go func() {
			defer conn.Close()
			b := make([]byte, 512)
			for {
				n, err := conn.Read(b) // of TLS the handshake, too
				if err != nil {
					return
				}
				s.mu.Lock()
				s.heard[conn] += string(b[:n])
				s.mu.Unlock()
				select {
				case s.came <- struct{}{}:
				default:
				}
			}
		}()
	}
}

// closeOne ends the last connection that is open.
func (s *takers) closeOne() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conns[len(s.conns)-1].Close()
	s.conns = s.conns[:len(s.conns)-1]
}

// meet lets n connections join a place of that kind.
func meet(t *testing.T, kind string, n int) (*crowd, *takers) {
	t.Helper()
	var l net.Listener
	l, err := listenTCP(insideIP)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{kind: kind, place: l.Addr().(*net.TCPAddr).AddrPort()}
	if kind == "tls" {
		dir := t.TempDir()
		if err := makeCertificate(dir); err != nil {
			t.Fatal(err)
		}
		cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	s := &takers{heard: map[net.Conn]string{}, came: make(chan struct{}, 1)}
	go s.serve(l)
	c := h.crowd(0)
	t.Cleanup(func() { c.close(); _ = l.Close() })
	if err := c.join(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestAConnectionThatIsGoneIsNotMissed(t *testing.T) {
	for _, kind := range []string{"tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			c, s := meet(t, kind, 40)
			if n := c.open(); n != 40 {
				t.Fatalf("%d of 40 are open", n)
			}
			s.closeOne()
			for c.open() == 40 {
				if err := pause(t.Context(), time.Millisecond); err != nil {
					t.Fatal("one was closed, and all pass for open")
				}
			}
			if n := c.open(); n != 39 {
				t.Errorf("%d pass for open, not 39", n)
			}
			if _, left, err := c.gone(t.Context(), time.Millisecond); left != 39 || err != nil {
				t.Errorf("%d are left, %v", left, err)
			}
			for range 39 {
				s.closeOne()
			}
			if after, left, err := c.gone(t.Context(), time.Minute); left != 0 || err != nil || after <= 0 {
				t.Errorf("%d are left after %v, %v", left, after, err)
			}
		})
	}
}

func TestEachConnectionHasItsOwnAddress(t *testing.T) {
	c, s := meet(t, "tcp", 600)
	seen := map[netip.Addr]bool{}
	for len(seen) < 600 { // the last ones are accepted after they were opened
		if err := pause(t.Context(), time.Millisecond); err != nil {
			t.Fatalf("600 connections from %d addresses", len(seen))
		}
		s.mu.Lock()
		for _, conn := range s.conns {
			seen[conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()] = true
		}
		s.mu.Unlock()
	}
	if err := c.join(t.Context(), 1); err != nil || c.open() != 601 {
		t.Errorf("one more: %v", err)
	}
	for i := range 200_000 {
		if a := sourceOf(i); !a.IsLoopback() || a.String() == insideIP || a.String() == calleeIP {
			t.Fatalf("address %d is %v", i, a)
		}
	}
}

func TestASlowConnectionSaysWholeMessages(t *testing.T) {
	c, s := meet(t, "tcp", 100)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		c.drip(stop)
	}()
	for begun := false; !begun; {
		<-s.came
		s.mu.Lock()
		begun = len(s.heard) == 100
		for _, text := range s.heard {
			begun = begun && len(text) > len(unfinished)
			if !strings.HasPrefix(unfinished+"aaaaaaaaaaaaaaaa", text) {
				t.Errorf("it says %q", text)
			}
		}
		s.mu.Unlock()
	}
	close(stop)
	<-stopped
}

func TestNobodyToJoin(t *testing.T) {
	to, err := freeTCP(insideIP)
	if err != nil {
		t.Fatal(err)
	}
	c := (&host{kind: "tcp", place: to}).crowd(0)
	defer c.close()
	if err := c.join(t.Context(), 100); err == nil || !strings.HasPrefix(err.Error(), "0 of 100") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.join(ctx, 1); err == nil {
		t.Error("it goes on after the end")
	}
}
