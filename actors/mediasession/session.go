package mediasession

import (
	"errors"
	"net/netip"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cespare/xxhash/v2"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sdpwire"
)

// retryAfter is what a caller hears for whom there is no port.
const retryAfter = "Retry-After: 5\r\n"

// session is one call's media. All that it knows is on its page.
type session struct {
	*Config
	page *page // the Book's
	over bool  // nothing is left of the call; the parent was told

	changed bool // the page is to be written to the journal
	*desk
}

// desk is where a description is worked on. All sessions share it: the room that tells them things runs them one at a
// time.
type desk struct {
	sdp     sdpwire.Description
	numbers []uint16
	second  time.Time // in which lines of the log are counted
	wrote   int
}

// linesPerSecond is how much of what others bring about is logged.
const linesPerSecond = 20

// quiet tells whether enough was logged in this second: nobody may fill the disk.
func (d *desk) quiet() bool {
	if now := time.Now(); now.Sub(d.second) > time.Second {
		d.second, d.wrote = now, 0
	}
	d.wrote++
	return d.wrote > linesPerSecond
}

// warn logs what was brought about from outside.
func (s *session) warn(text string, attrs ...any) {
	if !s.quiet() {
		s.Log.Warn(text, attrs...)
	}
}

// name is the Call-ID for the log: as much as can be read.
func (s *session) name() string {
	const longest = 128
	if id := s.page.call.ID; len(id) > longest {
		return id[:longest] + "…"
	}
	return s.page.call.ID
}

// tick is told to the sessions by their clock, and by them to each session in turn.
type tick struct{ now time.Time }

// over is told to sessions by one of them when nothing is left of its call.
type over struct{ page *page }

func newSession(cfg *Config, d *desk, g *page) actor.Producer {
	return func() actor.Actor { return &session{Config: cfg, desk: d, page: g} }
}

// Receive is the mailbox of a call's media session.
func (s *session) Receive(ctx actor.Context) {
	switch v := ctx.Message().(type) {
	case message.Anchor:
		if s.over {
			s.leave(ctx)
			ctx.Send(ctx.Parent(), v) // a new session has to take it
			return
		}
		v.Return(message.AtAnchor, s.anchor(v.Packet, time.Now()))
		s.leave(ctx)
	case tick:
		if !s.over {
			s.watch(v.now)
		}
		s.leave(ctx)
	}
}

// leave tells the parent when nothing is left of the call. It is told again as long as the session is there: a parent that
// is behind, or panics, may not have heard it.
func (s *session) leave(ctx actor.Context) {
	if len(s.page.call.Passes) == 0 {
		s.over = true
		ctx.Send(ctx.Parent(), over{s.page})
	}
}

// anchor is one step: it works on a copy of the call, which is put in its place when all of it is done. A packet that is
// refused changes nothing.
func (s *session) anchor(p *message.Packet, now time.Time) message.Outcome {
	m := read(p, now)
	s.changed = false
	c := s.page.call.clone()
	o, err := s.step(c, p, m)
	if err != nil {
		c, s.changed = s.page.call, false
		o = s.refuse(p, err)
	}
	s.commit(c)
	return o
}

func (s *session) commit(c *call) {
	s.page.call = c
	s.page.sweep(s.Engine)
	if s.changed {
		s.Book.keep(s.page)
	}
}

func (s *session) step(c *call, p *message.Packet, m msg) (message.Outcome, error) {
	switch {
	case m.method == "BYE":
		s.bye(c, m)
	case m.method == "CANCEL":
		s.cancel(c, m)
	case m.method == "OPTIONS":
		s.conceal(s.Config, p)
	case m.status >= 300:
		s.failed(c, m)
		s.conceal(s.Config, p)
	default:
		if err := s.describe(c, p, m); err != nil {
			return message.Outcome{}, err
		}
		switch {
		case m.method != "INVITE":
		case m.status >= 200:
			s.established(c, m)
		case m.status > 100:
			s.ringing(c, m)
		}
	}
	return message.Pass(p.Then, message.Send{Packet: p}), nil
}

// refuse answers a request that gets no relay; a response is dropped for the same reason, and comes again.
func (s *session) refuse(p *message.Packet, err error) message.Outcome {
	s.Book.Tally.Refused.Add(1)
	switch {
	case errors.Is(err, errStreams):
		return message.Answer(message.TooManyStreams)
	case errors.Is(err, errDescription):
		return message.Answer(message.BadDescription)
	case errors.Is(err, errCrowd):
		return message.Answer(message.TooManySessions)
	}
	s.warn("a call gets no media ports", "call", s.name(), "error", err)
	p.SetExtra(append(p.Extra(), retryAfter...))
	return message.Answer(message.NoPorts)
}

// msg is what a session reads of a packet.
type msg struct {
	method         string
	seq            uint32 // CSeq number and 1: 0 is none
	request        bool
	status         int // 0 of a request
	from, to       tag
	fromLeg, toLeg string // where the parties of these tags are
	hop            netip.Addr
	branch         uint64 // of who sent us the request
	now            time.Time
	packet         *message.Packet
}

func read(p *message.Packet, now time.Time) msg {
	number, method := p.CSeq()
	n, _ := strconv.ParseUint(string(number), 10, 32) // it was validated
	m := msg{
		method: string(method), seq: uint32(n) + 1, request: p.IsRequest(), from: tag(p.FromTag()), to: tag(p.ToTag()),
		fromLeg: p.Ingress.Name, toLeg: p.Egress.Name, hop: p.To.Addr().Unmap(), now: now, packet: p,
	}
	via, _ := p.TopVia()
	if !m.request {
		via, _ = p.ViaBelow(via)
		m.status = p.Message.Status()
		m.fromLeg, m.toLeg = m.toLeg, m.fromLeg
	}
	m.branch = xxhash.Sum64(p.Bytes(via.Branch))
	return m
}

// shard has all relays of a call on one worker of the engine.
func shard(id string) uint64 { return xxhash.Sum64String(id) }
