package message

import (
	"fmt"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/telemetry"
)

// Outcome is what a step decided for its packet. There are four.
type Outcome struct {
	kind   kind
	to     *actor.PID
	verb   any
	reason Reason
	at     Stage  // where a packet was decided on outside of its lane
	status int    // of an answer; 0: the reason's
	phrase string // of an answer with a status of its own
}

type kind uint8

const (
	passed kind = iota
	answered
	dropped
	awaited
	sent
)

// Pass hands the packet to the next room under a verb.
func Pass(to *actor.PID, verb any) Outcome { return Outcome{kind: passed, to: to, verb: verb} }

// Answer has a stateless response with the reason's status go back the way the packet came. A response and an ACK are
// never answered: they are dropped for the same reason.
func Answer(reason Reason) Outcome { return Outcome{kind: answered, reason: reason} }

// Refuse is Answer with a status and reason phrase that the configuration says.
func Refuse(reason Reason, status int, phrase string) Outcome {
	return Outcome{kind: answered, reason: reason, status: status, phrase: phrase}
}

// Drop gives the packet back to its pool.
func Drop(reason Reason) Outcome { return Outcome{kind: dropped, reason: reason} }

// Sent says that the packet is on its way by somebody else.
func Sent() Outcome { return Outcome{kind: sent} }

// Await says that somebody else brings the packet back later, under the same verb.
func Await() Outcome { return Outcome{kind: awaited} }

// Hand tells the packet to a room that does not belong to its lane; that room brings it back by Return.
func Hand(to *actor.PID, verb any) Outcome { return Outcome{kind: awaited, to: to, verb: verb} }

// Return brings a packet that was handed out of its lane back to it, with what is to become of it. From any goroutine.
func (p *Packet) Return(at Stage, o Outcome) {
	o.at = at
	p.handed, p.decided = false, o
	p.Inbox.Put(p)
}

// Returned is what was decided outside of the lane for a packet that has come back, and where; false for a packet that has
// waited for a name.
func (p *Packet) Returned() (at Stage, o Outcome, ok bool) {
	o = p.decided
	p.decided = Outcome{}
	return o.at, o, o != Outcome{}
}

// Settle does what a step decided, and counts it.
func (p *Packet) Settle(ctx actor.SenderContext, at Stage, o Outcome) {
	pool, counts := p.pool, p.pool.Counts // somebody else may have the packet by now, if it waits
	switch o.kind {
	case passed:
		counts.pass(at)
		p.Trace.Note(uint8(at), telemetry.Passed, 0)
		ctx.Send(o.to, o.verb)
	case answered:
		if !p.IsRequest() || p.Is("ACK") {
			counts.drop(at, o.reason)
			p.Trace.Note(uint8(at), telemetry.Dropped, uint8(o.reason))
			p.Free()
			return
		}
		counts.answer(at, o.reason)
		p.Trace.Note(uint8(at), telemetry.Answered, uint8(o.reason))
		p.Status, p.Reason, p.phrase = o.reason.Status(), o.reason, o.phrase
		if o.status != 0 {
			p.Status = o.status
		}
		ctx.Send(p.Home, Send{p})
	case dropped:
		counts.drop(at, o.reason)
		p.Trace.Note(uint8(at), telemetry.Dropped, uint8(o.reason))
		p.Free()
	case sent:
		counts.pass(at)
		p.Trace.Note(uint8(at), telemetry.Passed, 0)
		p.Free()
	case awaited:
		counts.await(at)
		p.Trace.Note(uint8(at), telemetry.Awaited, 0)
		p.awaits = at // nobody else reads that
		pool.waiting[at]++
		if o.to != nil {
			p.handed = true
			ctx.Send(o.to, o.verb)
		}
	}
}

// Note notes in a packet's trace what was decided for it here, when another node does it.
func (p *Packet) Note(at Stage, o Outcome) {
	what := telemetry.Outcome(o.kind)
	if o.kind == sent {
		what = telemetry.Passed
	}
	p.Trace.Note(uint8(at), what, uint8(o.reason))
}

// String is for logs and tests.
func (o Outcome) String() string {
	switch o.kind {
	case passed:
		verb := strings.TrimPrefix(fmt.Sprintf("%T", o.verb), "message.")
		if o.to == nil {
			return "pass to nobody: " + verb
		}
		return "pass to " + o.to.Id + ": " + verb
	case answered:
		status := o.status
		if status == 0 {
			status = o.reason.Status()
		}
		return fmt.Sprintf("answer %d: %s", status, o.reason)
	case dropped:
		return "drop: " + o.reason.String()
	case sent:
		return "sent"
	}
	if o.to != nil {
		return "hand to " + o.to.Id
	}
	return "await"
}

// Extra is where the header lines of an answer grow: append to it and hand the result to SetExtra.
func (p *Packet) Extra() []byte { return p.store[:0] }

// SetExtra sets the header lines that the answer to this request carries beside the usual ones.
func (p *Packet) SetExtra(lines []byte) { p.extra = lines }

// Lines are the header lines that SetExtra has set.
func (p *Packet) Lines() []byte { return p.extra }

// NewBody is the session description that takes the place of the one received; empty when it stays.
func (p *Packet) NewBody() []byte { return p.Body }

// AppendReply appends the answer that was decided on.
func (p *Packet) AppendReply(dst, tag []byte) []byte {
	phrase := p.phrase
	if phrase == "" {
		phrase = p.Reason.Phrase()
	}
	return p.AppendAnswer(dst, p.Status, phrase, tag, p.extra)
}

// Lost brings the packet back to its lane when the room that it was handed to panicked on it, or had no place for it.
func (a Anchor) Lost() { a.lost(AtAnchor) }

// Lost does so for a packet that was to be written elsewhere.
func (w Write) Lost() { w.lost(AtSend) }

func (p *Packet) lost(at Stage) {
	if p.handed {
		p.Return(at, Drop(Panicked))
	}
}
