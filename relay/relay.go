package relay

import (
	"net/netip"
	"time"

	"github.com/actorsip/actorsip/rtpwire"
)

// maxDatagram is the longest datagram that is relayed, bytes: what an Ethernet frame can hold. Media are made to fit the
// path; what is longer was made to do harm.
const maxDatagram = 1500

// manyStreams is how many synchronization sources of a side are told apart in ManyRTP.
const manyStreams = 4

// relay is one rule at work. All of it but the counters belongs to its worker.
type relay struct {
	sides [2]side
	kind  Kind
}

// side is one end of a relay, and what comes from there.
type side struct {
	far       *side // the other end
	kind      *Kind
	rtp, rtcp *port // ours that face it
	source    source
	control   control
	remote    netip.AddrPort // where its description wants RTP; invalid: nowhere, or on hold
	types     [2]uint64
	rates     []Rate
	stream    rtpwire.Stream
	more      []rtpwire.Stream   // of further SSRCs; only ManyRTP has them
	trip      *rtpwire.RoundTrip // nil until a sender report goes there
	counts    flow
}

// packet is a datagram as it came. b is valid until the next one is read.
type packet struct {
	b    []byte
	from netip.AddrPort
	at   time.Duration // since the engine's start
	wall uint64        // nanoseconds since 1970
}

// set gives the relay a rule whose ports are these.
func (r *relay) set(rule *Rule, ports [2][2]*port, at time.Duration) {
	r.kind = rule.Kind
	for i := range r.sides {
		s, side := &r.sides[i], &rule.Sides[i]
		s.far, s.kind = &r.sides[1-i], &r.kind
		s.source.expect(side, rule.Kind, at)
		s.control.expect(side)
		s.control.review(&s.source)
		s.remote = mediaAddr(side.Remote)
		s.types, s.rates = side.Types, side.Rates
		if rule.Kind == ManyRTP && s.more == nil {
			s.more = make([]rtpwire.Stream, manyStreams-1)
		}
		s.move(ports[i])
		if s.source.changed && s.counts.lock.Load() != nil { // it was forgotten
			s.note()
		}
	}
}

// restore takes over what an earlier process had learned.
func (r *relay) restore(locked [2]Lock) {
	for i := range r.sides {
		s := &r.sides[i]
		s.source.restore(locked[i])
		if !s.source.locked.IsValid() {
			continue
		}
		if from := mediaAddr(locked[i].RTCP); from.IsValid() {
			s.control.locked, s.control.onRTP = from, from == s.source.locked
			s.control.review(&s.source)
		}
		s.note()
	}
}

// move makes these ports face the side, and no other.
func (s *side) move(to [2]*port) {
	for i, at := range [2]**port{&s.rtp, &s.rtcp} {
		if *at == to[i] {
			continue
		}
		if *at != nil {
			(*at).detach(s)
		}
		if *at = to[i]; *at != nil {
			(*at).attach(s)
		}
	}
}

// receive relays a packet that came from a side, or counts why not.
func (s *side) receive(p *port, in *packet) {
	if len(in.b) == 0 || len(in.b) > maxDatagram {
		s.counts.reject(Malformed)
		return
	}
	if *s.kind == Datagrams {
		if p.control {
			s.counts.reject(Malformed)
			return
		}
		e := evidence{from: in.from, at: in.at, continues: in.from.Addr() == s.source.locked.Addr()}
		if s.admit(&e) {
			s.deliver(in)
		}
		return
	}
	switch kind := rtpwire.Classify(in.b); {
	case kind == rtpwire.RTP && !p.control:
		s.relayRTP(in)
	case kind == rtpwire.RTCP:
		s.relayControl(p, in, true)
	case kind == rtpwire.DTLS && p.control:
		s.relayControl(p, in, false)
	case kind == rtpwire.DTLS:
		if s.admit(&evidence{from: in.from, at: in.at}) {
			s.deliver(in)
		}
	default:
		s.counts.reject(Malformed)
	}
}

