package relay

import (
	"net/netip"
	"time"
)

// controlTalking is how long after its last packet a source of RTCP still counts as one that talks: two of the usual
// intervals (RFC 3550 §6.2).
const controlTalking = 10 * time.Second

// control is what is known of where one side's RTCP comes from. RTCP is too rare to prove itself by packets in a row: it
// is measured by where the RTP comes from.
type control struct {
	expected netip.AddrPort // where the description wants RTCP; invalid: nothing is said
	muxed    bool           // there it comes on the RTP port (RFC 5761)

	locked netip.AddrPort // where it comes from; invalid: none came yet
	rank   rank           // of locked
	onRTP  bool           // it came to our RTP port
	heard  time.Duration
}

// expect sets what signalling says. RTCP is on the port above RTP's unless something else is said (RFC 3550 §11, RFC 3605).
func (c *control) expect(side *Side) {
	remote := side.sends()
	c.expected = mediaAddr(side.RTCP)
	c.muxed = remote.IsValid() && c.expected == remote
	if !c.expected.IsValid() && remote.IsValid() {
		c.expected = mediaAddr(netip.AddrPortFrom(remote.Addr(), remote.Port()+1))
	}
}

// accept decides whether an RTCP packet may pass, and learns from it. s is the source of the same side's RTP, onRTP says
// that it came to our RTP port.
func (c *control) accept(s *source, from netip.AddrPort, onRTP bool, at time.Duration) bool {
	if from != c.locked || onRTP != c.onRTP {
		r := c.rankOf(s, from)
		if r == unknown || from != c.locked && c.locked.IsValid() && r <= c.rank && at-c.heard < controlTalking {
			return false
		}
		c.locked, c.rank, c.onRTP = from, r, onRTP
		s.changed = true
	}
	c.heard = at
	return true
}

// review forgets the source of RTCP when nothing speaks for it any more, as after the RTP has moved.
func (c *control) review(s *source) {
	if c.locked.IsValid() {
		if c.rank = c.rankOf(s, c.locked); c.rank == unknown {
			c.locked = netip.AddrPort{}
		}
	}
}

// rankOf is unknown for what may not pass.
func (c *control) rankOf(s *source, from netip.AddrPort) rank {
	locked := s.locked.IsValid()
	switch {
	case from == c.expected && from.IsValid(), locked && from == s.locked:
		return exact
	case from.Addr() == c.expected.Addr(), locked && from.Addr() == s.locked.Addr():
		return sameHost
	case !locked && !s.believed && from.Addr() == s.signalled:
		return signaller
	}
	return unknown
}
