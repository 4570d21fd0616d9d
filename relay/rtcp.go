package relay

import (
	"net/netip"
	"time"

	"github.com/actorsip/actorsip/rtpwire"
)

// relayControl relays what came for RTCP. isRTCP says that it can be read as that.
func (s *side) relayControl(p *port, in *packet, isRTCP bool) {
	if !s.control.accept(&s.source, in.from, !p.control, in.at) {
		s.counts.reject(Stranger)
		return
	}
	if s.source.changed {
		s.note()
	}
	if isRTCP {
		s.hear(in)
	}
	by, to := s.far.controlDestination(in.at)
	if !to.IsValid() || by == nil {
		s.counts.reject(Nowhere)
		return
	}
	if isRTCP {
		s.far.tell(in) // before it is sent: the answer may be quick
	}
	if !by.write(in.b, to) {
		s.counts.reject(Unsent)
		return
	}
	s.counts.rtcp.add(1)
	s.passed(in)
}

// controlDestination is where RTCP to this side goes, and from which port: where its own comes from, until then where
// its description says.
func (s *side) controlDestination(at time.Duration) (*port, netip.AddrPort) {
	c := &s.control
	switch {
	case !s.remote.IsValid() && !c.expected.IsValid():
		return nil, netip.AddrPort{}
	case c.locked.IsValid() && c.onRTP:
		return s.rtp, c.locked
	case c.locked.IsValid():
		return s.rtcp, c.locked
	case c.muxed:
		return s.rtp, s.destination(at)
	}
	return s.rtcp, c.expected
}

// tell remembers a sender report that goes to this side.
func (s *side) tell(in *packet) {
	_, middle, ok := rtpwire.SenderInfo(in.b)
	if !ok {
		return
	}
	if s.trip == nil {
		s.trip = new(rtpwire.RoundTrip)
	}
	s.trip.Sent(middle, int64(in.at))
}

// hear measures the round trip to this side by the reports that come from there (RFC 3550 §6.4.1).
func (s *side) hear(in *packet) {
	if s.trip == nil {
		return
	}
	rtpwire.EachReport(in.b, func(_ uint32, r rtpwire.Report) {
		if trip, ok := s.trip.Heard(r, int64(in.at)); ok {
			s.counts.rtt.store(uint64(max(trip, 1)))
		}
	})
}
