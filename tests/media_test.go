package tests

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

const relayed = "media: {relay: true, journal: \"off\"}\n"

// talk is a call that is up, with media.
type talk struct {
	*house
	alice, bob     *ua.Sound // caller's and callee's
	caller, callee *ua.Call
}

// call sets up a call with media through a house.
func (h *house) call(t testing.TB, inside, outside host) *talk {
	t.Helper()
	k := &talk{house: h, alice: ua.Hear(t, string(inside)+":0"), bob: ua.Hear(t, string(outside)+":0")}
	k.caller = h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: k.alice.Describe()})
	invite := h.callee.Receive()
	k.bob.To(only(t, invite))
	k.callee = h.callee.Answer(invite, 200, ua.Options{Body: k.bob.Describe()})
	ok := k.caller.Response()
	k.alice.To(only(t, ok))
	k.caller.Ack(ok)
	if m := h.callee.Receive(); m.Method() != "ACK" {
		t.Fatalf("the callee expected the ACK, not\n%s", m.Raw)
	}
	return k
}

// only is where the one stream of a description is.
func only(t testing.TB, m ua.Message) netip.AddrPort {
	t.Helper()
	places := m.MediaAt()
	if len(places) != 1 {
		t.Fatalf("one stream was expected in\n%s", m.Raw)
	}
	return places[0]
}

func (k *talk) heardBothWays(t testing.TB, words ...string) {
	t.Helper()
	for _, w := range append(words, "hello") {
		k.alice.Say(w)
		k.bob.Hears(w)
		k.bob.Say(w)
		k.alice.Hears(w)
	}
}

// leased is how many pairs of ports are leased.
func leased(s *system.System) (n int) {
	for _, p := range s.Media().Ports {
		n += p.Leased
	}
	return n
}

// eventually waits for what a clock brings about.
func eventually(t testing.TB, within time.Duration, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", within, what)
		}
	}
}

func TestMediaGoesThroughTheRelay(t *testing.T) {
	for _, c := range []struct {
		name            string
		inside, outside host
	}{
		{"IPv4", v4, v4},
		{"IPv6", v6, v6},
		{"IPv4 to IPv6", v4, v6},
		{"IPv6 to IPv4", v6, v4},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, c.inside, c.outside, relayed, nil)
			k := h.call(t, c.inside, c.outside)
			k.heardBothWays(t)
			for _, seen := range []struct {
				who  string
				body []byte
				hide netip.AddrPort
			}{{"callee", k.callee.Invite.Body, k.alice.Addr()}} {
				if port := ":" + seen.hide.String(); strings.Contains(string(seen.body), " "+port[strings.LastIndex(port, ":")+1:]+" ") {
					t.Errorf("the %s sees where the other's media is:\n%s", seen.who, seen.body)
				}
			}
			bye(t, k.caller, h.callee)
			eventually(t, 5*time.Second, "all ports came back", func() bool { return leased(h.System) == 0 })
			if n := h.Media().Sessions; n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		})
	}
}

// The ports of a call stay for a second after it, so that what is on its way does not reach the next call.
func TestMediaEndsWithTheAnswerToTheBye(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	k := h.call(t, v4, v4)
	k.caller.Bye()
	m := h.callee.Receive()
	k.heardBothWays(t, "until", "the", "answer")
	h.callee.Answer(m, 200, ua.Options{})
	k.caller.Response()
	k.heardBothWays(t, "a last word")
	eventually(t, 5*time.Second, "all ports came back", func() bool { return leased(h.System) == 0 })
}

func TestAReInviteKeepsItsPortsAndMovesTheMedia(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	k := h.call(t, v4, v4)
	k.heardBothWays(t)
	moved := ua.Hear(t, "127.0.0.1:0")
	k.caller.Request("INVITE", ua.Options{Body: moved.Describe()})
	m := h.callee.Receive()
	was := only(t, k.callee.Invite)
	if now := only(t, m); now != was {
		t.Errorf("the stream was at %s and is at %s after a re-INVITE", was, now)
	}
	k.heardBothWays(t, "before the answer")
	h.callee.Answer(m, 200, ua.Options{Body: k.bob.Describe()})
	r := k.caller.Response()
	k.caller.Ack(r)
	h.callee.Receive()
	k.alice = moved.To(only(t, r))
	k.heardBothWays(t, "after it")
}

