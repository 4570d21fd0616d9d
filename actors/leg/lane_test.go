//go:build linux

package leg

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// laneOfOne is a lane with one leg on loopback, whose answers go straight back to that leg.
func laneOfOne(t *testing.T) (*Lane, *leg) {
	t.Helper()
	counts, log := &message.Counts{}, slog.New(slog.DiscardHandler)
	sock, err := Listen("one", netip.MustParseAddrPort("127.0.0.1:0"), true, log, counts)
	if err != nil {
		t.Fatal(err)
	}
	sock.Leg = message.NewLeg("one", sipwire.UDP, sock.Addr, "", 0)
	lane, err := NewLane([]*Socket{sock}, []*Intake{nil}, message.NewPool(4*batch, 2000, counts), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lane.Close)
	keys := keyring.NewRing(stage.ReadKeys(t, stage.KeyFile(t, "lane")))
	legs := message.NewLegs([]*message.Leg{sock.Leg})
	room := New(Config{Legs: legs, Keys: keys, MaxForwards: 70}, Next{}, sock.Leg, lane)().(*leg)
	quiet := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	lane.Wire(straight{quiet.Root, room}, []*actor.PID{actor.NewPID("", "one")}, nil)
	return lane, room
}

// straight tells a leg at once what is said to anybody.
type straight struct {
	*actor.RootContext
	room *leg
}

func (s straight) Send(_ *actor.PID, msg any) {
	p := msg.(message.Send).Packet
	if o, done := s.room.send(p); !done {
		p.Settle(s, message.AtSend, o)
	}
}

// A batch of requests that the kernel refuses, and then refuses the answers to, gives all its packets back.
func TestRefusedAnswersToRefusedRequestsAreGivenBack(t *testing.T) {
	lane, room := laneOfOne(t)
	nowhere := netip.MustParseAddrPort("255.255.255.255:5060") // not without SO_BROADCAST
	for round := range 3 {
		for i := range batch {
			p := lane.Pool.Take()
			text := request("OPTIONS", bob, fmt.Sprintf("SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK%d", i))
			p.In = append(p.In[:0], strings.ReplaceAll(text, "\n", "\r\n")...)
			p.Source, p.Ingress, p.Egress, p.To = nowhere, room.facts, room.facts, nowhere
			if f := p.Parse(p.In); f != sipwire.None {
				t.Fatal(f)
			}
			p.Via, _ = p.TopVia()
			if o, done := room.send(p); !done {
				t.Fatal(o)
			}
		}
		lane.flush()
		if n := lane.Pool.InUse(); n != 0 {
			t.Fatalf("round %d: %d packets were not given back", round, n)
		}
	}
}

// A lane whose address is gone tries again and again to open its sockets, and must not close what others have opened
// meanwhile under the same numbers.
func TestARebindThatFailsClosesNothingOfOthers(t *testing.T) {
	lane, _ := laneOfOne(t)
	lane.Sockets[0].Addr = netip.MustParseAddrPort("192.0.2.1:5060") // not on this machine
	if lane.Rebind() == nil {
		t.Fatal("a foreign address was bound")
	}
	var files []*os.File
	for range 6 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	if lane.Rebind() == nil {
		t.Fatal("a foreign address was bound")
	}
	for _, f := range files {
		if _, err := f.Stat(); err != nil {
			t.Errorf("somebody else's file was closed: %v", err)
		}
	}
}

// What another node has made leaves by this one's socket as it is. What the kernel refuses is nobody's to answer, and nothing is kept.
func TestADatagramOfAnotherNodeLeavesByThisSocket(t *testing.T) {
	lane, _ := laneOfOne(t)
	phone := ua.New(t, "127.0.0.1:0")
	text := strings.ReplaceAll(request("INFO", bob, via), "\n", "\r\n")
	for range 3 {
		p := lane.Pool.Take() // as it was used before, for a request
		p.In = append(p.In[:0], text...)
		p.Parse(p.In)
		p.Free()
		if !lane.Emit(0, netip.MustParseAddrPort("255.255.255.255:5060"), []byte(text)) || !lane.Emit(0, phone.Addr(), []byte(text)) {
			t.Fatal("it is not taken")
		}
		lane.collect()
		lane.flush()
		if m := phone.Receive(); string(m.Raw) != text || m.Source != lane.Sockets[0].Addr {
			t.Errorf("from %s came\n%s", m.Source, m.Raw)
		}
		if n := lane.Pool.InUse(); n != 0 {
			t.Errorf("%d packets were not given back", n)
		}
	}
	if lane.Emit(0, phone.Addr(), nil) || lane.Emit(0, phone.Addr(), make([]byte, maxDatagram+1)) {
		t.Error("what is no datagram is taken")
	}
	for range mostEmissions {
		lane.Emit(0, phone.Addr(), []byte(text))
	}
	if lane.Emit(0, phone.Addr(), []byte(text)) {
		t.Error("there is no end to what waits")
	}
	var held []*message.Packet
	for p := lane.Pool.Take(); p != nil; p = lane.Pool.Take() {
		held = append(held, p)
	}
	lane.collect() // there is no packet for any
	for _, p := range held {
		p.Free()
	}
	for lane.collect(); len(lane.emissions) > 0; lane.collect() {
		lane.flush()
	}
	lane.flush()
	if n := lane.Pool.InUse(); n != 0 {
		t.Errorf("%d packets were not given back", n)
	}
}
