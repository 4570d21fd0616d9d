package remote

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/actorsip/actorsip/actors/remote/wire"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
)

func TestAPacketIsAnchoredByItsOwner(t *testing.T) {
	c := build(t, 2, nil)
	l := c.nodes[1].lane(1)
	for _, text := range []string{request("INVITE", offer), request("UPDATE", offer), response("200 OK", "INVITE", offer)} {
		l.anchor(2, text)
		l.expect(2, passed, "node2")
		l.anchor(1, text)
		l.expect(1, passed, "node1")
		l.anchor(0, text) // of a new call
		l.expect(1, passed, "node1")
	}
	l.anchor(2, request("BYE", ""))
	l.expect(2, passed, "")
	l.whole()
}

// What the sessions of the owner say is what becomes of the packet.
func TestTheOwnersWordCounts(t *testing.T) {
	var say atomic.Value
	c := build(t, 2, func(n *node) {
		n.session = func(v message.Anchor) {
			o := say.Load().(message.Outcome)
			v.SetExtra(append(v.Extra(), "Retry-After: 7\r\n"...))
			v.Return(message.AtAnchor, o)
		}
	})
	l := c.nodes[1].lane(1)
	for _, o := range []message.Outcome{message.Answer(message.NoPorts), message.Refuse(message.UnknownUser, 480, "Gone Fishing"), message.Drop(message.Panicked)} {
		say.Store(o)
		l.anchor(2, request("INVITE", offer))
		p, _, got := l.outcome()
		if got != o.String() || string(p.Lines()) != "Retry-After: 7\r\n" {
			t.Errorf("the outcome is %q with %q, not %q", got, p.Lines(), o)
		}
		p.Free()
	}
	l.whole()
}

// Whichever node gets a packet of such a call, it is anchored where all nodes would have it.
func TestACallOfANodeThatIsGoneIsAnchoredWhereAllLookForIt(t *testing.T) {
	c := build(t, 3, nil)
	for _, n := range []uint16{1, 3} {
		l := c.nodes[n].lane(1)
		c.fall(2)
		l.anchor(2, request("INVITE", offer))
		l.expect(1, passed, "node1")
		l.anchor(77, request("INVITE", offer)) // nobody has ever heard of it
		l.expect(1, passed, "node1")
		l.whole()
	}
}

// A node that drains is left by a call with its next offer, whichever node that comes to. What comes after follows, and of the end both
// nodes hear.
func TestACallLeavesANodeThatDrains(t *testing.T) {
	var heard [4]atomic.Int32
	c := build(t, 3, func(n *node) {
		n.session = func(v message.Anchor) {
			heard[n.id].Add(1)
			n.mark(v)
		}
	})
	c.nodes[3].draining.Store(true)
	for _, n := range []uint16{1, 2, 3} {
		l := c.nodes[n].lane(1)
		for _, text := range []string{request("ACK", offer), request("PRACK", offer), request("UPDATE", ""), response("200 OK", "INVITE", offer), request("BYE", "")} {
			l.anchor(3, text)
			p, _, _ := l.outcome()
			if p.Owner != 3 {
				t.Errorf("node %d: %.12s has the call leave for node %d", n, text, p.Owner)
			}
			p.Free()
		}
		for _, text := range []string{request("INVITE", ""), request("UPDATE", offer)} {
			l.anchor(3, text)
			body := map[bool]string{true: "node1"}[strings.HasSuffix(text, offer)]
			l.expect(1, passed, body)
		}
		l.anchor(3, request("ACK", offer))
		l.expect(1, passed, "node1")
		l.anchor(3, response("200 OK", "INVITE", offer)) // to an offer that was anchored before it drained, and whose retransmission was not
		l.expect(3, passed, "node3")
		before := [4]int32{0, heard[1].Load(), heard[2].Load(), heard[3].Load()}
		l.anchor(3, request("BYE", ""))
		p, _, o := l.outcome()
		if o != passed {
			t.Errorf("node %d: the outcome is %q", n, o)
		}
		p.Free()
		for id, want := range [4]int32{1: 1, 3: 1} {
			if got := heard[id].Load() - before[id]; got != want {
				t.Errorf("by node %d: node %d has heard %d times of the end, not %d", n, id, got, want)
			}
		}
		l.whole()
	}
	l := c.nodes[2].lane(1)
	l.anchor(3, request("INVITE", offer))
	l.expect(1, passed, "node1")
	c.nodes[3].draining.Store(false)
	l.anchor(3, request("ACK", offer)) // it has left
	l.expect(1, passed, "node1")
	l.anchor(3, request("UPDATE", offer)) // and is here again
	l.expect(3, passed, "node3")
	c.nodes[3].draining.Store(true)
	l.anchor(3, request("UPDATE", offer))
	l.expect(1, passed, "node1")
	c.fall(1)
	l.anchor(3, request("UPDATE", offer))
	l.expect(2, passed, "node2")
	l.whole()
}

