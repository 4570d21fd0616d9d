package mediasession

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/actorsip/actorsip/relay"
	"github.com/actorsip/actorsip/rtpwire"
)

// listen is how long a side may be silent after its call was established, or described anew, before it is said. Up to a
// second passes until the session looks; all in all it is less than three.
const listen = 1800 * time.Millisecond

// silence is why nothing is heard of a side.
type silence int

const (
	nothing silence = iota
	stranger
	malformed
	nowhere
	unsent
	wrongType
	onHold
	numSilences
)

// String is the sentence of logs and counters.
func (s silence) String() string {
	return [...]string{
		"nothing received", "only from an unexpected source", "all packets rejected", "the other side's address is not known",
		"nothing can be sent to the other side", "wrong payload type", "held",
	}[s]
}

// watch looks after the call once a second: who is silent, what is used no longer, what was to end.
func (s *session) watch(now time.Time) {
	s.changed = false
	c := s.page.call.clone()
	for _, p := range c.Passes {
		n := len(p.Dialogs)
		p.Dialogs = slices.DeleteFunc(p.Dialogs, func(d *dialog) bool { return s.look(p, d, now) })
		s.changed = s.changed || len(p.Dialogs) < n
	}
	c.Passes = slices.DeleteFunc(c.Passes, func(p *pass) bool { return len(p.Dialogs) == 0 })
	s.commit(c)
}

// look is true for a dialog that has come to its end.
func (s *session) look(p *pass, d *dialog, now time.Time) bool {
	flows, last := s.count(p, d)
	if !d.check.IsZero() && !now.Before(d.check) {
		d.check = time.Time{}
		s.hear(p, d, flows)
	}
	switch {
	case !d.Ends.IsZero():
		if now.Before(d.Ends) {
			return false
		}
	case len(d.Relays) == 0:
		if now.Sub(d.Changed) < s.Unused {
			return false
		}
		d.Why = unused
	case last.IsZero():
		if now.Sub(d.Changed) < s.Unused || d.held() {
			return false
		}
		d.Why = unused
	case now.Sub(last) < s.patience(d) || now.Sub(d.Changed) < s.patience(d) || d.held():
		return false
	default:
		d.Why = silent
	}
	s.report(p, d, flows, now)
	return true
}

// count brings to the tally what a dialog's relays have carried since it was told last, and says when the last packet came.
func (s *session) count(p *pass, d *dialog) (flows []relay.Counters, last time.Time) {
	flows = make([]relay.Counters, len(d.Relays))
	for i := range d.Relays {
		r := &d.Relays[i]
		if !s.Engine.Read(r.id, &flows[i]) {
			flows[i] = r.told
			continue
		}
		for side, f := range flows[i].Sides {
			if t := s.Book.Tally.legs[leg(p, side)]; t != nil {
				t.add(&f, &r.told.Sides[side])
			}
			if f.Last.After(last) {
				last = f.Last
			}
			if f.Lock != r.Locks[side] {
				r.Locks[side] = f.Lock
				s.changed = true
			}
		}
		r.told = flows[i]
	}
	return flows, last
}

// patience is how long a dialog may be silent that was not. One that still rings after some early media may be silent for
// as long as one that has rung only.
func (s *session) patience(d *dialog) time.Duration {
	if d.Since.IsZero() {
		return max(s.Silent, s.Unused)
	}
	return s.Silent
}

// hear names the sides that are not heard, and why.
func (s *session) hear(p *pass, d *dialog, flows []relay.Counters) {
	for i, r := range d.Relays {
		if r.Line >= len(d.Sides[near]) || r.Line >= len(d.Sides[far]) || r.rule.Kind == relay.Datagrams {
			continue
		}
		if d.Sides[near][r.Line].Off || d.Sides[far][r.Line].Off {
			continue // it was refused
		}
		for side := range r.rule.Sides {
			f := &flows[i].Sides[side]
			why, ok := heard(d.Sides[side][r.Line], d.Sides[1-side][r.Line], f, &r.before.Sides[side])
			if ok {
				continue
			}
			s.Book.Tally.Silent[why].Add(1)
			level := slog.LevelWarn
			if why == onHold {
				level = slog.LevelDebug
			}
			if level > slog.LevelDebug && s.quiet() {
				continue
			}
			s.Log.Log(context.Background(), level, "a side of a call is not heard", "call", s.name(), "leg", leg(p, side), "stream", r.Line, "why", why.String(),
				"expected", r.rule.Sides[side].Remote.String(), "source", f.Lock.Source.String(), "rejected", rejects(f))
		}
	}
}

// heard tells whether a side is heard since its relays last changed, and why not. RTCP is not heard.
func heard(own, other line, f, before *relay.Flow) (silence, bool) {
	packets, wrong := f.Packets-before.Packets, f.WrongType-before.WrongType
	rejected := func(why relay.Reject) bool { return f.Rejected[why] > before.Rejected[why] }
	switch {
	case packets > 0 && wrong == packets:
		return wrongType, false
	case packets > 0:
		return 0, true
	case own.Held || other.Held:
		return onHold, false
	case rejected(relay.Stranger):
		return stranger, false
	case rejected(relay.Malformed), rejected(relay.Foreign):
		return malformed, false
	case rejected(relay.Nowhere):
		return nowhere, false
	case rejected(relay.Unsent):
		return unsent, false
	}
	return nothing, false
}

func rejects(f *relay.Flow) (n uint64) {
	for _, r := range f.Rejected {
		n += r
	}
	return n
}

func leg(p *pass, side int) string {
	if side == near {
		return p.Near
	}
	return p.Far
}

// report tells how a dialog's media was.
func (s *session) report(p *pass, d *dialog, flows []relay.Counters, now time.Time) {
	s.Book.Tally.Ended[d.Why].Add(1)
	s.trace(p, d, flows, now)
	level := slog.LevelDebug
	if d.Why == silent || d.Why == unused && !d.Since.IsZero() {
		level = slog.LevelInfo
	}
	if !s.Log.Enabled(context.Background(), level) {
		return
	}
	attrs := []any{"call", s.name(), "why", d.Why.String(), "seconds", int(now.Sub(d.Made).Seconds())}
	for i, r := range d.Relays {
		for side, f := range flows[i].Sides {
			attrs = append(attrs, slog.Group(leg(p, side), "stream", r.Line, "packets", f.Packets, "bytes", f.Bytes, "lost", f.Lost, "late", f.Late,
				"jitter", f.Jitter, "rtt", f.RTT, "rejected", rejects(&f), "rebound", f.Rebound, "source", f.Lock.Source.String(), "mos", mos(&f)))
		}
	}
	s.Log.Log(context.Background(), level, "a call's media ended", attrs...)
}

// mos is what the relay guesses of a listener's opinion of a flow (ITU-T G.107), 0 when there was nothing to hear.
func mos(f *relay.Flow) float64 {
	if f.Packets == 0 {
		return 0
	}
	return rtpwire.MOS(rtpwire.Quality{
		Loss: float64(f.Lost) / float64(f.Packets+f.Lost), Jitter: f.Jitter, OneWayDelay: f.RTT / 2, Codec: rtpwire.StaticCodec(f.Type),
	})
}
