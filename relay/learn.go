package relay

import (
	"net/netip"
	"time"
)

// rank is how well a packet's source fits what signalling says of a side.
type rank uint8

const (
	unknown   rank = iota // nothing speaks for it
	signaller             // the address that SIP comes from
	sameHost              // the address of the description, with another port
	exact                 // address and port of the description
)

const (
	// probation is how many packets in a row a source must send that nothing but they speak for. None of them is
	// delivered, and nothing is sent there before.
	probation = 5
	// lent is how many packets are sent at first to a source that nothing speaks for. The others are held back for doubt:
	// by then an endpoint whom something speaks for will have sent something too, and have taken its place.
	lent  = 5
	doubt = time.Second
	// rebindProof is how many packets in a row show that a source has moved.
	rebindProof = 3
	// quiet is how long the old source of one that has moved must have been silent: two packets of 20 ms.
	quiet = 40 * time.Millisecond
	// talking is how long after its last packet a source still counts as one that talks.
	talking = 200 * time.Millisecond
	// learnTime and learnPackets are how long after a rule was set a source that fits better takes over at once.
	learnTime    = 5 * time.Second
	learnPackets = 250
)

// evidence is what a packet shows of its sender. Times are since the engine's start.
type evidence struct {
	from   netip.AddrPort
	at     time.Duration
	stream bool // it has an SSRC and a sequence number
	ssrc   uint32
	seq    uint16
	// continues says that it goes on where the locked source was heard last. Datagrams show nothing of that: then it is
	// one from the same host.
	continues bool
}

// source is what is known of where one side's media come from.
//
//	             ┌─ trusted rank ──────────────▶┐
//	nothing ─────┤                              ├─ locked ──┐ another port that continues the stream: rebound
//	             └─ candidate: 5 in a row ─────▶┘     ▲─────┘ a better rank: taken over
//
// It is a value without a clock or sockets. It counts on symmetric RTP (RFC 4961).
type source struct {
	kind      Kind
	remote    netip.AddrPort // of the description; invalid: it does not say
	signalled netip.Addr
	believed  bool

	locked netip.AddrPort // packets from here pass; invalid: none yet
	rank   rank           // of locked
	bound  bool           // ssrc is known
	open   bool           // the next packet may bring another ssrc
	ssrc   uint32
	heard  time.Duration // when the last packet passed

	sent       uint8         // how many of lent were sent
	sentAt     time.Duration // when the first of them was
	until      time.Duration // when the learning window is over
	left       uint16        // how many packets may pass until it is
	proving    bool          // there are candidates
	candidates [candidates]candidate
	changed    bool   // locked or ssrc changed; who has taken note clears it
	rebounds   uint64 // how often a source has moved
}

// candidates is how many sources are proved at a time: who sends packets from ever new ones must not keep an endpoint from
// proving itself.
const candidates = 4

// candidate is a source that is being proved.
type candidate struct {
	from  netip.AddrPort
	ssrc  uint32
	next  uint16 // the sequence number that makes it one more in a row
	count uint8
	rank  rank
	heard time.Duration
}

// expect sets what signalling says of a side. What was learned holds as long as that is the same; but then another SSRC
// may follow, once: a new description may mean another sender.
func (s *source) expect(side *Side, kind Kind, at time.Duration) {
	remote := side.sends()
	believed := side.Believed && remote.IsValid()
	s.kind = kind
	known := s.until != 0
	same := s.signalled == side.Signalled && s.remote == remote && s.believed == believed
	// A hold that takes the address back says nothing new of who is there.
	held := !remote.IsValid() && s.remote.IsValid() && s.signalled == side.Signalled
	if known && (same || held) {
		s.open = true
		return
	}
	*s = source{
		kind: kind, remote: remote, signalled: side.Signalled, believed: believed,
		until: at + learnTime, left: learnPackets, rebounds: s.rebounds, changed: true,
	}
}

// restore locks what an earlier process had learned.
func (s *source) restore(l Lock) {
	from := mediaAddr(l.Source)
	if !from.IsValid() {
		return
	}
	s.lock(from, max(s.rankOf(from), signaller))
	s.ssrc, s.bound = l.SSRC, l.SSRC != 0
}

// accept decides whether a packet may pass, and learns from it.
func (s *source) accept(e *evidence) (Reject, bool) {
	if e.from != s.locked {
		if !s.follow(e) {
			return Stranger, false
		}
	} else if e.stream && s.kind == RTP && s.bound && e.ssrc != s.ssrc && !s.open && s.talks(e.at) {
		return Foreign, false
	}
	if s.proving {
		s.proving, s.candidates = false, [candidates]candidate{}
	}
	s.heard = e.at
	if s.left > 0 {
		s.left--
	}
	if e.stream && (!s.bound || s.kind == RTP && e.ssrc != s.ssrc) {
		s.bound, s.ssrc, s.changed, s.open = true, e.ssrc, true, false
	}
	return 0, true
}