// Nodes drain one after the other, as when all of them are replaced. A call that the first one has sent to the second must not be sent
// back and forth between the two.
func TestACallIsRelayedWhileItsNodesDrainOneAfterTheOther(t *testing.T) {
	c := build(t, 3, func(n *node) { n.relays = n.id > 1 })
	l := c.nodes[1].lane(1)
	for i, drains := range []uint16{3, 2, 3, 2} {
		c.nodes[drains].draining.Store(true)
		c.nodes[5-drains].draining.Store(false)
		stays := 5 - drains
		for range 2 {
			l.anchor(3, request("INVITE", offer))
			l.expect(stays, passed, fmt.Sprintf("node%d", stays))
			l.anchor(3, request("ACK", offer))
			l.expect(stays, passed, fmt.Sprintf("node%d", stays))
		}
		if t.Failed() {
			t.Fatalf("in turn %d", i)
		}
	}
	l.whole()
}

// A Call-ID may be as long as a message. What is remembered of a call that has left is not.
func TestCallsThatHaveLeftTakeLittleMemory(t *testing.T) {
	const calls = 2000
	c := build(t, 2, nil)
	c.nodes[1].draining.Store(true)
	l := c.nodes[1].lane(1)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range calls {
		l.anchor(1, strings.Replace(request("INVITE", offer), "Call-ID: call", fmt.Sprintf("Call-ID: %03000d", i), 1))
		l.expect(2, passed, "node2")
	}
	if each := (heap() - before) / calls; each > 500 {
		t.Errorf("%d bytes are remembered of each call", each)
	}
	l.whole()
}

// A node that has begun just now does not see all others yet: it waits for the one that has the call's media, and not for long.
func TestANodeThatHasJustBegunWaitsForTheOwner(t *testing.T) {
	c := build(t, 2, nil)
	l := c.nodes[1].lane(2)
	c.fall(2)
	c.nodes[1].settling.Store(true)
	l.anchor(0, request("INVITE", offer)) // a new call does not wait
	l.expect(1, passed, "node1")
	l.anchor(2, request("INVITE", offer))
	time.AfterFunc(3*settling, func() { c.rise(2) })
	l.expect(2, passed, "node2")
	c.fall(2)
	l.anchor(2, request("INVITE", offer))
	time.AfterFunc(3*settling, func() { c.nodes[1].settling.Store(false) })
	l.expect(1, passed, "node1")
	l.whole()
}

