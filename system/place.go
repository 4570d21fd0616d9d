package system

import (
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/actorsip/actorsip/actors/mediasession"
	"github.com/actorsip/actorsip/cluster"
	"github.com/actorsip/actorsip/journal"
	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/relay"
)

// place is the media place that this node shares with others (media.shared). Whoever has its addresses has the place: that is decided
// by what moves them, and the kernel is asked for it. So there are no two views of it, and no vote.
//
//	stands by ──the addresses are here──▶ Take ──the sessions have the calls──▶ holds, and says so
//	    ▲                                                                         │ they have gone, or another
//	    └──the sessions have ended them── Leave ◀─────────────────────────────────┘ node has taken it since
type place struct {
	system  *System // set once, as the next five
	name    string
	id      uint16 // by which dialogs name it
	addrs   []netip.Addr
	journal *journal.Shared
	wake    chan struct{}
	term    atomic.Int64  // of this node's turn; 0: it stands by
	taken   atomic.Uint64 // how often
	loop    *loop.Handle

	// What follows is the loop's.
	had   bool              // the addresses were here at the last look
	due   bool              // they have come since this node has held the place
	mine  bool              // it has taken it
	calls map[string][]byte // until the sessions have them
	began time.Time         // to take it
	told  time.Time         // the sessions, of what they have not done yet
	mute  bool              // that it cannot be taken was said
}

const (
	lookForAddrs = 100 * time.Millisecond
	claimTime    = 300 * time.Millisecond // that etcd has to answer before calls are taken up without it
	tellAgain    = time.Second
)

// openPlace begins to listen to what is known of the calls of the media place that this node shares.
func (s *System) openPlace(pools []relay.Pool) (*place, error) {
	if _, err := machineAddrs(); err != nil {
		return nil, fmt.Errorf("the addresses of this host cannot be read, and media.shared goes by them: %w", err)
	}
	name := s.config.Media.Shared
	p := &place{system: s, name: name, id: cluster.PlaceID(name), wake: make(chan struct{}, 1)}
	for _, pool := range pools {
		p.addrs = append(p.addrs, pool.Addr)
	}
	p.journal = journal.OpenShared(journal.SharedConfig{
		Etcd: s.shared.etcd, Name: name, Node: s.config.Node, Changed: p.rouse, Failed: s.failed("place"), Log: s.log,
	})
	return p, nil
}

// holds tells whether this node has the place.
func (p *place) holds() bool { return p.term.Load() != 0 }

func (p *place) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// startPlace looks for the addresses of the place from now on, if there is one.
func (s *System) startPlace() {
	if s.media != nil && s.media.place != nil {
		s.media.place.loop = loop.Start("place", s.media.place.run, s.failed("place"))
	}
}

// stopPlace looks no more, and leaves everything as it is.
func (s *System) stopPlace() {
	if s.media != nil && s.media.place != nil {
		s.media.place.loop.Stop()
	}
}

func (p *place) run(stop <-chan struct{}) {
	tick := time.NewTicker(lookForAddrs)
	defer tick.Stop()
	for {
		p.safely(func() { p.look(time.Now()) })
		select {
		case <-stop:
			return
		case <-tick.C:
		case <-p.wake:
		}
	}
}

// safely has a panic reported, and the next look follows: a node that looks no more would hold the place for ever.
func (p *place) safely(look func()) {
	defer func() {
		if r := recover(); r != nil {
			p.system.failed("place")(loop.Ended{Name: "place", Panic: r, Stack: debug.Stack()})
		}
	}()
	look()
}

// look takes the place or gives it up, when it is time, and sees to it that the sessions and the other nodes know.
func (p *place) look(now time.Time) {
	here := p.isHere()
	p.due = here && (p.due || !p.had)
	p.had = here
	st, away := p.journal.Standing(), p.system.media.book.Away()
	switch {
	case p.mine && !here:
		p.give("its addresses are not on this host any more")
	case p.mine && st.Lost:
		p.give("another node has taken it, though the addresses are on this host still")
	case p.mine && st.Void:
		p.give("etcd has something of its calls that was not known when it was taken: it is taken again")
		p.due = true
	case !p.mine && here && away && (p.due || !p.isElsewhere()):
		p.take(now)
	}
	p.settle(now)
}

// isHere tells whether the host has all addresses of the place. One that has just come must be good for sockets, too.
func (p *place) isHere() bool {
	all, err := machineAddrs()
	if err != nil {
		return p.had
	}
	for _, a := range p.addrs {
		if !slices.Contains(all, a.Unmap()) || !p.had && !isBindable(a) {
			return false
		}
	}
	return true
}

func isBindable(a netip.Addr) bool {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// isElsewhere tells whether another node says that it has the place. A node from which it was taken while its host has the addresses
// waits for that one: two hosts have them then, and nobody gains by nodes that take it from one another.
func (p *place) isElsewhere() bool {
	c := p.system.nodes.now.Load()
	return c != nil && slices.ContainsFunc(c.Members(), func(m cluster.Member) bool {
		return m.Node != p.system.config.Node && m.Alive && m.Place == p.name && m.Holds != 0
	})
}

// take has the journal be this node's, and its calls for the sessions.
func (p *place) take(now time.Time) {
	calls, ok := p.journal.Take(claimTime)
	if !ok {
		if !p.mute {
			p.system.log.Error("this node cannot take the media place: etcd was not there since its start, and its calls are not known", "place", p.name)
		}
		p.mute = true
		return
	}
	p.due, p.mute, p.mine, p.calls, p.began, p.told = false, false, true, calls, now, time.Time{}
}

// give ends this node's turn. The sessions are told by settle.
func (p *place) give(why string) {
	p.mine, p.calls, p.told = false, nil, time.Time{}
	p.system.log.Warn("this node gives the media place up", "place", p.name, "why", why, "calls", p.system.Sessions())
	p.hold(0)
	p.journal.Leave()
}

// settle has the sessions do what is decided, and tells it to the other nodes when it is done.
func (p *place) settle(now time.Time) {
	switch away := p.system.media.book.Away(); {
	case p.mine && away:
		p.tell(now, mediasession.Take{Calls: p.calls})
	case p.mine:
		st := p.journal.Standing()
		if p.calls != nil {
			p.taken.Add(1)
			p.system.log.Info("this node has the media place", "place", p.name, "calls", p.system.Sessions(), "took", time.Since(p.began).Round(time.Millisecond))
			p.calls = nil
		}
		p.hold(st.Term)
	case !away:
		p.tell(now, mediasession.Leave{})
	}
	p.announce()
}

// tell tells the sessions, again when they have not heard it for want of room.
func (p *place) tell(now time.Time, what any) {
	if now.Sub(p.told) >= tellAgain {
		p.told = now
		p.system.actors.Root.Send(p.system.mediaAt(), what)
	}
}

func (p *place) hold(term int64) {
	if p.term.Swap(term) != term {
		p.announce()
	}
}

// announce has the other nodes know whether this one has the place, whenever they do not.
func (p *place) announce() {
	if c := p.system.nodes.now.Load(); c != nil {
		if term := p.term.Load(); c.Self().Holds != term {
			c.SetHolds(term)
		}
	}
}
