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

func addrPortOf(c net.Conn) netip.AddrPort { return netip.MustParseAddrPort(c.LocalAddr().String()) }