// A node that does not relay has another one do it, and another one still when that one is gone, or does not answer.
func TestAnotherNodeRelaysWhenTheOwnerCannot(t *testing.T) {
	c := build(t, 3, func(n *node) { n.relays = n.id > 1 })
	l := c.nodes[1].lane(1)
	l.anchor(0, request("INVITE", offer))
	l.expect(2, passed, "node2")
	l.anchor(3, request("INVITE", offer))
	l.expect(3, passed, "node3")
	l.anchor(1, request("INVITE", offer)) // it has had no media so far
	l.expect(2, passed, "node2")
	c.post = func(to uint16, _ proto.Message, now func()) {
		if to != 2 {
			now()
		}
	}
	l.anchor(2, request("INVITE", offer))
	l.expect(3, passed, "node3")
	c.fall(2)
	l.anchor(2, request("INVITE", offer))
	l.expect(3, passed, "node3")
	c.fall(3)
	l.anchor(3, request("INVITE", offer))
	p, _, o := l.outcome()
	if o != "answer 503: "+message.NoPorts.String() || !strings.Contains(string(p.Lines()), "Retry-After") {
		t.Errorf("with nobody to relay the outcome is %q, %q", o, p.Lines())
	}
	p.Free()
	for _, text := range []string{request("BYE", ""), response("200 OK", "BYE", ""), response("180 Ringing", "INVITE", "")} {
		l.anchor(3, text)
		p, _, o := l.outcome()
		if o != passed {
			t.Errorf("%.12s needs nobody, and its outcome is %q", text, o)
		}
		p.Free()
	}
	l.whole()
}

// A call that begins is tried elsewhere where there is no room for it. One that is up stays where it is.
func TestACallBeginsWhereThereIsRoom(t *testing.T) {
	for _, why := range []message.Reason{message.NoPorts, message.TooManySessions} {
		c := build(t, 3, func(n *node) {
			n.relays = n.id > 1
			n.session = func(v message.Anchor) {
				if n.id == 2 {
					v.Return(message.AtAnchor, message.Answer(why))
					return
				}
				n.mark(v)
			}
		})
		l := c.nodes[1].lane(1)
		l.anchor(0, strings.Replace(request("INVITE", offer), ";tag=2", "", 1))
		l.expect(3, passed, "node3")
		l.anchor(2, request("INVITE", offer))
		p, _, o := l.outcome()
		if o != message.Answer(why).String() || p.Owner != 2 {
			t.Errorf("the outcome of a re-INVITE is %q, by node %d", o, p.Owner)
		}
		p.Free()
		l.whole()
	}
}

// An answer that comes when nobody waits any more changes nothing, and a second one neither.
func TestALateAnswerIsForNobody(t *testing.T) {
	c := build(t, 2, nil)
	held := make(chan func(), 2)
	c.post = func(_ uint16, msg proto.Message, now func()) {
		if _, answer := msg.(*wire.Anchored); answer {
			held <- now
			return
		}
		now()
	}
	l := c.nodes[1].lane(2)
	began := time.Now()
	l.anchor(2, request("INVITE", offer))
	l.expect(1, passed, "node1")
	if took := time.Since(began); took < patience || took > 3*patience {
		t.Errorf("the owner was waited for %v", took)
	}
	l.anchor(2, request("UPDATE", offer)) // another packet waits now, perhaps in the same place
	late, answer := <-held, <-held
	late()
	late()
	if len(l.inbox.Take(nil)) != 0 {
		t.Error("a late answer was taken for that to another packet")
	}
	answer()
	answer()
	l.expect(2, passed, "node2")
	l.whole()
}

// An owner that this node only just connects to is waited for, or media would be in two places when other nodes reach it already.
func TestAnOwnerThatHasJustComeIsWaitedFor(t *testing.T) {
	c := build(t, 3, nil)
	held := make(chan func(), 1)
	c.post = func(_ uint16, msg proto.Message, now func()) {
		if _, ask := msg.(*wire.Anchor); ask {
			held <- now
			return
		}
		now()
	}
	n := c.nodes[1]
	l := n.lane(1)
	n.meeting.Store(true)
	l.anchor(2, request("INVITE", offer))
	time.AfterFunc(2*patience, func() { n.meeting.Store(false); (<-held)() })
	l.expect(2, passed, "node2")
	l.whole()
}