// What a refused re-INVITE offered is void (RFC 3261 §14.1).
func TestARefusedReInviteChangesNothing(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	k := h.call(t, v4, v4)
	k.heardBothWays(t)
	before := leased(h.System)
	moved := ua.Hear(t, "127.0.0.1:0")
	video := strings.Replace(moved.Describe(), "m=audio", "m=video 4000 RTP/AVP 96\r\nm=audio", 1)
	k.caller.Request("INVITE", ua.Options{Body: video})
	m := h.callee.Receive()
	h.callee.Answer(m, 488, ua.Options{})
	r := k.caller.Response()
	k.caller.Ack(r)
	h.callee.Receive()
	k.heardBothWays(t, "as it was")
	if n := leased(h.System); n > before+2 {
		t.Errorf("%d pairs are leased, %d before the re-INVITE", n, before)
	}
}

// RFC 3261 §13.2.1: the offer may be in the 2xx and the answer in the ACK.
func TestADelayedOffer(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	h.callee.Answer(h.callee.Receive(), 200, ua.Options{Body: bob.Describe()})
	ok := caller.Response()
	alice.To(only(t, ok))
	caller.Request("ACK", ua.Options{Body: alice.Describe(), CSeq: ok.CSeq()})
	bob.To(only(t, h.callee.Receive()))
	k := &talk{house: h, alice: alice, bob: bob, caller: caller}
	k.heardBothWays(t)
}

// An INVITE that was forked downstream is answered by several, each with a tag, a description and ports of its own.
func TestForksAreHeardApart(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	other := ua.New(t, "127.0.0.1:0")
	alice, bob, carol := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: alice.Describe()})
	invite := h.callee.Receive()
	bob.To(only(t, invite))
	carol.To(only(t, invite))
	h.callee.Answer(invite, 183, ua.Options{Body: bob.Describe()})
	first := caller.Response()
	other.Answer(invite, 183, ua.Options{Body: carol.Describe()})
	second := caller.Response()
	toBob, toCarol := only(t, first), only(t, second)
	if toBob == toCarol {
		t.Fatalf("both forks are heard at %s", toBob)
	}
	alice.To(toBob).Say("for bob")
	bob.Hears("for bob")
	alice.To(toCarol).Say("for carol")
	carol.Hears("for carol")
	bob.Say("bob")
	if from := alice.Hears("bob"); from != toBob {
		t.Errorf("bob is heard from %s, not %s", from, toBob)
	}
	carol.Say("carol")
	if from := alice.Hears("carol"); from != toCarol {
		t.Errorf("carol is heard from %s, not %s", from, toCarol)
	}
	other.Answer(invite, 200, ua.Options{Body: carol.Describe()})
	ok := caller.Response()
	if only(t, ok) != toCarol {
		t.Errorf("the answer moved the stream from %s to %s", toCarol, only(t, ok))
	}
	caller.Ack(ok)
	carol.Say("still")
	alice.Hears("still")
}

func TestEarlyMediaIsHeardBeforeTheAnswer(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: alice.Describe()})
	invite := h.callee.Receive()
	bob.To(only(t, invite)).Say("before any description")
	alice.Hears("before any description")
	h.callee.Answer(invite, 183, ua.Options{Body: bob.Describe()})
	alice.To(only(t, caller.Response()))
	k := &talk{house: h, alice: alice, bob: bob}
	k.heardBothWays(t)
}

// A retransmission leaves as the first one did, whatever happened in between.
func TestARetransmittedOfferLeavesAsBefore(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	alice := ua.Hear(t, "127.0.0.1:0")
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: alice.Describe()})
	first := h.callee.Receive()
	h.callee.Answer(first, 183, ua.Options{Body: alice.Describe()})
	caller.Response()
	h.caller.Send(caller.Invite.Raw, h.Addr("inside"))
	if again := h.callee.Receive(); string(again.Raw) != string(first.Raw) {
		t.Errorf("the retransmission left as\n%s\nafter\n%s", again.Raw, first.Raw)
	}
}

