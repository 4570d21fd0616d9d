package stream

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// block is a message of 1 KiB.
var block = []byte(strings.Repeat("0123456789abcdef", 64))

func TestAPeerThatDoesNotReadIsCutOffAtTheBound(t *testing.T) {
	const queue = 256 << 10
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Queue: queue}}, s)
	phone(t, e)
	near := next(t, s.opened)
	most := 0
	for range 64 << 10 { // more than any kernel takes
		err := near.Send(block)
		near.Flush()
		most = max(most, int(near.wire.kept.Load()))
		if err == nil {
			continue
		}
		if err != ErrFull {
			t.Fatal(err)
		}
		break
	}
	s.ended(TooSlow)
	if most > queue || most < queue/2 {
		t.Errorf("up to %d bytes were kept", most)
	}
	if err := near.Send(block); err != ErrClosed {
		t.Errorf("%v", err)
	}
	eventually(t, "it is counted", func() bool { return e.Stats().Ends[TooSlow] == 1 })
}

func TestQueuedMessagesAreBoundedWithoutFlush(t *testing.T) {
	const queue = 64 << 10
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Queue: queue}}, s)
	c := phone(t, e)
	near := next(t, s.opened)
	for range 512 { // far more than may wait, but the peer reads
		if err := near.Send(block); err != nil {
			t.Fatal(err)
		}
		if near.wire.kept.Load() > queue/2 {
			if _, err := io.CopyN(io.Discard, c, 1024); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := near.Send(make([]byte, queue+1)); err != ErrFull {
		t.Errorf("%v", err)
	}
}

func TestAPeerThatReadsNothingForTooLongIsCutOff(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Write: 300 * time.Millisecond}}, s)
	phone(t, e)
	near := next(t, s.opened)
	for near.wire.kept.Load() == 0 {
		send(t, near, string(block))
	}
	start := time.Now()
	why := next(t, s.ends)
	if took := time.Since(start); why != TooSlow && why != Broken || took < 250*time.Millisecond || took > 3*time.Second {
		t.Errorf("%s after %s", why, took)
	}
}

func TestWhatTheKernelDidNotTakeComesInOrder(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Queue: 32 << 20, Write: patient}}, s)
	c := phone(t, e)
	near := next(t, s.opened)
	var want bytes.Buffer
	for i := 0; near.wire.kept.Load() < 1<<20; i++ {
		m := bytes.Repeat([]byte{byte(i)}, 1000+i%100)
		want.Write(m)
		if err := near.Send(m); err != nil {
			t.Fatal(err)
		}
		near.Flush()
	}
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("other bytes than were written (%v)", err)
	}
	eventually(t, "nothing is kept", func() bool { return near.wire.kept.Load() == 0 })
	send(t, near, "and goes on") // the drainer is gone
	hears(t, c, "and goes on")
}

func TestManyMayWriteAtOnce(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	near := next(t, s.opened)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			m := bytes.Repeat([]byte{byte('a' + i)}, 700)
			for range 200 {
				if err := near.Send(m); err != nil {
					t.Error(err)
					return
				}
				near.Flush()
			}
		})
	}
	m := make([]byte, 700)
	for range 8 * 200 {
		if _, err := io.ReadFull(c, m); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m, bytes.Repeat(m[:1], 700)) {
			t.Fatalf("messages were mixed: %q", m)
		}
	}
	all.Wait()
}

func TestASinkThatWaitsIsNotReadFor(t *testing.T) {
	s := newEar(t)
	s.deaf = make(chan struct{})
	e := place(t, Config{}, s)
	c := phone(t, e)
	next(t, s.opened)
	_ = c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	before, _ := inUse()
	m, sent := []byte(options(800)), 0
	for {
		n, err := c.Write(m[sent%len(m):])
		sent += n
		if err != nil {
			break
		}
		if sent > 256<<20 {
			t.Fatal("the kernel takes it all")
		}
	}
	if now, _ := inUse(); now-before > 1<<20 {
		t.Errorf("%d bytes of memory for %d that were sent", now-before, sent)
	}
	if n := e.Stats().BytesIn; n > 2*readSize {
		t.Errorf("%d bytes were read", n)
	}
	close(s.deaf)
	for range sent / len(m) {
		if got := next(t, s.messages); got != string(m) {
			t.Fatalf("%q", got)
		}
	}
}

func TestAReaderThatWaitsForItsSinkEndsWithTheConnection(t *testing.T) {
	s := newEar(t)
	s.deaf = make(chan struct{})
	e := place(t, Config{}, s)
	say(t, phone(t, e), options(0))
	near := next(t, s.opened)
	eventually(t, "it waits", func() bool { return e.Stats().MessagesIn == 1 })
	near.Close(Stopped)
	s.ended(Stopped)
}

func TestRepliesToKeepAlivesAreBoundedToo(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Limits: Limits{Queue: 4 << 10}}, s)
	phone(t, e)
	near := next(t, s.opened)
	_ = near.wire.SetWriteBuffer(4 << 10)
	for range 1 << 20 {
		if near.reply(pongs); len(s.ends) > 0 {
			break
		}
	}
	s.ended(TooSlow)
}

func TestAConnectionThatIsGoneIsNoticedByWriting(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	near := next(t, s.opened)
	_ = c.SetLinger(0)
	_ = c.Close()
	eventually(t, "nothing can be sent", func() bool {
		err := near.Send(block)
		near.Flush()
		return errors.Is(err, ErrClosed)
	})
	s.ended(Broken)
}

func TestSendingAllocatesNothing(t *testing.T) {
	if raced {
		t.Skip("under the race detector pools forget")
	}
	s := newEar(t)
	e := place(t, Config{}, s)
	c := phone(t, e)
	_ = c.SetDeadline(time.Time{})
	go func() { _, _ = io.Copy(io.Discard, c) }()
	near := next(t, s.opened)
	if n := testing.AllocsPerRun(500, func() {
		_ = near.Send(block)
		_ = near.Send(block)
		near.Flush()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// inUse is the memory of the process, in bytes.
func inUse() (heap, stacks int64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse), int64(m.StackInuse)
}
