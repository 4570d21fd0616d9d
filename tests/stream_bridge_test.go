package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// places are all that a leg can be on.
func places() (all []place) {
	for _, h := range []host{v4, v6} {
		for _, transport := range []string{"udp", "tcp", "tls", "ws", "wss"} {
			all = append(all, place{transport, h})
		}
	}
	return all
}

// Every leg to every leg: a call with a re-INVITE from the callee, ended by either side in turn.
func TestACallGoesBetweenAnyTwoLegs(t *testing.T) {
	n := 0
	for _, inside := range places() {
		for _, outside := range places() {
			n++
			endedByCallee := n%2 == 0
			t.Run(inside.String()+" to "+outside.String(), func(t *testing.T) {
				h := between(t, inside, outside, options{})
				caller, callee := h.inviteBetween(t)
				h.reInvite(t, callee, h.callee, h.caller)
				if endedByCallee {
					bye(t, callee, h.caller)
				} else {
					bye(t, caller, h.callee)
				}
			})
		}
	}
}

// few are pairs in which each transport is on either side once, and both families are crossed.
func few() [][2]place {
	return [][2]place{
		{{"udp", v4}, {"tcp", v4}},
		{{"tcp", v4}, {"udp", v6}},
		{{"tcp", v6}, {"tls", v4}},
		{{"tls", v4}, {"ws", v4}},
		{{"ws", v4}, {"wss", v6}},
		{{"wss", v6}, {"tcp", v4}},
		{{"ws", v4}, {"udp", v4}},
		{{"tcp", v4}, {"tcp", v4}},
	}
}

func TestEverythingInACallGoesBetweenLegs(t *testing.T) {
	for _, pair := range few() {
		inside, outside := pair[0], pair[1]
		t.Run(inside.String()+" to "+outside.String(), func(t *testing.T) {
			h := between(t, inside, outside, options{})
			t.Run("refused and acknowledged", func(t *testing.T) { h.in(t).refuse(t, 486) })
			t.Run("cancelled", func(t *testing.T) { h.in(t).cancel(t) })
			t.Run("both re-INVITE, the callee hangs up", func(t *testing.T) {
				h := h.in(t)
				caller, callee := h.inviteBetween(t)
				h.reInvite(t, caller, h.caller, h.callee)
				h.reInvite(t, callee, h.callee, h.caller)
				bye(t, callee, h.caller)
			})
			t.Run("the caller hangs up", func(t *testing.T) {
				h := h.in(t)
				caller, _ := h.inviteBetween(t)
				bye(t, caller, h.callee)
			})
			for _, leg := range []string{"inside", "outside"} {
				if h.at(leg).isStream() {
					if st := connections(t, h.System, leg); len(st.Ended) > 0 || st.Open > 2 {
						t.Errorf("leg %s: one connection each way is enough for all of this: %+v", leg, st)
					}
				}
			}
		})
	}
}

func (h *bridge) at(leg string) place {
	if leg == "outside" {
		return h.outside
	}
	return h.inside
}

// inviteBetween is invite, and looks at what the proxy has written for either side.
func (h *bridge) inviteBetween(t *testing.T) (caller, callee *ua.Call) {
	t.Helper()
	caller = h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	m := h.callee.Receive()
	checkVia(t, m, h.outside, h.Addr("outside").String())
	h.checkRoutes(t, m.RecordRoutes())
	checkContact(t, m, h.Addr("outside").String()+h.outside.param(), h.caller.Addr().String())
	callee = h.callee.Answer(m, 200, ua.Options{})
	ok := caller.Response()
	if ok.Status() != 200 {
		t.Fatalf("the INVITE was answered\n%s", ok.Raw)
	}
	h.cameBack(t, h.caller, "inside", ok)
	h.checkRoutes(t, ok.RecordRoutes())
	checkContact(t, ok, h.Addr("inside").String()+h.inside.param(), h.callee.Addr().String())
	caller.Ack(ok)
	if m := h.callee.Receive(); m.Method() != "ACK" || m.RequestURI() != h.callee.URI() {
		t.Fatalf("the ACK for %s was expected, not\n%s", h.callee.URI(), m.Raw)
	}
	return caller, callee
}