// An answer to a process that has died is not taken by the next one, which asks about other calls.
func TestAnAnswerIsForTheProcessThatHasAsked(t *testing.T) {
	c := build(t, 2, nil)
	held := make(chan func(), 2)
	c.post = func(_ uint16, msg proto.Message, now func()) {
		if _, answer := msg.(*wire.Anchored); answer {
			held <- now
			return
		}
		now()
	}
	before := c.nodes[1].lane(1)
	before.anchor(2, request("INVITE", offer))
	c.nodes[1].start()
	l := c.nodes[1].lane(1)
	l.anchor(2, request("UPDATE", offer))
	first, second := <-held, <-held
	first()
	if len(l.inbox.Take(nil)) != 0 {
		t.Error("it was taken for the answer to another packet")
	}
	second()
	l.expect(2, passed, "node2")
	before.expect(1, passed, "node1") // nobody has answered
	l.whole()
}

func TestTicketsThatNobodyHasGivenOut(t *testing.T) {
	c := build(t, 2, nil)
	n := c.nodes[1]
	at := actor.NewPID(n.actors.Address(), Path)
	asked := make(chan uint64, 1)
	c.post = func(_ uint16, msg proto.Message, _ func()) { asked <- msg.(*wire.Anchor).Ticket } // nobody answers
	l := n.lane(1)
	l.anchor(2, request("INVITE", offer))
	ticket := <-asked
	for _, msg := range []any{
		&wire.Anchored{Ticket: ticket + 1, Passed: true, Body: []byte("x")}, &wire.Written{Ticket: ticket + 1, Gone: true}, &wire.Written{Ticket: ticket}, &wire.Written{Ticket: ticket, Gone: true},
		&wire.Anchored{}, &wire.Written{},
	} {
		n.actors.Root.Send(at, msg)
	}
	l.expect(1, passed, "node1")
	n.actors.Root.Send(at, &wire.Anchored{Ticket: ticket, Passed: true})
	l.whole()
	if n := n.restarts.Total(); n != 0 {
		t.Errorf("%d restarts", n)
	}
}

// What another node tells may be anything.
func TestNonsenseFromAnotherNode(t *testing.T) {
	c := build(t, 2, nil)
	n := c.nodes[2]
	var answers atomic.Int32
	c.post = func(_ uint16, msg proto.Message, _ func()) {
		if a, ok := msg.(*wire.Anchored); ok && !a.Passed && a.Status == 503 {
			answers.Add(1)
		}
		if w, ok := msg.(*wire.Written); ok && w.Gone {
			answers.Add(1)
		}
	}
	good := request("INVITE", offer)
	all := []proto.Message{
		&wire.Anchor{From: "node1"},
		&wire.Anchor{From: "node1", Ingress: "inside", Egress: "outside"},
		&wire.Anchor{From: "node1", Ingress: "inside", Egress: "outside", Message: []byte("nonsense\r\n\r\n")},
		&wire.Anchor{From: "node1", Ingress: "inside", Egress: "nowhere", Message: []byte(good)},
		&wire.Anchor{From: "node1", Ingress: "inside", Egress: "outside", Message: []byte(request("INVITE", strings.Repeat("v=0\r\n", 4096)))},
		&wire.Write{From: "node1"},
		&wire.Write{From: "node1", Leg: "inside", Flow: 7, Message: []byte("x")},
		&wire.Write{From: "node1", Leg: "nowhere", Flow: 7},
		&wire.Write{From: "node1", Leg: "inside", Message: []byte("x"), To: []byte("nonsense")},
		&wire.Write{From: "node1", Leg: "inside", Message: []byte("x"), To: place(netip.MustParseAddrPort("[2001:db8::1]:5060"))},
	}
	for _, msg := range all {
		n.actors.Root.Send(actor.NewPID(n.actors.Address(), Path), msg)
	}
	if got := int(answers.Load()); got != len(all) {
		t.Errorf("%d of %d were refused", got, len(all))
	}
	for range 20 { // from nobody, and places that are none
		n.actors.Root.Send(actor.NewPID(n.actors.Address(), Path), &wire.Anchor{
			From: "nobody", Ingress: "inside", Egress: "outside", Message: []byte(good), Source: []byte{1}, Next: []byte("x"),
		})
	}
	n.lane(1).whole()
	if n := n.restarts.Total(); n != 0 {
		t.Errorf("%d restarts", n)
	}
}

