package leg

import (
	"fmt"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
)

// RFC 5393 §4.2: the second pass of the same request is answered 482, however many were in between.
func TestALoopIsFoundOnTheSecondPass(t *testing.T) {
	for _, between := range []int{0, 1, 5, 60} {
		for _, again := range []string{"inside", "outside", "six"} {
			h := build(t)
			text := h.forwarded("inside", "outside", caller, request("INVITE", bob, via, "Route: <sip:10.0.0.1;lr>"))
			for n := range between { // other proxies; each adds a Via
				text = strings.Replace(text, "Via: ", fmt.Sprintf("Via: SIP/2.0/UDP p%d.example.net;branch=z9hG4bKp%d\r\nVia: ", n, n), 1)
			}
			answer, _ := h.answered(again, nextHop, text, message.Looped)
			if firstLine(answer) != "SIP/2.0 482 Loop Detected" || len(stage.Headers(answer, "Via")) != between+2 {
				t.Errorf("%d in between: the answer is\n%s", between, answer)
			}
		}
	}
}

// A request that comes by again for another target, or by another way, spirals, and is none of our business.
func TestASpiralIsNoLoop(t *testing.T) {
	h := build(t)
	once := h.forwarded("inside", "outside", caller, request("INVITE", bob, via))
	own := stage.Headers(once, "Via")[0]
	for name, text := range map[string]string{
		"another target":       strings.Replace(once, bob, "sip:carol@example.com", 1),
		"a parameter more":     strings.Replace(once, bob, bob+";a=b", 1),
		"a Route more":         strings.Replace(once, "\r\nVia:", "\r\nRoute: <sip:p.example.net;lr>\r\nVia:", 1),
		"a leg that is named":  strings.Replace(once, "\r\nVia:", "\r\nRoute: <sip:203.0.113.1;lr>\r\nVia:", 1),
		"another CSeq":         strings.Replace(once, "CSeq: 1", "CSeq: 2", 1),
		"another From tag":     strings.Replace(once, "tag=from", "tag=morf", 1),
		"another Call-ID":      strings.Replace(once, "call-1", "call-2", 1),
		"not our own Via":      strings.Replace(once, own, strings.Replace(own, "203.0.113.1", "203.0.113.2", 1), 1),
		"no branch":            strings.Replace(once, ";branch="+branchOf(t, once), "", 1),
		"a branch of a shape":  strings.Replace(once, branchOf(t, once), cookie+strings.Repeat("a", branchLen(markLen)-len(cookie)), 1),
		"a branch of no shape": strings.Replace(once, branchOf(t, once), cookie+strings.Repeat("-", branchLen(markLen)-len(cookie)), 1),
	} {
		if text == once {
			t.Fatalf("%s: nothing was changed", name)
		}
		p, o := h.received("inside", nextHop, text)
		if o != message.Pass(h.next.Open, message.Open{Packet: p}) {
			t.Errorf("%s: %q", name, o)
		}
		p.Free()
	}
}

// The hash is over what decides where the request goes, not over what proxies change on the way.
func TestALoopIsFoundThoughHeadersChange(t *testing.T) {
	h := build(t)
	once := h.forwarded("inside", "outside", caller, request("INVITE", bob, via, "CSeq: 007 INVITE"))
	for name, text := range map[string]string{
		"fewer hops":        strings.Replace(once, "Max-Forwards: 69", "Max-Forwards: 12", 1),
		"a header more":     strings.Replace(once, "\r\nVia:", "\r\nX: y\r\nVia:", 1),
		"a compact name":    strings.Replace(once, "Call-ID:", "i:", 1),
		"a number anew":     strings.Replace(once, "CSeq: 007", "CSeq: 7", 1),
		"our Via in caps":   strings.Replace(once, branchOf(t, once), strings.ToUpper(branchOf(t, once)), 1),
		"Vias in one line":  strings.Replace(once, "\r\nVia: "+stage.Headers(once, "Via")[1], ", "+stage.Headers(once, "Via")[1], 1),
		"more Record-Route": strings.Replace(once, "\r\nRecord-Route:", "\r\nRecord-Route: <sip:p.example.net;lr>\r\nRecord-Route:", 1),
	} {
		p, o := h.received("inside", nextHop, text)
		if o != message.Answer(message.Looped) {
			t.Errorf("%s: %q for\n%s", name, o, text)
		}
		p.Free()
	}
}

// A leg under another name of its own is still this proxy.
func TestALoopIsFoundByTheNameThatALegAdvertises(t *testing.T) {
	h := build(t)
	once := h.forwarded("inside", "nat", caller, request("INVITE", bob, via))
	if !strings.Contains(once, "Via: SIP/2.0/UDP sip.example.com:5060;") {
		t.Fatalf("it leaves as\n%s", once)
	}
	h.answered("nat", nextHop, once, message.Looped)
	h.answered("nat", nextHop, strings.Replace(once, "sip.example.com:5060", "SIP.example.com", 1), message.Looped)
}

// The ACK of a looped INVITE, and its CANCEL, are no calls that must be kept.
func TestALoopingAckIsDropped(t *testing.T) {
	h := build(t)
	once := h.forwarded("inside", "outside", caller, request("ACK", bob, via))
	p, o := h.received("outside", nextHop, once)
	if o != message.Answer(message.Looped) { // which Settle turns into a drop
		t.Errorf("the outcome is %q", o)
	}
	p.Free()
}
