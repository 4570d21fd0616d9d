package stream

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lines is a log that a test reads.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

func after(d time.Duration) <-chan time.Time { return time.After(d) }

func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestAnIdleConnectionEnds(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Idle: 200 * time.Millisecond, Partial: time.Hour}}, s)
	c := phone(t, e)
	start := time.Now()
	hearsEnd(t, c)
	s.ended(Idle)
	if took := time.Since(start); took < 190*time.Millisecond || took > 2*time.Second {
		t.Errorf("after %s", took)
	}
}

func TestWhatComesKeepsAConnectionOpen(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Idle: 300 * time.Millisecond, Partial: time.Hour}}, s)
	c := phone(t, e)
	start := time.Now()
	for range 10 {
		say(t, c, "\r\n\r\n")
		hears(t, c, "\r\n")
		<-after(60 * time.Millisecond)
	}
	if n := len(s.ends); n != 0 {
		t.Fatalf("it has ended, %s after the start", time.Since(start))
	}
	s.ended(Idle)
}

func TestAMessageThatComesByteByByteIsNotWaitedForForEver(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Idle: time.Hour, Partial: 300 * time.Millisecond}}, s)
	c := phone(t, e)
	next(t, s.opened)
	start := time.Now()
	for _, b := range []byte(options(4000)) {
		if _, err := c.Write([]byte{b}); err != nil {
			break
		}
		select {
		case why := <-s.ends:
			if took := time.Since(start); why != Unfinished || took < 290*time.Millisecond || took > 2*time.Second {
				t.Errorf("%s after %s", why, took)
			}
			return
		case <-after(5 * time.Millisecond):
		}
	}
	s.ended(Unfinished)
}

func TestEachMessageHasItsOwnTime(t *testing.T) {
	const partial = 1500 * time.Millisecond
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Partial: partial}}, s)
	c := phone(t, e)
	// one message is always begun, none takes long
	m := options(100)
	say(t, c, m[:50])
	for range 10 {
		<-after(partial / 8)
		say(t, c, m[50:]+m[:50])
		select {
		case got := <-s.messages:
			if got != m {
				t.Fatalf("%q", got)
			}
		case why := <-s.ends:
			t.Fatalf("it has ended: %s", why)
		}
	}
	s.ended(Unfinished)
}

func TestThePeerIsNotBlamedForASinkThatWaits(t *testing.T) {
	for _, begun := range []int{50, 0} {
		peerIsNotBlamed(t, begun)
	}
}

func peerIsNotBlamed(t *testing.T, begun int) {
	t.Helper()
	s := newEar(t)
	s.deaf = make(chan struct{})
	e := place(t, Config{Limits: Limits{Idle: 300 * time.Millisecond, Partial: 300 * time.Millisecond}}, s)
	c := phone(t, e)
	m := options(100)
	say(t, c, m+m[:begun])
	next(t, s.opened)
	<-after(500 * time.Millisecond)
	close(s.deaf)
	next(t, s.messages)
	say(t, c, m[begun:])
	next(t, s.messages)
	if len(s.ends) != 0 {
		t.Error("it has ended")
	}
}

func TestWithoutTimersNothingEnds(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	near := next(t, s.opened)
	if at, _ := near.due(); !at.IsZero() {
		t.Errorf("it ends at %s", at)
	}
	say(t, c, options(0))
	next(t, s.messages)
}
