package stream

import "sync/atomic"

// Stats are the counters of an endpoint.
type Stats struct {
	Open    int // connections that are open now
	Dialing int // connections that are being made now, accepted ones in their handshakes too

	Accepted, Dialed uint64       // connections that were opened, ever
	Ends             [Ends]uint64 // why connections ended, or never opened

	BytesIn, BytesOut       uint64 // of SIP and its framing, before TLS
	MessagesIn, MessagesOut uint64
	KeepAlives              uint64 // answered: CRLF and WebSocket pings
}

// counters are those of Stats that many goroutines count.
type counters struct {
	accepted, dialed        atomic.Uint64
	ends                    [Ends]atomic.Uint64
	bytesIn, bytesOut       atomic.Uint64
	messagesIn, messagesOut atomic.Uint64
	keepAlives              atomic.Uint64
}

// Stats reads the counters, one after another.
func (e *Endpoint) Stats() Stats {
	k := &e.counters
	s := Stats{
		Accepted: k.accepted.Load(), Dialed: k.dialed.Load(),
		BytesIn: k.bytesIn.Load(), BytesOut: k.bytesOut.Load(),
		MessagesIn: k.messagesIn.Load(), MessagesOut: k.messagesOut.Load(),
		KeepAlives: k.keepAlives.Load(),
	}
	for i := range s.Ends {
		s.Ends[i] = k.ends[i].Load()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Open, s.Dialing = e.opened, e.admission.all-e.opened
	return s
}
