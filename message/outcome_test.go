package message

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/sipwire"
)

// listener is a room that keeps what it was told.
type listener struct {
	*actor.RootContext
	home, next *actor.PID
	heard      []string
}

func listen(t *testing.T) *listener {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return quiet }))
	t.Cleanup(system.Shutdown)
	l := &listener{RootContext: system.Root}
	spawn := func(name string) *actor.PID {
		hear := func() actor.Actor {
			return actor.ReceiveFunc(func(ctx actor.Context) {
				switch v := ctx.Message().(type) {
				case Route:
					l.heard = append(l.heard, fmt.Sprintf("%s: Route %d", name, v.Status))
				case Send:
					l.heard = append(l.heard, fmt.Sprintf("%s: Send %d", name, v.Status))
				}
			})
		}
		pid, err := system.Root.SpawnNamed(room.Props(hear, 4, room.CarryOn(room.NewRestarts(quiet)), nil), name)
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	l.home, l.next = spawn("home"), spawn("next")
	return l
}

const (
	invite   = "INVITE sip:bob@example.com SIP/2.0\r\n"
	ack      = "ACK sip:bob@example.com SIP/2.0\r\n"
	response = "SIP/2.0 200 OK\r\n"
	headers  = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 "
)

func packet(t *testing.T, pool *Pool, line string) *Packet {
	t.Helper()
	method := "INVITE"
	if line == ack {
		method = "ACK"
	}
	p := pool.Take()
	p.In = p.In[:copy(p.In[:cap(p.In)], line+headers+method+"\r\n\r\n")]
	p.Source = netip.MustParseAddrPort("10.0.0.1:5060")
	if f := p.Parse(p.In); f != sipwire.None {
		t.Fatal(f)
	}
	return p
}

// Each outcome has one end: the packet is told to one room, waits, or is back in its pool.
func TestEachOutcomeIsDoneOnceAndCounted(t *testing.T) {
	for _, c := range []struct {
		name    string
		line    string
		outcome func(l *listener, p *Packet) Outcome
		heard   string // by whom, and with which status; empty when nobody is told
		inUse   int
		counted string
		text    string
	}{
		{
			"a request goes on", invite,
			func(l *listener, p *Packet) Outcome { return Pass(l.next, Route{p}) },
			"next: Route 0", 1, "pass", "pass to next: Route",
		},
		{
			"a response goes on", response,
			func(l *listener, p *Packet) Outcome { return Pass(l.next, Send{p}) },
			"next: Send 0", 1, "pass", "pass to next: Send",
		},
		{
			"a request is answered", invite,
			func(*listener, *Packet) Outcome { return Answer(Looped) },
			"home: Send 482", 1, "answer " + Looped.String(), "answer 482: " + Looped.String(),
		},
		{
			"a request is answered for a fault", invite,
			func(*listener, *Packet) Outcome { return Answer(Reason(sipwire.BadContact)) },
			"home: Send 400", 1, "answer " + sipwire.BadContact.String(), "answer 400: " + sipwire.BadContact.String(),
		},
		{
			"an ACK is never answered", ack,
			func(*listener, *Packet) Outcome { return Answer(Looped) },
			"", 0, "drop " + Looped.String(), "answer 482: " + Looped.String(),
		},
		{
			"a response is never answered", response,
			func(*listener, *Packet) Outcome { return Answer(NoLeg) },
			"", 0, "drop " + NoLeg.String(), "answer 480: " + NoLeg.String(),
		},
		{
			"a request is dropped", invite,
			func(*listener, *Packet) Outcome { return Drop(KeepAlive) },
			"", 0, "drop " + KeepAlive.String(), "drop: keep-alive",
		},
		{
			"a request waits", invite,
			func(*listener, *Packet) Outcome { return Await() },
			"", 1, "await", "await",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := listen(t)
			counts := &Counts{}
			pool := NewPool(2, 1000, counts)
			p := packet(t, pool, c.line)
			p.Home = l.home
			o := c.outcome(l, p)
			if o.String() != c.text {
				t.Errorf("the outcome reads %q, want %q", o, c.text)
			}
			p.Settle(l, AtOpen, o)
			if got := strings.Join(l.heard, ", "); got != c.heard {
				t.Errorf("told %q, want %q", got, c.heard)
			}
			if pool.InUse() != c.inUse {
				t.Errorf("%d packets are in use, want %d", pool.InUse(), c.inUse)
			}
			var counted []string
			for _, n := range Sum([]*Counts{counts}) {
				if n.Stage != "open" || n.Packets != 1 {
					t.Errorf("counted %+v", n)
				}
				counted = append(counted, strings.TrimSpace(n.Outcome+" "+n.Reason))
			}
			if strings.Join(counted, ", ") != c.counted {
				t.Errorf("counted %q, want %q", counted, c.counted)
			}
		})
	}
}

func TestAnOutcomeToNobodyCanBeRead(t *testing.T) {
	if got := Pass(nil, Open{}).String(); got != "pass to nobody: Open" {
		t.Errorf("it reads %q", got)
	}
}

func TestAnAnswerCarriesItsLines(t *testing.T) {
	pool := NewPool(1, 1000, &Counts{})
	p := packet(t, pool, invite)
	p.Status, p.Reason = Overloaded.Status(), Overloaded
	p.SetExtra(append(p.Extra(), "Retry-After: 5\r\n"...))
	want := "SIP/2.0 503 Service Unavailable\r\n" +
		"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=t\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" +
		"Retry-After: 5\r\nContent-Length: 0\r\n\r\n"
	if got := string(p.AppendReply(nil, []byte("t"))); got != want {
		t.Errorf("the answer is\n%s\nwant\n%s", got, want)
	}
	p.Free()
	p = pool.Take()
	p.In = p.In[:copy(p.In[:cap(p.In)], invite+headers+"INVITE\r\n\r\n")]
	p.Parse(p.In)
	p.Status, p.Reason = Looped.Status(), Looped
	if got := string(p.AppendReply(nil, []byte("t"))); strings.Contains(got, "Retry-After") {
		t.Errorf("the next packet's answer has the lines of the last one:\n%s", got)
	}
}
