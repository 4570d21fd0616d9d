package tests

import (
	"bytes"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/ua"
)

// RFC 3261 §16.11: a retransmission leaves as the first one did.
func TestARequestSentThreeTimesLeavesThreeTimesTheSame(t *testing.T) {
	h := newHouse(t)
	for _, method := range []string{"INVITE", "REGISTER", "MESSAGE"} {
		raw := h.caller.Compose(method, "sip:bob@example.com", ua.Options{}).Raw
		var first []byte
		for i := range 3 {
			h.caller.Send(raw, h.Addr("inside"))
			got := h.callee.Receive().Raw
			if first == nil {
				first = got
			}
			if !bytes.Equal(got, first) {
				t.Errorf("%s no. %d left as\n%s\nbut the first as\n%s", method, i+1, got, first)
			}
		}
	}
}

// A request that differs in what makes a transaction must differ in its branch, or the next hop takes it for the other.
func TestAnotherTransactionHasAnotherBranch(t *testing.T) {
	h := newHouse(t)
	seen := map[string]string{}
	base := ua.Options{Proxy: h.Addr("inside"), CallID: "one", CSeq: 1, Branch: "z9hG4bKone"}
	for _, change := range []struct {
		name string
		do   func(*ua.Options)
	}{
		{"nothing", func(*ua.Options) {}},
		{"Call-ID", func(o *ua.Options) { o.CallID = "two" }},
		{"CSeq", func(o *ua.Options) { o.CSeq = 2 }},
		{"branch", func(o *ua.Options) { o.Branch = "z9hG4bKtwo" }},
	} {
		o := base
		change.do(&o)
		h.caller.Request("OPTIONS", "sip:bob@example.com", o)
		branch := h.callee.Receive().Branch()
		if other, ok := seen[branch]; ok {
			t.Errorf("a change of %s gives the branch of a change of %s", change.name, other)
		}
		seen[branch] = change.name
	}
}

func TestALoopIsFoundOnTheSecondPass(t *testing.T) {
	h := newHouse(t)
	h.caller.Request("OPTIONS", "sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	h.callee.Send(h.callee.Receive().Raw, h.Addr("outside")) // as a next hop does that has us as its own next hop
	if m := h.caller.Receive(); m.Status() != 482 {          // by the Via of our own first pass
		t.Fatalf("the loop was not found:\n%s", m.Raw)
	}
	h.callee.Quiet(1)
}

func TestTwoProxiesThatPointAtEachOtherStop(t *testing.T) {
	leavesNothing(t)
	caller := ua.New(t, "127.0.0.1:0")
	tap := ua.New(t, "127.0.0.1:0") // stands between the two and counts
	first := build(t, v4, v4, `next_hops: {"*": "sip:`+tap.Addr().String()+`"}`+"\n", nil)
	second := build(t, v4, v4, `next_hops: {"*": "sip:`+first.Addr("inside").String()+`"}`+"\n", nil)
	caller.Request("OPTIONS", "sip:bob@example.com", ua.Options{Proxy: first.Addr("inside")})
	passes := 0
	for {
		m := tap.Receive()
		if m.Status() != 0 { // the 482, on its way back from first
			t.Fatalf("an answer came to the tap:\n%s", m.Raw)
		}
		passes++
		if passes > 2 {
			t.Fatalf("pass %d: the loop is not found", passes)
		}
		tap.Send(m.Raw, second.Addr("inside"))
		if r, came := caller.Next(500e6); came {
			if r.Status() != 482 {
				t.Fatalf("the caller was told\n%s", r.Raw)
			}
			break
		}
	}
	if passes > 2 {
		t.Errorf("the request passed %d times", passes)
	}
}

func TestASpiralIsNoLoop(t *testing.T) {
	h := newHouse(t)
	h.caller.Request("OPTIONS", "sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	once := h.callee.Receive()
	elsewhere := bytes.Replace(once.Raw, []byte("OPTIONS sip:bob@example.com"), []byte("OPTIONS sip:carol@example.com"), 1)
	h.callee.Send(elsewhere, h.Addr("outside")) // the next hop has forwarded it to somebody else, through us
	if m := h.callee.Receive(); m.Status() != 0 || !strings.Contains(m.RequestURI(), "carol") {
		t.Fatalf("a spiral was stopped:\n%s", m.Raw)
	}
}
