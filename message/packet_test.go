package message

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/sipwire"
)

func TestAnEmptyPoolGivesNothing(t *testing.T) {
	pool := NewPool(3, 100, &Counts{})
	var taken []*Packet
	for n := range 3 {
		p := pool.Take()
		if p == nil || pool.InUse() != n+1 {
			t.Fatalf("packet %d: %v, %d in use", n, p, pool.InUse())
		}
		taken = append(taken, p)
	}
	if pool.Take() != nil {
		t.Fatal("a pool of 3 gave a fourth packet")
	}
	taken[1].Free()
	if p := pool.Take(); p != taken[1] || pool.InUse() != 3 {
		t.Fatalf("the packet that came back is not given out: %v, %d in use", p, pool.InUse())
	}
	for _, p := range taken {
		p.Free()
	}
	if pool.InUse() != 0 {
		t.Fatalf("%d are in use when all are back", pool.InUse())
	}
}

func TestAPacketIsFreedOnce(t *testing.T) {
	p := NewPool(1, 100, &Counts{}).Take()
	p.Free()
	defer func() {
		if recover() == nil {
			t.Fatal("a packet can be freed twice")
		}
	}()
	p.Free()
}

// Two packets that share memory would mix two calls.
func TestNoTwoPacketsShareMemory(t *testing.T) {
	const n, limit = 4, 300
	pool := NewPool(n, limit, &Counts{})
	var all []*Packet
	for i := range n {
		p := pool.Take()
		p.In = p.In[:cap(p.In)]
		p.Out = p.Fresh()[:p.Longest()]
		if len(p.In) != limit || len(p.Out) <= limit || cap(p.Out) != len(p.Out) {
			t.Fatalf("buffers of %d and %d bytes for messages of %d", len(p.In), len(p.Out), limit)
		}
		for j := range p.In {
			p.In[j] = byte(2 * i)
		}
		for j := range p.Out {
			p.Out[j] = byte(2*i + 1)
		}
		all = append(all, p)
	}
	for i, p := range all {
		if strings.Trim(string(p.In), string(rune(2*i))) != "" || strings.Trim(string(p.Out), string(rune(2*i+1))) != "" {
			t.Fatalf("packet %d was written over", i)
		}
		if grown := append(p.Out, 0xff); &grown[0] == &p.Out[0] {
			t.Fatalf("packet %d grows into the next one", i)
		}
	}
}

// What one packet was must not speak for the next one.
func TestATakenPacketRemembersNothing(t *testing.T) {
	pool := NewPool(1, 1000, &Counts{})
	p := pool.Take()
	p.In = p.In[:copy(p.In, "INVITE sip:a SIP/2.0\r\n\r\n")]
	p.Parse(p.In)
	p.Via.Port, p.Reply.Port = 1, 1
	p.Ingress, p.Egress = &Leg{}, &Leg{}
	p.To = netip.MustParseAddrPort("10.0.0.1:1")
	p.Found, p.Hash, p.Opened, p.Routed, p.Pressed = &Found{}, 1, true, true, true
	p.Home = actor.NewPID("", "a")
	p.Status, p.Reason = 500, Looped
	p.SetExtra(append(p.Extra(), "A: b\r\n"...))
	p.Out = append(p.Fresh(), "text"...)
	p.Free()
	p = pool.Take()
	if p.Via != (sipwire.ViaValue{}) || p.Reply.Port != 0 || p.Reply.Host != nil || p.Ingress != nil || p.Egress != nil ||
		p.To.IsValid() || p.Found != nil || p.Hash != 0 || p.Opened || p.Routed || p.Pressed || p.Status != 0 || p.Reason != 0 ||
		p.extra != nil || len(p.Out) != 0 {
		t.Fatalf("it remembers: %+v", p)
	}
}

// A room may panic before or after it has given the packet back.
func TestALostPacketIsFreedIfItIsNot(t *testing.T) {
	counts := &Counts{}
	pool := NewPool(2, 100, counts)
	pool.Take().Lost()
	p := pool.Take()
	p.Free()
	p.Lost()
	if first, second := pool.Take(), pool.Take(); first == nil || second == nil || first == second || pool.Take() != nil {
		t.Fatal("the pool has lost count")
	}
	want := Count{Stage: "receive", Outcome: "drop", Reason: Panicked.String(), Packets: 2}
	if got := Sum([]*Counts{counts}); len(got) != 1 || got[0] != want {
		t.Fatalf("counted %+v, want %+v", got, want)
	}
}

// A buffer for what leaves belongs to one packet until that is free; then it serves the next one.
func TestABufferGoesBackWithItsPacket(t *testing.T) {
	pool := NewPool(2, 100, &Counts{})
	a, b := pool.Take(), pool.Take()
	a.Out = append(a.Fresh(), "a"...)
	b.Out = append(b.Fresh(), "b"...)
	if again := a.Fresh(); len(again) != 0 || &again[:1][0] != &a.Out[0] {
		t.Fatal("a packet that is written anew gets another buffer")
	}
	first := &a.Out[0]
	if first == &b.Out[0] {
		t.Fatal("two packets have one buffer")
	}
	a.Free()
	a = pool.Take()
	if a.Out != nil {
		t.Fatalf("a packet that was just taken has %q to send", a.Out)
	}
	if again := a.Fresh(); &again[:1][0] != first || len(again) != 0 {
		t.Fatal("the buffer did not go back with its packet")
	}
	if n := testing.AllocsPerRun(100, func() { a.Out = append(a.Fresh(), "a"...); a.Free(); a = pool.Take() }); n > 0 {
		t.Fatalf("%v allocations", n)
	}
}