// cameBack: over connections a response comes by the one of its request (RFC 3261 §18.2.2).
func (h *bridge) cameBack(t *testing.T, phone *ua.Phone, leg string, m ua.Message) {
	t.Helper()
	if h.at(leg).isStream() && m.On != phone.Connection(h.Addr(leg)) {
		t.Errorf("the response came from %s, and not over the connection of its request:\n%s", m.Source, m.Raw)
	}
}

func checkVia(t *testing.T, m ua.Message, p place, at string) {
	t.Helper()
	if want := "SIP/2.0/" + strings.ToUpper(p.transport) + " " + at + ";"; !strings.HasPrefix(m.Vias()[0], want) {
		t.Errorf("the topmost Via is %q, and should begin with %q", m.Vias()[0], want)
	}
}

// checkRoutes: a value for each leg with its transport, that of the callee's on top; the caller's has the flow of a connection
// that the caller has opened (RFC 5626 §5.2), as nobody knows whether another could be.
func (h *bridge) checkRoutes(t *testing.T, got []string) {
	t.Helper()
	if len(got) != 2 {
		t.Fatalf("a Record-Route for each leg was expected: %q", got)
	}
	if want := "<sip:" + h.Addr("outside").String() + h.outside.param() + ";rr;lr>"; got[0] != want {
		t.Errorf("the Record-Route of the callee's leg is %q, not %q", got[0], want)
	}
	user, rest, flow := strings.Cut(strings.TrimPrefix(got[1], "<sip:"), "@")
	if !flow {
		rest = user
	}
	if want := h.Addr("inside").String() + h.inside.param() + ";rr;lr>"; rest != want || flow != h.inside.isStream() {
		t.Errorf("the Record-Route of the caller's leg is %q: %q, behind a flow for connections", got[1], want)
	}
}

// checkContact: what one side sees of the other is the proxy.
func checkContact(t *testing.T, m ua.Message, at, hidden string) {
	t.Helper()
	contact := m.List("Contact")
	if len(contact) != 1 || !strings.HasSuffix(contact[0], "@"+at+">") || strings.Contains(contact[0], hidden) {
		t.Errorf("the Contact is %q, and should be at %s", contact, at)
	}
}

// reInvite has a side offer once more; the other is found by its own Contact.
func (h *bridge) reInvite(t *testing.T, from *ua.Call, phone, other *ua.Phone) {
	t.Helper()
	from.Request("INVITE", ua.Options{})
	m := other.Receive()
	if m.Method() != "INVITE" || m.RequestURI() != other.URI() || len(m.Routes()) > 0 {
		t.Fatalf("the re-INVITE for %s was expected, not\n%s", other.URI(), m.Raw)
	}
	other.Answer(m, 200, ua.Options{})
	ok := from.Response()
	if ok.Status() != 200 {
		t.Fatalf("the re-INVITE was answered\n%s", ok.Raw)
	}
	leg := "inside"
	if phone == h.callee {
		leg = "outside"
	}
	h.cameBack(t, phone, leg, ok)
	from.Ack(ok)
	if m := other.Receive(); m.Method() != "ACK" {
		t.Fatalf("the ACK was expected, not\n%s", m.Raw)
	}
}

// refuse has the callee refuse a call.
func (h *bridge) refuse(t *testing.T, code int) {
	t.Helper()
	call := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	invite := h.callee.Receive()
	h.callee.Answer(invite, code, ua.Options{})
	refused := call.Response()
	if refused.Status() != code {
		t.Fatalf("the INVITE was answered\n%s", refused.Raw)
	}
	call.Ack(refused)
	if ack := h.callee.Receive(); ack.Method() != "ACK" || ack.Branch() != invite.Branch() || ack.On != invite.On {
		t.Errorf("the ACK does not match its INVITE at the next hop:\n%s\n%s", ack.Raw, invite.Raw)
	}
}

