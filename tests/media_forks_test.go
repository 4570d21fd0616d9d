package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

func TestAnOfferOnHoldThatNobodyAnswersIsGivenUp(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", unused: 1s, silent: 1s, closed: 100ms}\n", nil)
	h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: ua.Hear(t, "127.0.0.1:0").Describe("a=inactive", "")})
	h.callee.Receive()
	eventually(t, 5*time.Second, "all ports came back", func() bool { return leased(h.System) == 0 })
}

func TestAProxyBeforeUsThatForksInTurnIsHeard(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", closed: 500ms}\n", nil)
	alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: alice.Describe()})
	first := h.callee.Receive()
	h.callee.Answer(first, 486, ua.Options{})
	caller.Ack(caller.Response())
	h.callee.Receive()
	again := strings.Replace(string(caller.Invite.Raw), caller.Invite.Branch(), "z9hG4bKsecondbranch", 1)
	h.caller.Send([]byte(again), h.Addr("inside"))
	second := h.callee.Receive()
	bob.To(only(t, second))
	h.caller.Quiet(2500 * time.Millisecond) // it rings, for longer than the ports of a refused call are kept
	h.callee.Answer(second, 200, ua.Options{Body: bob.Describe()})
	ok := caller.Response()
	alice.To(only(t, ok))
	k := &talk{house: h, alice: alice, bob: bob}
	k.heardBothWays(t)
}

func TestOneBranchOfAProxyBeforeUsDoesNotEndTheOthers(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", closed: 500ms}\n", nil)
	other := ua.New(t, "127.0.0.1:0")
	alice, bob := ua.Hear(t, "127.0.0.1:0"), ua.Hear(t, "127.0.0.1:0")
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: alice.Describe()})
	first := h.callee.Receive()
	again := strings.Replace(string(caller.Invite.Raw), caller.Invite.Branch(), "z9hG4bKsecondbranch", 1)
	h.caller.Send([]byte(again), h.Addr("inside"))
	second := h.callee.Receive()
	bob.To(only(t, second))
	other.Answer(first, 486, ua.Options{})
	caller.Response()
	h.caller.Quiet(2500 * time.Millisecond) // the other rings on
	h.callee.Answer(second, 200, ua.Options{Body: bob.Describe()})
	ok := caller.Response()
	alice.To(only(t, ok))
	k := &talk{house: h, alice: alice, bob: bob}
	k.heardBothWays(t)
}

func TestAnAnswerIsTakenAlthoughAnotherOfferHasCrossedIt(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	k := h.call(t, v4, v4)
	k.heardBothWays(t)
	moved := ua.Hear(t, "127.0.0.1:0")
	k.caller.Request("UPDATE", ua.Options{Body: moved.Describe()})
	m := h.callee.Receive()
	// the callee's 200 is lost; its own UPDATE crosses
	k.callee.Request("UPDATE", ua.Options{Body: k.bob.Describe()})
	u := h.caller.Receive()
	h.caller.Answer(u, 491, ua.Options{})
	h.callee.Receive()
	h.callee.Answer(m, 200, ua.Options{Body: k.bob.Describe()}) // again
	r := k.caller.Response()
	moved.To(only(t, r))
	k.alice = moved
	k.bob.Say("to the new place")
	moved.Hears("to the new place")
}

func TestARefusedOfferOfMorePortsChangesNothing(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	k := h.call(t, v4, v4)
	k.heardBothWays(t)
	d := k.alice.Describe()
	port := fmt.Sprint(k.alice.Addr().Port())
	k.caller.Request("INVITE", ua.Options{Body: strings.Replace(d, " "+port+" ", " "+port+"/2 ", 1)})
	m := h.callee.Receive()
	h.callee.Answer(m, 488, ua.Options{})
	k.caller.Ack(k.caller.Response())
	h.callee.Receive()
	k.heardBothWays(t, "as it was")
}

func TestARefusedCallGivesBackWhatItsCalleeHasOffered(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", closed: 100ms}\n", nil)
	caller := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	invite := h.callee.Receive()
	h.callee.Answer(invite, 183, ua.Options{Body: ua.Hear(t, "127.0.0.1:0").Describe(), Headers: []string{"Require: 100rel", "RSeq: 1"}})
	caller.Response()
	h.callee.Answer(invite, 486, ua.Options{})
	caller.Response()
	eventually(t, 3*time.Second, "all ports came back", func() bool { return leased(h.System) == 0 })
}

// Nobody passes by max_sessions and max_streams_per_session by giving all calls one Call-ID.
func TestACallIDHoldsNoCrowd(t *testing.T) {
	h := build(t, v4, v4, relayed, nil)
	sound := ua.Hear(t, "127.0.0.1:0")
	refused := 0
	for n := range 40 {
		from := fmt.Sprintf("<sip:alice@example.com>;tag=%d", n)
		call := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: sound.Describe(), CallID: "one", From: from})
		if _, came := h.callee.Next(100 * time.Millisecond); came {
			continue
		}
		if r := call.Response(); r.Status() != 503 {
			t.Errorf("call %d of one Call-ID is answered\n%s", n, r.Raw)
		}
		refused++
	}
	if refused != 8 {
		t.Errorf("%d of 40 calls of one Call-ID were refused, not 8", refused)
	}
}
