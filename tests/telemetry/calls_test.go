package telemetry

import (
	"testing"
	"time"
)

// Two proxies in a row: the caller's, and the callee's.
var (
	near = proxy{"edge-1", "127.0.0.1:5060", "127.0.0.2:5060"}
	far  = proxy{"edge-2", "127.0.0.3:5060", "127.0.0.4:5060"}
)

const (
	caller = "127.0.0.1:5071"
	callee = "127.0.0.5:5070"
	calm   = 190 * time.Microsecond // from one proxy to the next
)

// onward is a request from the caller to the callee, through both proxies; the ids are those of its spans.
func (s *script) onward(after time.Duration, method string, cseq int) (first, second string) {
	first = s.add(after, near.onward(method, caller, far.inside, "", cseq))
	return first, s.add(after+calm, far.onward(method, near.outside, callee, first, cseq))
}

// back is a response to it.
func (s *script) back(after time.Duration, what, first, second string, cseq int) {
	s.add(after, far.back(what, callee, near.outside, second, cseq))
	s.add(after+calm, near.back(what, far.inside, caller, first, cseq))
}

// answered is a call with a retransmission, ringing, media, a re-INVITE and a BYE of the callee: 23 spans in a trace.
func answered(t *testing.T, callID string) *script {
	const ms = time.Millisecond
	s := newScript(t, callID, time.Minute)
	first, second := s.onward(0, "INVITE", 1)
	s.back(2*ms, "100 INVITE", first, second, 1)
	s.onward(500*ms, "INVITE", 1)
	s.back(740*ms, "180 INVITE", first, second, 1)
	s.back(4200*ms, "200 INVITE", first, second, 1)
	s.span(4201*ms, 21300*ms, near.name, "mediasession relay", first, 1, map[string]any{
		"sip.call_id": callID, "actorsip.reason": "closed",
		"actorsip.media.a.leg": "inside", "actorsip.media.a.port": 20044, "actorsip.media.a.packets": 1063, "actorsip.media.a.lost": 0, "actorsip.media.a.mos": 4.38,
		"actorsip.media.b.leg": "outside", "actorsip.media.b.port": 20310, "actorsip.media.b.packets": 1058, "actorsip.media.b.lost": 4, "actorsip.media.b.mos": 4.21,
	}, false)
	s.onward(4230*ms, "ACK", 1)
	third, fourth := s.onward(15*time.Second, "INVITE", 2)
	s.back(15018*ms, "200 INVITE", third, fourth, 2)
	s.onward(15040*ms, "ACK", 2)
	bye := s.add(25*time.Second, far.back("BYE", callee, near.outside, "", 7))
	bye2 := s.add(25*time.Second+calm, near.back("BYE", far.inside, caller, bye, 7))
	s.add(25012*ms, near.onward("200 BYE", caller, far.inside, bye2, 7))
	s.add(25012*ms+calm, far.onward("200 BYE", near.outside, callee, bye, 7))
	return s
}

// unplaced is a call that the second proxy answers with 503.
func unplaced(t *testing.T, callID string) *script {
	s := newScript(t, callID, 2*time.Minute)
	first := s.add(0, near.onward("INVITE", caller, far.inside, "", 1))
	refused := far.onward("INVITE", near.outside, "", first, 1)
	refused.legOut, refused.outcome, refused.answer, refused.reason, refused.isError = "", "answer", 503, "no leg reaches the next hop", true
	s.add(calm, refused)
	back := near.back("503 INVITE", far.inside, caller, first, 1)
	back.isError, back.reason = true, "503"
	s.add(2*calm, back)
	s.onward(time.Millisecond, "ACK", 1)
	return s
}

// lost is a response that is nobody's, and dropped; its rooms are spans.
func lost(t *testing.T, callID string) *script {
	s := newScript(t, callID, 3*time.Minute)
	p := near.back("200 INVITE", callee, "", "", 1)
	p.legOut, p.outcome, p.reason, p.isError, p.roomSpans = "", "drop", "the top Via is not ours", true, true
	s.add(0, p)
	return s
}
