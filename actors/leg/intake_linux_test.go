package leg

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/stream"
)

func TestWhatThereAreNoPacketsForWaitsInItsOrder(t *testing.T) {
	d := driveLane(t, 4)
	d.stall()
	a, b := d.dial(), d.dial()
	first, second, third := numbered("a", 30), numbered("b", 30), numbered("c", 2000)
	d.say(a, first)
	d.held()
	d.hears(first[:4])
	d.say(b, second)
	d.eventually("both were read", func() bool { return d.endpoint.Stats().MessagesIn == 60 })
	d.say(a, third) // more than is read at once; the kernel keeps it
	d.giveBack()
	d.eventually("all are heard", func() bool { return len(d.heard) == len(first)+len(second)+len(third) })
	d.mu.Lock()
	defer d.mu.Unlock()
	if got, want := strings.Join(d.heard, " "), strings.Join(append(append(first, second...), third...), " "); got != want {
		t.Errorf("%q was heard", got)
	}
	if d.Intakes[0].Pressed() {
		t.Error("the lane still refuses connections")
	}
}

// The answers of a peer that has closed its connection, or died, are worth as much as any.
func TestWhatWaitsForPacketsIsNotLostWithItsConnection(t *testing.T) {
	for _, linger := range []int{-1, 0} {
		d := driveLane(t, 4)
		d.stall()
		c, ids := d.dial(), numbered("a", 30)
		d.say(c, ids)
		d.held()
		_ = c.SetLinger(linger) // 0: a reset
		_ = c.Close()
		if linger == 0 {
			d.eventually("it is noticed", func() bool { return d.endpoint.To(addrPortOf(c), "") == nil })
		}
		d.giveBack()
		d.hears(ids)
		d.eventually("its actor has ended", func() bool { return d.closed == 1 })
	}
}

// A reset while a connection is held would wake the lane again and again.
func TestAHeldConnectionThatIsGoneKeepsNobodyBusy(t *testing.T) {
	d := driveLane(t, 4)
	d.stall()
	c, other := d.dial(), d.dial()
	d.say(c, numbered("a", 30))
	d.held()
	_ = c.SetLinger(0)
	_ = c.Close()
	_ = other.Close()
	d.eventually("it is noticed", func() bool { return d.endpoint.To(addrPortOf(c), "") == nil })
	before := processorTime(t)
	<-time.After(300 * time.Millisecond)
	if used := processorTime(t) - before; used > 150*time.Millisecond {
		t.Errorf("%s of processor time", used)
	}
	d.giveBack()
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestWhatIsKeptForAPeerIsWrittenWithoutPackets(t *testing.T) {
	d := driveLane(t, 4)
	d.stall()
	c := d.dial()
	d.say(c, numbered("a", 30))
	d.held()
	const size = 8 << 20 // more than the kernel takes
	near := d.endpoint.To(addrPortOf(c), "")
	for range size >> 10 {
		if err := near.Send(make([]byte, 1<<10)); err != nil {
			t.Fatal(err)
		}
	}
	near.Flush()
	if _, err := io.CopyN(io.Discard, c, size); err != nil {
		t.Fatal(err)
	}
	d.giveBack()
}

func TestAPanicCostsOneConnectionAndNotTheLane(t *testing.T) {
	d := driveLane(t, 4*batch)
	other, c := d.dial(), d.dial()
	d.mu.Lock()
	d.poison = "poison"
	d.mu.Unlock()
	d.say(c, []string{"a", "poison", "b"})
	select {
	case x := <-d.failed:
		if x.Panic != "poisoned" || !strings.HasPrefix(x.Name, "drive ") {
			t.Errorf("%v", x.Err())
		}
	case <-time.After(patient):
		t.Fatal("nobody was told of the panic")
	}
	if b, err := io.ReadAll(c); len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	d.say(other, []string{"c"})
	d.hears([]string{"a", "c"})
}

func TestConnectionsOutliveTheLoop(t *testing.T) {
	d := driveLane(t, 4)
	a, b := d.dial(), d.dial()
	d.say(a, []string{"a"})
	d.hears([]string{"a"})
	d.stall()
	all := numbered("b", 30)
	d.say(b, all)
	d.held()
	d.leave()
	if err := d.Rebind(); err != nil {
		t.Fatal(err)
	}
	d.run()
	d.giveBack()
	d.hears(append([]string{"a"}, all...))
	d.say(a, []string{"c"})
	d.hears(append(append([]string{"a"}, all...), "c"))
}

// Connections go on coming while a lane is closed: none of them may be left, nor be told of to what has ended.
func TestConnectionsThatComeWhileTheLaneEnds(t *testing.T) {
	for range 20 {
		d := driveLane(t, 4*batch)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 20 {
					c, err := net.Dial("tcp", d.endpoint.Addr().String())
					if err != nil {
						return
					}
					_, _ = io.WriteString(c, options("x"))
					_ = c.Close()
				}
			})
		}
		d.eventually("some have come", func() bool { return len(d.heard) > 5 })
		d.leave()
		d.Refuse()
		d.endpoint.Close()
		all.Wait()
		d.run() // for the end of the test
	}
}

// Descriptors and slots are used again at once.
func TestConnectionsThatComeAndGo(t *testing.T) {
	d := driveLane(t, 4*batch)
	const each, at = 100, 6
	var all sync.WaitGroup
	for i := range at {
		all.Go(func() {
			for n := range each {
				c := d.dial()
				d.say(c, []string{fmt.Sprintf("%d/%d", i, n)})
				if n%3 == 0 {
					_ = c.CloseWrite()
					_, _ = io.ReadAll(c)
				}
				if n%5 == 0 {
					if near := d.endpoint.To(addrPortOf(c), ""); near != nil {
						near.Close(stream.Stopped)
					}
				}
				_ = c.Close()
			}
		})
	}
	all.Wait()
	d.eventually("all have gone", func() bool { return d.closed == each*at })
	d.leave()
	defer d.run()
	if n := len(d.drives.of); n > 0 {
		t.Errorf("%d connections are still driven", n)
	}
	if slots := len(d.drives.all); slots != len(d.drives.free) || slots > each*at/2 {
		t.Errorf("%d slots, %d free", slots, len(d.drives.free))
	}
	if n := d.Pool.InUse(); n > d.inHand() {
		t.Errorf("%d packets are not given back", n)
	}
}