func (s *side) relayRTP(in *packet) {
	var h rtpwire.Header
	h.Parse(in.b)
	e := evidence{from: in.from, at: in.at, stream: true, ssrc: h.SSRC, seq: h.Sequence}
	if in.from != s.source.locked {
		e.continues = s.continues(&h)
	}
	if !s.admit(&e) {
		return
	}
	s.streamOf(h.SSRC).Receive(h, int64(in.at), s.rateOf(h.Type))
	s.publish()
	if !s.deliver(in) {
		return
	}
	s.counts.payload.store(uint64(h.Type))
	if s.types != [2]uint64{} && s.types[h.Type>>6&1]&(1<<(h.Type&63)) == 0 {
		s.counts.wrongType.add(1)
	}
}

// admit has the source decide on a packet, and notes what it has learned.
func (s *side) admit(e *evidence) bool {
	why, ok := s.source.accept(e)
	if !ok {
		s.counts.reject(why)
		return false
	}
	if s.source.changed {
		s.control.review(&s.source)
		s.note()
	}
	return true
}

// deliver sends what came to the RTP port to the far end. False: it could not.
func (s *side) deliver(in *packet) bool {
	to := s.far.destination(in.at)
	if !to.IsValid() || s.far.rtp == nil {
		s.counts.reject(Nowhere)
		return false
	}
	if !s.far.rtp.write(in.b, to) {
		s.counts.reject(Unsent)
		return false
	}
	s.counts.packets.add(1)
	s.counts.bytes.add(uint64(len(in.b)))
	s.passed(in)
	return true
}

// passed notes when a packet was relayed.
func (s *side) passed(in *packet) {
	if s.counts.first.read() == 0 {
		s.counts.first.store(in.wall)
	}
	s.counts.last.store(in.wall)
}

// destination is where packets to this side go: where its own come from (RFC 4961), until then where its description
// says. Invalid: nowhere, or not now.
func (s *side) destination(at time.Duration) netip.AddrPort {
	if !s.remote.IsValid() {
		return netip.AddrPort{}
	}
	if from := s.learned(); from == nil {
		return s.remote
	} else if from.mayHear(at) {
		return from.locked
	}
	return netip.AddrPort{}
}

// learned is what knows where the side's packets come from; nil: nothing does. A fork that shares the port may have learned
// it already.
func (s *side) learned() *source {
	if s.source.locked.IsValid() {
		return &s.source
	}
	if s.rtp != nil {
		for _, o := range s.rtp.sides {
			if o.source.locked.IsValid() && o.source.sameEndpoint(&s.source) {
				return &o.source
			}
		}
	}
	return nil
}

// continues tells whether a packet goes on where one of the side's streams is.
func (s *side) continues(h *rtpwire.Header) bool {
	if s.stream.Received == 0 { // restored: nothing is known but the SSRC
		return s.source.bound && h.SSRC == s.source.ssrc
	}
	if h.SSRC == s.stream.SSRC {
		return s.stream.Continues(h.Sequence)
	}
	for i := range s.more {
		if h.SSRC == s.more[i].SSRC {
			return s.more[i].Continues(h.Sequence)
		}
	}
	return false
}

// streamOf is where packets of a synchronization source are counted.
func (s *side) streamOf(ssrc uint32) *rtpwire.Stream {
	if s.more == nil || s.stream.SSRC == ssrc || s.stream.Received == 0 {
		return &s.stream
	}
	for i := range s.more {
		if s.more[i].SSRC == ssrc || s.more[i].Received == 0 {
			return &s.more[i]
		}
	}
	return &s.more[len(s.more)-1] // a stream counts on when its source changes
}

func (s *side) rateOf(payload uint8) uint32 {
	for _, r := range s.rates {
		if r.Type == payload {
			return r.Hz
		}
	}
	return 0
}

// publish makes what the streams know readable.
func (s *side) publish() {
	lost, late := s.stream.Lost(), s.stream.Late
	for i := range s.more {
		lost += s.more[i].Lost()
		late += s.more[i].Late
	}
	s.counts.lost.store(lost)
	s.counts.late.store(late)
	s.counts.jitter.store(uint64(s.stream.Jitter()))
}

// note makes what was learned readable.
func (s *side) note() {
	s.source.changed = false
	s.counts.rebound.store(s.source.rebounds)
	s.counts.lock.Store(&Lock{Source: s.source.locked, RTCP: s.control.locked, SSRC: s.source.ssrc})
}
