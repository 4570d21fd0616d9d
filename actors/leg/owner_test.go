package leg

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// node makes all legs those of a node that has the media of calls that are new.
func (h *house) node(id uint16) {
	for _, l := range h.rooms {
		l.Node, l.Relay = id, func([]byte) uint16 { return id }
	}
}

// ownerOf is the owner that a leg learns from a response.
func (h *house) ownerOf(by, text string) uint16 {
	h.t.Helper()
	p := h.accepted(by, nextHop, text)
	defer p.Free()
	return p.Owner
}

// RFC 3261 §9.1, §16.11, §17.1.1.3: a retransmission, a CANCEL and the ACK to a failure may come to other nodes than their INVITE,
// each of which would have the call's media itself.
func TestABranchIsTheSameOnAnyNode(t *testing.T) {
	h := build(t)
	h.node(1)
	first := h.forwarded("inside", "outside", caller, request("INVITE", bob, via))
	if ua.Param(stage.Headers(first, "Via")[0], owned) == "" {
		t.Fatalf("no owner is in the Via of\n%s", first)
	}
	for id, text := range map[uint16]string{
		2:     request("INVITE", bob, via),
		3:     request("CANCEL", bob, via),
		65535: request("ACK", bob, via, "To: <sip:bob@example.com>;tag=to"),
	} {
		h.node(id)
		if got := h.forwarded("inside", "outside", caller, text); branchOf(t, got) != branchOf(t, first) {
			t.Errorf("by node %d the branch is %s, by node 1 %s", id, branchOf(t, got), branchOf(t, first))
		}
	}
}

func TestAResponseSaysWhoHasTheMedia(t *testing.T) {
	h := build(t)
	h.node(7)
	good := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via)))
	other := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via, "CSeq: 2 INVITE")))
	h.node(8)
	young := response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via)))
	h.node(9)
	owner := func(text string) string { return ";" + owned + "=" + ua.Param(stage.Headers(text, "Via")[0], owned) }
	for name, c := range map[string]struct {
		text string
		want uint16
	}{
		"as it was sent":                {good, 7},
		"by another node":               {young, 8},
		"one of the same branch":        {strings.Replace(good, owner(good), owner(young), 1), 8},
		"in upper case":                 {strings.Replace(good, owner(good), strings.ToUpper(owner(good)), 1), 7},
		"before the branch":             {strings.Replace(strings.Replace(good, owner(good), "", 1), ";branch", owner(good)+";branch", 1), 7},
		"with more behind":              {strings.Replace(good, owner(good), owner(good)+";x=y", 1), 7},
		"that of another request":       {strings.Replace(good, owner(good), owner(other), 1), 0},
		"none":                          {strings.Replace(good, owner(good), "", 1), 0},
		"an empty one":                  {strings.Replace(good, owner(good), ";"+owned, 1), 0},
		"a shorter one":                 {strings.Replace(good, owner(good), owner(good)[:len(owner(good))-1], 1), 0},
		"a longer one":                  {strings.Replace(good, owner(good), owner(good)+"a", 1), 0},
		"one without a MAC":             {strings.Replace(good, owner(good), ";"+owned+"=7", 1), 0},
		"one that is no mark of ours":   {strings.Replace(good, owner(good), ";"+owned+"=1111111111111", 1), 0},
		"another node, the MAC is true": {strings.Replace(good, owner(good), ";"+owned+"=aaea"+owner(good)[len(";n=")+4:], 1), 0},
	} {
		if got := h.ownerOf("outside", c.text); got != c.want {
			t.Errorf("%s: the owner is %d, not %d, of\n%s", name, got, c.want, c.text)
		}
	}
}

func TestAnOwnerIsNamedInAClusterOnly(t *testing.T) {
	h := build(t)
	alone := h.forwarded("inside", "outside", caller, request("INVITE", bob, via))
	if v := stage.Headers(alone, "Via")[0]; ua.Param(v, owned) != "" {
		t.Errorf("without a cluster the Via is %s", v)
	}
	h.node(7)
	in := h.forwarded("inside", "outside", caller, request("INVITE", bob, via))
	if branchOf(t, in) != branchOf(t, alone) {
		t.Error("a node that enters a cluster has another branch")
	}
	h.node(0)
	if got := h.ownerOf("outside", response(200, in)); got != 0 {
		t.Errorf("without a cluster the owner is %d", got)
	}
}

// The owner that a dialog's route names is that of the Via, too.
func TestTheOwnerOfARouteIsThatOfTheVia(t *testing.T) {
	h := build(t)
	h.node(7)
	text := request("INVITE", bob, via, "Route: <sip:203.0.113.1;n=c;rr;lr>, <sip:10.0.0.1;n=c;rr;lr>")
	p := h.accepted("inside", caller, text)
	p.Egress, p.To = h.all.Named("outside"), netip.MustParseAddrPort("198.51.100.9:5060")
	out, _ := h.sent("outside", p)
	if got := h.ownerOf("outside", response(200, out)); got != 12 {
		t.Errorf("the owner is %d, not 12", got)
	}
}
