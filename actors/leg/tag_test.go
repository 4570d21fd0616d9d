package leg

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
)

// refused is an answer of ours to an INVITE, and the tag that we gave it.
func (h *house) refused(by string, more ...string) (answer, tag string) {
	h.t.Helper()
	answer, _ = h.answered(by, caller, request("INVITE", bob, via, append(more, "Max-Forwards: 0")...), message.TooManyHops)
	_, tag, ok := strings.Cut(stage.Headers(answer, "To")[0], ";tag=")
	if !ok || len(tag) != tagLen {
		h.t.Fatalf("the To-tag is %q in\n%s", tag, answer)
	}
	return answer, tag
}

// absorbed tells whether an ACK ends here.
func (h *house) absorbed(by, tag string, more ...string) bool {
	h.t.Helper()
	p, o := h.received(by, caller, request("ACK", bob, via, append(more, "To: <sip:bob@example.com>;tag="+tag)...))
	defer p.Free()
	switch o {
	case message.Drop(message.Acknowledged):
		return true
	case message.Pass(h.next.Open, message.Open{Packet: p}):
		return false
	}
	h.t.Fatalf("the outcome is %q", o)
	return false
}

// RFC 3261 §8.2.7: a stateless server gives the same tag to each retransmission, and ignores the ACK.
func TestTheAckToOurAnswerEndsHere(t *testing.T) {
	h := build(t)
	answer, tag := h.refused("inside")
	h.restart()
	if again, _ := h.refused("inside"); again != answer {
		t.Errorf("a retransmission is answered\n%s\nthe first was\n%s", again, answer)
	}
	for name, c := range map[string]struct {
		by, tag string
		more    []string
		want    bool
	}{
		"the ACK":                  {"inside", tag, nil, true},
		"with a header more":       {"inside", tag, []string{"X: y"}, true},
		"with Max-Forwards 0":      {"inside", tag, []string{"Max-Forwards: 0"}, true},
		"with a number anew":       {"inside", tag, []string{"CSeq: 01 ACK"}, true},
		"in upper case":            {"inside", strings.ToUpper(tag), nil, true},
		"of another call":          {"inside", tag, []string{"Call-ID: call-2"}, false},
		"of another CSeq":          {"inside", tag, []string{"CSeq: 2 ACK"}, false},
		"of another caller":        {"inside", tag, []string{"From: <sip:alice@example.org>;tag=other"}, false},
		"by another leg":           {"outside", tag, nil, false},
		"to somebody else's tag":   {"inside", "to", nil, false},
		"to a tag of our shape":    {"inside", strings.Repeat("a", tagLen), nil, false},
		"to a tag of other signs":  {"inside", strings.Repeat("-", tagLen), nil, false},
		"to a tag a sign longer":   {"inside", tag + "a", nil, false},
		"to a tag a sign shorter":  {"inside", tag[:tagLen-1], nil, false},
		"to no tag":                {"inside", "", nil, false},
		"to a tag in quotes":       {"inside", `"` + tag + `"`, nil, false},
		"to our tag, twice":        {"inside", tag + ";tag=" + tag, nil, true},
		"to another tag, ours too": {"inside", "to;tag=" + tag, nil, false},
	} {
		if got := h.absorbed(c.by, c.tag, c.more...); got != c.want {
			t.Errorf("an ACK %s is absorbed: %v", name, got)
		}
	}
}

// Only the ACK: other requests with that tag are for somebody.
func TestOnlyTheAckIsAbsorbed(t *testing.T) {
	h := build(t)
	_, tag := h.refused("inside")
	for _, method := range []string{"INVITE", "BYE", "CANCEL", "ack"} {
		h.accepted("inside", caller, request(method, bob, via, "To: <sip:bob@example.com>;tag="+tag)).Free()
	}
}

func TestAChangedTagIsNotOurs(t *testing.T) {
	h := build(t)
	_, tag := h.refused("inside")
	for i := range tag {
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567ABCDEFGHIJKLMNOPQRSTUVWXYZ0189" {
			changed := tag[:i] + string(c) + tag[i+1:]
			if got := h.absorbed("inside", changed); got != strings.EqualFold(changed, tag) {
				t.Fatalf("an ACK to %s instead of %s is absorbed: %v", changed, tag, got)
			}
		}
	}
}

// An ACK that is absorbed by mistake is a call that does not come up.
func TestNoRandomTagIsOurs(t *testing.T) {
	tries := 1_000_000
	if testing.Short() {
		tries = 10_000
	}
	h := build(t)
	_, tag := h.refused("inside")
	p := h.packet("inside", caller, request("ACK", bob, via, "To: <sip:bob@example.com>;tag="+tag))
	at := strings.Index(string(p.In), tag)
	place := p.In[at : at+tagLen]
	p.Parse(p.In)
	l := h.rooms["inside"]
	if !l.isOwnAnswer(p) {
		t.Fatal("the true one is not known")
	}
	random := rand.New(rand.NewPCG(7, 8))
	for n := range tries {
		for i := 2 * (n % 2); i < tagLen; i++ { // every other one names a key that there is
			place[i] = "abcdefghijklmnopqrstuvwxyz234567"[random.IntN(32)]
		}
		if string(place) != tag && l.isOwnAnswer(p) {
			t.Fatalf("%s is ours", place)
		}
		copy(place, tag)
	}
	p.Free()
}

func TestAnAckIsKnownAfterTheRotationOfKeys(t *testing.T) {
	h := build(t)
	_, old := h.refused("inside")
	h.rotate()
	_, young := h.refused("inside")
	if old == young {
		t.Fatal("the new key is not in use")
	}
	if !h.absorbed("inside", old) || !h.absorbed("inside", young) {
		t.Fatal("an ACK is not known after the rotation")
	}
	if _, err := keyring.Retire(h.keyFile, time.Hour, stage.KeysMade.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	h.ring.Replace(stage.ReadKeys(t, h.keyFile))
	if h.absorbed("inside", old) {
		t.Fatal("its key is gone")
	}
}

// A request within a dialog has its tag, and keeps it in our answer.
func TestATagOfOthersIsKept(t *testing.T) {
	h := build(t)
	answer, _ := h.answered("inside", caller, request("BYE", bob, via, "To: <sip:bob@example.com>;tag=theirs", "Max-Forwards: 0"), message.TooManyHops)
	if to := stage.Headers(answer, "To"); len(to) != 1 || to[0] != "<sip:bob@example.com>;tag=theirs" {
		t.Errorf("the answer goes to %q", to)
	}
}