// follow tells whether a packet from another source than the locked one is this side's new source, and locks it then.
func (s *source) follow(e *evidence) bool {
	r := s.rankOf(e.from)
	switch {
	case !s.locked.IsValid():
		if !s.trusts(r) && !(s.mayProve(r) && s.proves(e, r, probation)) {
			return false
		}
	case r > s.rank && s.trusts(r) && (s.rank == unknown || s.learns(e.at) || !s.talks(e.at)):
		// What nothing spoke for is held only until somebody comes whom something speaks for.
	case e.continues && (e.from.Addr() == s.locked.Addr() || !s.believed):
		if !s.proves(e, r, rebindProof) || e.at-s.heard < quiet {
			return false
		}
		sent := s.sent
		s.lock(e.from, max(r, s.rank)) // it has shown that it is the same sender
		s.sent = sent
		s.rebounds++
		return true
	default:
		return false
	}
	s.lock(e.from, r)
	return true
}

func (s *source) lock(from netip.AddrPort, r rank) {
	s.locked, s.rank, s.sent, s.changed = from, r, 0, true
	s.bound = false // another sender has another SSRC
}

// mayHear tells whether the locked source may be sent another packet.
func (s *source) mayHear(at time.Duration) bool {
	switch {
	case s.rank != unknown:
		return true
	case s.sent == 0:
		s.sentAt = at
	case s.sent == lent:
		return at-s.sentAt >= doubt
	}
	s.sent++
	return true
}

// trusts tells whether a source of rank r is locked at its first packet.
func (s *source) trusts(r rank) bool {
	if s.believed {
		return r == exact
	}
	return r >= signaller
}

// mayProve tells whether a source of rank r can become the locked one at all.
func (s *source) mayProve(r rank) bool { return !s.believed || r == sameHost }

// proves counts the packets that a source has sent in a row, and tells when they are enough.
func (s *source) proves(e *evidence, r rank, enough uint8) bool {
	if !e.stream && s.kind != Datagrams {
		return false
	}
	c := s.candidate(e, r)
	switch {
	case c == nil:
		return false
	case c.count == 0 || c.from != e.from:
		*c = candidate{from: e.from, ssrc: e.ssrc, rank: r}
	case s.kind == ManyRTP && e.ssrc != c.ssrc && e.at-c.heard < talking:
		return false // another stream of the same source
	case e.ssrc != c.ssrc || e.seq != c.next || e.at-c.heard >= talking:
		c.ssrc, c.count = e.ssrc, 0
	}
	s.proving = true
	c.count++
	c.next, c.heard = e.seq+1, e.at
	if s.kind == Datagrams {
		c.next = 0
	}
	return c.count >= enough
}

// candidate is that of a packet's source. A new one takes a free place, or else that of the one silent for longest among
// those that are silent, have not begun well or fit worse; nil when there is none.
func (s *source) candidate(e *evidence, r rank) (place *candidate) {
	for i := range s.candidates {
		c := &s.candidates[i]
		switch {
		case c.count > 0 && c.from == e.from:
			return c
		case c.count > 1 && r <= c.rank && e.at-c.heard < talking:
		case place == nil, place.count > 0 && (c.count == 0 || c.heard < place.heard):
			place = c
		}
	}
	return place
}

func (s *source) talks(at time.Duration) bool  { return at-s.heard < talking }
func (s *source) learns(at time.Duration) bool { return at < s.until && s.left > 0 }

func (s *source) rankOf(from netip.AddrPort) rank {
	switch {
	case from == s.remote:
		return exact
	case from.Addr() == s.remote.Addr():
		return sameHost
	case from.Addr() == s.signalled:
		return signaller
	}
	return unknown
}

// sends is where a side's description says that its packets come from.
func (s *Side) sends() netip.AddrPort {
	if remote := mediaAddr(s.Remote); remote.IsValid() {
		return remote
	}
	return mediaAddr(s.From)
}

// mediaAddr is an address that packets can come from and go to, or none: 0.0.0.0 and port 0 are ways to say hold.
func mediaAddr(a netip.AddrPort) netip.AddrPort {
	addr := a.Addr().Unmap()
	if !addr.IsValid() || addr.IsUnspecified() || a.Port() == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, a.Port())
}

// sameEndpoint tells whether signalling says the same of both.
func (s *source) sameEndpoint(o *source) bool {
	return s.remote == o.remote && s.signalled == o.signalled && s.believed == o.believed
}