// RFC 3262 and 3311: offers and answers in PRACK, UPDATE and their responses.
func TestPrackAndUpdateCarryDescriptions(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	invite := h.callee.Receive()
	h.callee.Answer(invite, 183, ua.Options{Body: bob.Describe(), Headers: []string{"Require: 100rel", "RSeq: 1"}})
	offer := caller.Response()
	alice.To(only(t, offer))
	caller.Request("PRACK", ua.Options{Body: alice.Describe(), Headers: []string{"RAck: 1 1 INVITE"}})
	prack := h.callee.Receive()
	bob.To(only(t, prack))
	h.callee.Answer(prack, 200, ua.Options{})
	caller.Response()
	k := &talk{house: h, alice: alice, bob: bob}
	k.heardBothWays(t, "after PRACK")

	moved := ua.Hear(t, "127.0.0.1:0")
	caller.Request("UPDATE", ua.Options{Body: moved.Describe()})
	update := h.callee.Receive()
	h.callee.Answer(update, 200, ua.Options{Body: bob.Describe()})
	moved.To(only(t, caller.Response()))
	k.alice = moved
	k.heardBothWays(t, "after UPDATE")
}

func TestPortsComeBackHoweverACallEnds(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", unused: 1s, silent: 1s, closed: 100ms}\n", nil)
	for _, c := range []struct {
		name string
		end  func(caller *ua.Call, invite ua.Message)
	}{
		{"refused", func(caller *ua.Call, invite ua.Message) {
			h.callee.Answer(invite, 486, ua.Options{})
			caller.Ack(caller.Response())
			h.callee.Receive()
		}},
		{"cancelled", func(caller *ua.Call, invite ua.Message) {
			caller.Cancel()
			h.callee.Answer(h.callee.Receive(), 200, ua.Options{})
			caller.Response()
			h.callee.Answer(invite, 487, ua.Options{})
			caller.Ack(caller.Response())
			h.callee.Receive()
		}},
		{"never answered", func(*ua.Call, ua.Message) {}},
		{"never acknowledged, and silent", func(caller *ua.Call, invite ua.Message) {
			h.callee.Answer(invite, 200, ua.Options{Body: ua.Hear(t, "127.0.0.1:0").Describe()})
			caller.Response()
		}},
	} {
		caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: ua.Hear(t, "127.0.0.1:0").Describe()})
		invite := h.callee.Receive()
		if leased(h.System) == 0 {
			t.Fatalf("%s: no port is leased for the call", c.name)
		}
		c.end(caller, invite)
		eventually(t, 5*time.Second, c.name+": all ports came back", func() bool { return leased(h.System) == 0 })
	}
	if n := h.Media().Sessions; n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestNoPortIsA503(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", ports: 28000-28007}\n", nil)
	calls := 0
	for {
		sound := ua.Hear(t, "127.0.0.1:0")
		caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: sound.Describe()})
		if m, came := h.callee.Next(200 * time.Millisecond); came && m.Method() == "INVITE" {
			calls++
			continue
		}
		r := caller.Response()
		if r.Status() != 503 || r.First("Retry-After") == "" {
			t.Errorf("without ports the answer is\n%s", r.Raw)
		}
		break
	}
	if calls != 2 { // both legs share the range: two pairs a call
		t.Errorf("%d calls had ports out of 4 pairs", calls)
	}
	if n := h.Media().Refused; n != 1 {
		t.Errorf("%d calls are counted as refused", n)
	}
}

func TestMoreSessionsThanConfiguredAreA503(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", max_sessions: 1, max_streams_per_session: 1}\n", nil)
	two := ua.Hear(t, "127.0.0.1:0").Describe("m=video 4000 RTP/AVP 96", "")
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: two})
	if r := caller.Response(); r.Status() != 488 {
		t.Errorf("two streams where one is allowed are answered\n%s", r.Raw)
	}
	eventually(t, 5*time.Second, "the refused call is forgotten", func() bool { return h.Media().Sessions == 0 })
	k := h.call(t, v4, v4)
	caller = h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: k.alice.Describe()})
	if r := caller.Response(); r.Status() != 503 {
		t.Errorf("the second call is answered\n%s", r.Raw)
	}
	k.heardBothWays(t)
}

// A stream on hold is silent and must not be given up for it; without hold, silence ends it.
func TestAHeldCallIsNotSilent(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", silent: 1s}\n", nil)
	held, quiet := h.call(t, v4, v4), h.call(t, v4, v4)
	held.heardBothWays(t)
	quiet.heardBothWays(t)
	held.caller.Request("INVITE", ua.Options{Body: held.alice.Describe("a=sendonly", "")})
	m := h.callee.Receive()
	h.callee.Answer(m, 200, ua.Options{Body: held.bob.Describe("a=recvonly", "")})
	held.caller.Ack(held.caller.Response())
	h.callee.Receive()
	eventually(t, 5*time.Second, "the silent call's ports came back", func() bool { return leased(h.System) == 2 })
	held.alice.Say("music")
	held.bob.Hears("music")
}