// More packets are asked for than the owner has a place for: what describes media is refused, the rest goes on.
func TestTheOwnerHasNoPlaceForMore(t *testing.T) {
	var mu sync.Mutex
	var held []message.Anchor
	c := build(t, 2, nil)
	owner := c.nodes[2]
	owner.session = func(v message.Anchor) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, v)
	}
	l := c.nodes[1].lane(20)
	for range 8 {
		l.anchor(2, request("INVITE", offer))
	}
	l.anchor(2, request("INVITE", offer))
	p, _, o := l.outcome()
	if o != "answer 503: "+message.NoPorts.String() || !strings.Contains(string(p.Lines()), "Retry-After") {
		t.Errorf("the outcome is %q, %q", o, p.Lines())
	}
	p.Free()
	l.anchor(2, response("200 OK", "INVITE", offer))
	p, _, o = l.outcome()
	p.Settle(l.actors.Root, message.AtAnchor, message.Drop(message.NoPorts))
	if !strings.HasPrefix(o, "answer 503") { // which a response is dropped for
		t.Errorf("the outcome is %q", o)
	}
	l.anchor(2, request("BYE", ""))
	l.expect(2, passed, "")
	mu.Lock()
	for _, v := range held {
		owner.mark(v)
	}
	mu.Unlock()
	for range 8 {
		l.expect(2, passed, "node2")
	}
	l.whole()
}

// A panic in the sessions of the owner costs the packet, and so does one in the room that asked; no other.
func TestAPanicCostsItsPacket(t *testing.T) {
	for _, where := range []string{"media of the owner", "message.Anchor", "*wire.Anchor", "*wire.Anchored", "remote.returned", "remote.tick"} {
		t.Run(where, func(t *testing.T) {
			var armed atomic.Bool
			c := build(t, 2, func(n *node) {
				n.session = func(v message.Anchor) {
					if where == "media of the owner" && armed.CompareAndSwap(true, false) {
						panic("on purpose")
					}
					n.mark(v)
				}
				n.chaos = func(_ string, msg any) bool {
					if name(msg) == where && armed.CompareAndSwap(true, false) {
						panic("on purpose")
					}
					return false
				}
			})
			l := c.nodes[1].lane(3)
			l.anchor(2, request("INVITE", offer))
			l.expect(2, passed, "node2")
			armed.Store(true)
			l.anchor(2, request("INVITE", offer))
			p, _, o := l.outcome()
			t.Logf("the outcome is %q, by node %d", o, p.Owner)
			p.Free()
			for deadline := time.Now().Add(5 * time.Second); armed.Load(); <-time.After(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("nothing panicked")
				}
			}
			for range 3 {
				l.anchor(2, request("INVITE", offer))
				l.expect(2, passed, "node2")
			}
			l.whole()
			if n := c.nodes[1].restarts.Total() + c.nodes[2].restarts.Total(); n != 1 {
				t.Errorf("%d restarts", n)
			}
		})
	}
}

// A connection of another node that is not there is a 430, made of the request as it came.
func TestAConnectionThatIsGone(t *testing.T) {
	for _, how := range []string{"gone", "silent", "down"} {
		t.Run(how, func(t *testing.T) {
			c := build(t, 2, nil)
			switch how {
			case "silent":
				c.post = func(uint16, proto.Message, func()) {}
			case "down":
				c.fall(2)
			}
			l := c.nodes[1].lane(1)
			for _, is := range []struct{ text, want string }{
				{request("INVITE", offer), "answer 430: " + message.FlowFailed.String()},
				{response("200 OK", "INVITE", ""), "drop: " + message.FlowFailed.String()},
			} {
				p := l.packet(0, is.text)
				p.EgressFlow = stream.ID(2)<<32 | 5
				p.Insert(0, append(p.Text(), "Via: SIP/2.0/UDP ours;branch=z9hG4bKours\r\n"...))
				p.Out = p.AppendTo(p.Fresh())
				p.Settle(l.actors.Root, message.AtSend, message.Hand(actor.NewPID(l.actors.Address(), Path), message.Write{Packet: p}))
				p, at, o := l.outcome()
				if at != message.AtSend || o != is.want {
					t.Errorf("the outcome at %s is %q, not %q", at, o, is.want)
				}
				if p.IsRequest() {
					if answer := string(p.AppendAnswer(nil, 430, "Flow Failed", nil, nil)); strings.Contains(answer, "ours") || strings.Count(answer, "Via:") != 2 {
						t.Errorf("the answer is\n%s", answer)
					}
				}
				p.Free()
			}
			l.whole()
		})
	}
}

