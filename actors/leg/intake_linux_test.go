package leg

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/sys/unix"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// patient is what a test waits at most for what must happen.
const patient = 10 * time.Second

// drivenLane is a lane whose only leg is one of connections, and who hears what it tells.
type drivenLane struct {
	*Lane
	t        *testing.T
	endpoint *stream.Endpoint
	running  *loop.Handle
	failed   chan loop.Ended

	mu     sync.Mutex
	keep   bool              // packets are not given back
	kept   []*message.Packet // those
	heard  []string          // Call-IDs, or what else there was
	open   map[*stream.Conn]bool
	closed int
	poison string // a panic for who tells that
}

func driveLane(t *testing.T, packets int) *drivenLane {
	t.Helper()
	counts, log := &message.Counts{}, slog.New(slog.DiscardHandler)
	intake := NewIntake()
	lane, err := NewLane([]*Socket{nil}, []*Intake{intake}, message.NewPool(packets, 2000, counts), log)
	if err != nil {
		t.Fatal(err)
	}
	d := &drivenLane{Lane: lane, t: t, failed: make(chan loop.Ended, 100), open: map[*stream.Conn]bool{}}
	d.endpoint, err = stream.Listen(stream.Config{
		Name: "one", Transport: sipwire.TCP, Listen: netip.MustParseAddrPort("127.0.0.1:0"), MaxMessage: 2000,
		Failed: func(e loop.Ended) { d.failed <- e },
	}, []stream.Sink{intake})
	if err != nil {
		t.Fatal(err)
	}
	intake.Leg = message.NewLeg("one", sipwire.TCP, d.endpoint.Addr(), "", 0)
	quiet := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	lane.Wire(listening{quiet.Root, d}, []*actor.PID{actor.NewPID("", "one")}, nil)
	d.run()
	d.endpoint.Serve()
	t.Cleanup(func() {
		d.leave()
		d.Refuse()
		d.endpoint.Close()
		if s := d.endpoint.Stats(); s.Open != 0 {
			t.Errorf("%d connections are open after the end", s.Open)
		}
		d.Close()
	})
	return d
}

func (d *drivenLane) run() {
	d.running = loop.Start("lane", d.Run, func(e loop.Ended) {
		if e.Panic != nil {
			d.failed <- e
		}
	})
}

func (d *drivenLane) leave() {
	d.running.Quit()
	d.Leave()
	d.running.Stop()
	d.Stay()
}

// listening is told what the lane tells its actors, on the lane's goroutine.
type listening struct {
	*actor.RootContext
	*drivenLane
}

func (s listening) Send(_ *actor.PID, msg any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := msg.(type) {
	case opened:
		s.open[m.Conn] = true
	case closed:
		s.closed++
	case received:
		what := strings.TrimSpace(string(m.In[strings.Index(string(m.In), "Call-ID: ")+9:]))
		if s.poison != "" && what == s.poison {
			m.Free()
			panic("poisoned")
		}
		if s.heard = append(s.heard, what); s.keep {
			s.kept = append(s.kept, m.Packet)
			return
		}
		m.Free()
	}
}

// hears wants exactly these to have been heard.
func (d *drivenLane) hears(want []string) {
	d.t.Helper()
	d.eventually(fmt.Sprintf("%d messages are heard", len(want)), func() bool { return len(d.heard) >= len(want) })
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := strings.Join(d.heard, " "); got != strings.Join(want, " ") {
		d.t.Fatalf("%q was heard, not %q", got, want)
	}
}

func (d *drivenLane) eventually(what string, is func() bool) {
	d.t.Helper()
	for end := time.Now().Add(patient); ; time.Sleep(time.Millisecond) { // the lane announces nothing
		d.mu.Lock()
		so := is()
		d.mu.Unlock()
		if so {
			return
		}
		if time.Now().After(end) {
			d.t.Fatalf("it is not so that %s", what)
		}
	}
}

// giveBack has the lane get back its packets, as from a name that was asked for.
func (d *drivenLane) giveBack() {
	d.mu.Lock()
	d.keep = false
	kept := d.kept
	d.kept = nil
	d.mu.Unlock()
	for _, p := range kept {
		p.Return(message.AtRoute, message.Drop(message.SendFailed))
	}
}

func (d *drivenLane) dial() *net.TCPConn {
	d.t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(d.endpoint.Addr()))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patient))
	d.eventually("it is open", func() bool { return d.endpoint.To(addrPortOf(c), "") != nil })
	return c
}

// options is a request whose Call-ID is to be heard.
func options(id string) string {
	return "OPTIONS sip:b@example.com SIP/2.0\r\nContent-Length: 0\r\nCall-ID: " + id + "\r\n\r\n"
}

func (d *drivenLane) say(c net.Conn, ids []string) {
	d.t.Helper()
	var all strings.Builder
	for _, id := range ids {
		all.WriteString(options(id))
	}
	if _, err := io.WriteString(c, all.String()); err != nil {
		d.t.Fatal(err)
	}
}

func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%d", prefix, i))
	}
	return ids
}

// stall has the lane hold what comes, until giveBack.
func (d *drivenLane) stall() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keep = true
}

// held wants the lane to wait for packets.
func (d *drivenLane) held() {
	d.t.Helper()
	d.eventually("the lane waits for packets", d.Intakes[0].Pressed)
}

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
	go d.say(a, third) // more than is read at once
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

func addrPortOf(c net.Conn) netip.AddrPort { return netip.MustParseAddrPort(c.LocalAddr().String()) }

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