// cancel has the caller think better of it.
func (h *bridge) cancel(t *testing.T) {
	t.Helper()
	call := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	invite := h.callee.Receive()
	h.callee.Answer(invite, 180, ua.Options{})
	call.Response()
	call.Cancel()
	cancel := h.callee.Receive()
	if cancel.Method() != "CANCEL" || cancel.Branch() != invite.Branch() || cancel.RequestURI() != invite.RequestURI() || cancel.On != invite.On {
		t.Fatalf("the CANCEL does not match its INVITE at the next hop:\n%s\n%s", cancel.Raw, invite.Raw)
	}
	h.callee.Answer(cancel, 200, ua.Options{})
	h.callee.Answer(invite, 487, ua.Options{})
	for _, want := range []string{"200 CANCEL", "487 INVITE"} {
		if r := call.Response(); fmt.Sprint(r.Status(), " ", r.Method()) != want {
			t.Fatalf("%s was expected, not\n%s", want, r.Raw)
		} else if r.Method() == "INVITE" {
			call.Ack(r)
		}
	}
	if ack := h.callee.Receive(); ack.Method() != "ACK" || ack.Branch() != invite.Branch() {
		t.Errorf("the ACK does not match its INVITE at the next hop:\n%s\n%s", ack.Raw, invite.Raw)
	}
}

// awaitSilence waits until the phones have seen that their connections have ended.
func (h *bridge) awaitSilence() {
	for leg, phone := range map[string]*ua.Phone{"inside": h.caller, "outside": h.callee} {
		if !h.at(leg).isStream() {
			continue
		}
		for _, c := range phone.Connections() {
			<-c.Over()
		}
	}
}

// What a dialog needs is in its messages and the keys: it goes on over new connections, between those who can be connected to.
func TestADialogOverConnectionsSurvivesARestart(t *testing.T) {
	for _, pair := range [][2]place{{{"tcp", v4}, {"tls", v4}}, {{"tls", v6}, {"udp", v4}}, {{"udp", v4}, {"tcp", v6}}} {
		inside, outside := pair[0], pair[1]
		for _, byCaller := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s to %s, ended by the caller %v", inside, outside, byCaller), func(t *testing.T) {
				leavesNothing(t)
				tr := newTrust(t)
				h := &bridge{house{caller: tr.open(t, inside), callee: tr.open(t, outside)}, tr, inside, outside}
				legs := tr.leg("inside", inside, steadyPort(t, inside.host), fmt.Sprintf("reach: [%q]", h.caller.Addr())) +
					tr.leg("outside", outside, steadyPort(t, outside.host), fmt.Sprintf("reach: [%q]", h.callee.Addr()))
				top := fmt.Sprintf("next_hops: {\"*\": %q}\nkeys: {file: %q}\n", outside.next(h.callee.Addr()), t.TempDir()+"/keys.yaml")
				var stop func()
				h.System, stop = start(t, legs, top, options{})
				caller, callee := h.inviteBetween(t)
				pending := h.caller.Invite("sip:carol@example.com", ua.Options{Proxy: h.Addr("inside")})
				ringing := h.callee.Receive()
				stop()
				h.awaitSilence()
				h.System = launch(t, legs, top, options{})
				h.callee.Answer(ringing, 486, ua.Options{}) // the way back is in the Via, and its connection is gone
				if r := pending.Response(); r.Status() != 486 {
					t.Fatalf("the INVITE from before the restart was answered\n%s", r.Raw)
				}
				if byCaller {
					bye(t, caller, h.callee)
				} else {
					bye(t, callee, h.caller)
				}
			})
		}
	}
}
