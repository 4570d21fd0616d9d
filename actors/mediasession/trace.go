package mediasession

import (
	"fmt"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/relay"
	"github.com/actorsip/actorsip/room"
	"github.com/actorsip/actorsip/telemetry"
)

// trace tells of the life of a dialog's relays: a span each, in the trace of the packet that had them made.
func (s *session) trace(p *pass, d *dialog, flows []relay.Counters, now time.Time) {
	for i, r := range d.Relays {
		life := telemetry.Life{
			Parent: d.Trace, Made: d.Made, Ended: now, Why: d.Why.String(), Failed: d.Why == silent || d.Why == faulty,
		}
		for side := range flows[i].Sides {
			f := &flows[i].Sides[side]
			opinion := mos(f)
			life.Sides[side] = telemetry.LifeSide{
				Leg: leg(p, side), Port: r.rule.Sides[side].Port, Source: f.Lock.Source, Packets: f.Packets, Bytes: f.Bytes, RTCP: f.RTCP,
				Lost: f.Lost, Late: f.Late, Rejected: rejects(f), Rebound: f.Rebound, Jitter: f.Jitter, RTT: f.RTT, MOS: opinion,
			}
			if s.Quality != nil && f.Packets > 0 {
				s.Quality(leg(p, side), f.Jitter, opinion)
			}
		}
		s.Tracer.Relay(life)
	}
}

// failed makes the restart of a session visible in its call's trace.
func (s *sessions) failed(child *actor.PID, reason, message any) {
	g := s.pages[child.Id]
	if g == nil {
		return
	}
	r := telemetry.Restart{Parent: g.trace, CallID: g.call.ID, At: time.Now(), Verb: strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", message), "message.")), Panic: fmt.Sprint(reason)}
	if p, ok := reason.(room.Panic); ok {
		r.Panic = fmt.Sprint(p.Value)
	}
	for _, p := range g.call.Passes {
		for _, d := range p.Dialogs {
			r.Parent = d.Trace
		}
	}
	s.Tracer.Restart(r)
}
