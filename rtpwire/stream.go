package rtpwire

// The limits of RFC 3550 A.1.
const (
	maxDropout  = 3000 // so many packets ahead of the highest may be a loss
	maxMisorder = 100  // so many behind it may be late
)

// noSequence is no sequence number.
const noSequence = 1 << 16

// Stream is what is known of a synchronization source from the headers of its packets. The zero value is ready, and takes
// the first packet's source. When another source takes over, its sequence numbers and timestamps begin anew and the
// counts go on. Sources that talk at the same time need a Stream each.
type Stream struct {
	Received uint64 // packets, all of them
	Late     uint64 // of them, those behind one with a higher sequence number, and repeated ones
	SSRC     uint32 // of the last packet
	Type     uint8  // payload type of the last packet

	highest uint32 // sequence number, extended by the number of its turns
	resume  uint32 // the sequence number that would confirm a jump; noSequence: none
	lost    uint64
	surplus uint64 // of the late, those that did not make up for a lost one
	window  uint64 // bit n: highest-n has come, or is not waited for
	at      int64  // when the packet came that jitter is measured from, nanoseconds
	stamp   uint32 // its timestamp
	jitter  int64  // nanoseconds, times 16
}

// Receive takes the header of a packet that came at that time, in nanoseconds of any clock. hz is the rate of its
// payload type's clock; 0: 8000.
//
// Deviates: a source is believed from its first packet on (RFC 3550 A.1 wants two in sequence), as the caller has
// checked by then where packets come from.
func (s *Stream) Receive(h Header, at int64, hz uint32) {
	s.Received++
	switch ahead := h.Sequence - uint16(s.highest); {
	case s.Received == 1 || h.SSRC != s.SSRC:
		s.SSRC = h.SSRC
		s.begin(h, at)
	case ahead-1 < maxDropout-1: // 0 is not ahead
		s.highest += uint32(ahead)
		s.lost += uint64(ahead - 1)
		s.window = s.window<<ahead | 1
		s.measure(h, at, hz)
	case ahead != 0 && ahead <= noSequence-maxMisorder:
		// RFC 3550 A.1: two in sequence behind a jump are a sender that began anew; one is astray.
		if uint32(h.Sequence) == s.resume {
			s.begin(h, at)
		} else {
			s.resume = uint32(h.Sequence + 1)
		}
	default:
		s.Late++
		if !s.fill(-ahead) {
			s.surplus++
			break
		}
		s.measure(h, at, hz)
	}
	s.Type = h.Type
}

// begin makes h the first packet of a sequence. Nothing before it is waited for.
func (s *Stream) begin(h Header, at int64) {
	s.highest = uint32(h.Sequence)
	s.resume = noSequence
	s.window = ^uint64(0)
	s.at, s.stamp = at, h.Timestamp
}

// fill takes a packet that is so many behind the highest, and tells whether it had been taken for lost. One that is
// further behind than the window reaches stays lost: it is too late to be heard.
func (s *Stream) fill(behind uint16) bool {
	bit := uint64(1) << behind
	if behind >= 64 || s.window&bit != 0 {
		return false
	}
	s.window |= bit
	s.lost--
	return true
}

// Expected is how many packets should have come (RFC 3550 A.3), over all sequences.
func (s *Stream) Expected() uint64 { return s.Received - s.surplus + s.lost }

// Lost is how many packets never came. It goes down when one comes late after all.
//
// Deviates: a packet that comes twice does not make up for another one (RFC 3550 A.3 lets it), so this is never
// negative. A jump of the sequence that is no loss (RFC 3550 A.1) is none here.
func (s *Stream) Lost() uint64 { return s.lost }

// Highest is the highest sequence number, in the lower half, and how often it has turned (RFC 3550 §6.4.1).
func (s *Stream) Highest() uint32 { return s.highest }

// Continues tells whether a packet with this sequence number may be of the stream: what somebody must show who comes
// from another address and says to be the same source. It is a little behind the highest, or as far ahead as packets
// may have been lost while the source moved.
func (s *Stream) Continues(seq uint16) bool {
	ahead := int16(seq - uint16(s.highest))
	return s.Received > 0 && ahead > -16 && ahead <= 500
}