// What a NAT lets in from another node's socket only is sent by that one, as it is. When it does not, this node tries itself.
func TestADatagramForAnotherNodesPinhole(t *testing.T) {
	to := netip.MustParseAddrPort("192.0.2.7:40000")
	for how, want := range map[string]string{"sent": "sent", "full": passed, "silent": passed, "down": passed} {
		t.Run(how, func(t *testing.T) {
			sent := make(chan string, 2)
			c := build(t, 2, func(n *node) {
				n.emit = func(leg int, to netip.AddrPort, datagram []byte) bool {
					sent <- fmt.Sprintf("%d %d %s %s", n.id, leg, to, datagram)
					return how != "full"
				}
			})
			switch how {
			case "silent":
				c.post = func(uint16, proto.Message, func()) {}
			case "down":
				c.fall(2)
			}
			l := c.nodes[1].lane(1)
			for _, text := range []string{request("INVITE", offer), response("200 OK", "INVITE", "")} {
				p := l.packet(0, text)
				p.To, p.Pinhole = to, message.Pinhole{Addr: to, Node: 2}
				p.Out = p.AppendTo(p.Fresh())
				p.Settle(l.actors.Root, message.AtSend, message.Hand(actor.NewPID(l.actors.Address(), Path), message.Write{Packet: p}))
				p, at, o := l.outcome()
				if o == passed && p.Pinhole.Addr.IsValid() || at != message.AtSend || o != want {
					t.Errorf("the outcome at %s is %q, by %+v", at, o, p.Pinhole)
				}
				if how == "sent" || how == "full" {
					if got, want := <-sent, "2 1 192.0.2.7:40000 "+string(p.Out); got != want {
						t.Errorf("%s was sent, want %s", got, want)
					}
				}
				p.Free()
			}
			l.whole()
		})
	}
}

// Many lanes of two nodes, messages that are lost, come twice or late: each packet comes back once, and none is missing.
func TestNoPacketIsLostOrComesTwice(t *testing.T) {
	const lanes, packets = 4, 150
	c := build(t, 2, nil)
	var late sync.WaitGroup
	c.post = func(_ uint16, _ proto.Message, now func()) {
		switch rand.IntN(40) {
		case 0: // lost
		case 1:
			now()
			now()
		case 2:
			late.Add(1)
			time.AfterFunc(time.Duration(rand.IntN(800))*time.Millisecond, func() { defer late.Done(); now() })
		default:
			now()
		}
	}
	var all sync.WaitGroup
	for i := range lanes {
		l := c.nodes[uint16(1+i%2)].lane(packets)
		all.Go(func() {
			for j := range packets {
				l.anchor(uint16(1+j%2), []string{request("INVITE", offer), request("BYE", ""), response("200 OK", "INVITE", offer)}[j%3])
			}
			for range packets {
				p, _, _ := l.outcome()
				p.Free()
			}
			if n := l.pool.InUse(); n != 0 {
				t.Errorf("%d packets are missing", n)
			}
		})
	}
	all.Wait()
	late.Wait()
	c.nodes[1].lane(1).whole()
	for id, n := range c.nodes {
		if r := n.restarts.Total(); r != 0 {
			t.Errorf("node %d: %d restarts", id, r)
		}
	}
}
