package mediasession

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/actorsip/actorsip/relay"
)

// A call that spirals passes by twice, by other legs or the other way round: each packet must find its own pass.
func TestAPacketFindsItsPass(t *testing.T) {
	out := &pass{Tag: "a", Near: "inside", Far: "outside"}
	back := &pass{Tag: "a", Near: "outside", Far: "inside"}
	c := &call{Passes: []*pass{out, back}}
	for _, p := range []struct {
		name           string
		from, to       tag
		fromLeg, toLeg string
		request        bool
		pass           *pass
		side           int
		tag            tag
	}{
		{"the INVITE", "a", "", "inside", "outside", true, out, near, ""},
		{"its response", "a", "b", "inside", "outside", false, out, far, "b"},
		{"a request of the far end", "b", "a", "outside", "inside", true, out, far, "b"},
		{"the response to that", "b", "a", "outside", "inside", false, out, near, "b"},
		{"the INVITE on its way back", "a", "", "outside", "inside", true, back, near, ""},
		{"a request of the far end of that pass", "b", "a", "inside", "outside", true, back, far, "b"},
		{"another initiator", "x", "b", "inside", "outside", true, nil, 0, ""},
		{"another leg", "a", "b", "inside", "third", true, nil, 0, ""},
		{"no tag is nobody's", "b", "", "outside", "inside", true, nil, 0, ""},
	} {
		w, ok := c.find(msg{from: p.from, to: p.to, fromLeg: p.fromLeg, toLeg: p.toLeg, request: p.request})
		if ok != (p.pass != nil) || ok && (w.pass != p.pass || w.side != p.side || w.tag != p.tag) {
			t.Errorf("%s: found %+v, %v", p.name, w, ok)
		}
	}
}

func aCall() *call {
	here := netip.MustParseAddrPort("192.0.2.1:4000")
	said := []line{{Remote: here, Pairs: 1, Types: [2]uint64{1}, Rates: []relay.Rate{{Type: 96, Hz: 90000}}}}
	return &call{ID: "c", Passes: []*pass{{
		Tag: "a", Near: "inside", Far: "outside", Seq: 2, Offer: said, Hop: here.Addr(), Ports: []relay.Lease{{Pool: 1, Port: 20000, Pairs: 1}},
		Dialogs: []*dialog{{
			Tag: "b", Ports: []relay.Lease{{Port: 20002, Pairs: 1}}, Sides: [2][]line{said, said}, Next: [2][]line{nil, said},
			Offer: offer{near, near, 2, true}, Seq: [2]uint32{2, 7}, Made: time.Unix(1, 0), Since: time.Unix(2, 0), Why: hungUp, Trace: "00-",
			Relays: []stream{{Locks: [2]relay.Lock{{Source: here, SSRC: 5}}}},
		}},
	}}}
}

// A step that panics half-way must leave nothing of what it did.
func TestACopyOfACallIsApart(t *testing.T) {
	was, c := aCall(), aCall()
	n := c.clone()
	if !reflect.DeepEqual(n, c) {
		t.Fatalf("the copy is another one: %+v", n)
	}
	p := n.Passes[0]
	d := p.Dialogs[0]
	p.Tag, p.Ports[0].Port = "x", 1
	d.Tag, d.Ports[0].Port, d.Relays[0].Line, d.Sides[near] = "x", 1, 1, nil
	p.Dialogs = append(p.Dialogs, &dialog{})
	n.Passes = append(n.Passes, &pass{})
	if !reflect.DeepEqual(c, was) {
		t.Errorf("a change of the copy has changed the call: %+v", c.Passes[0])
	}
}

// What the journal keeps is all that the next process needs.
func TestACallSurvivesTheJournal(t *testing.T) {
	was := aCall()
	text, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	now := &call{}
	if err := json.Unmarshal(text, now); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(now)
	if err != nil || string(again) != string(text) {
		t.Errorf("written, read and written again it is\n%s\nand was\n%s (%v)", again, text, err)
	}
	if d := now.Passes[0].Dialogs[0]; d.Relays[0].Locks[0].SSRC != 5 || !d.Since.Equal(time.Unix(2, 0)) || d.Offer != (offer{near, near, 2, true}) {
		t.Errorf("read again it is %+v", d)
	}
}

func TestWhoIsBehindNATIsNotBelieved(t *testing.T) {
	for a, public := range map[string]bool{
		"203.0.113.7": true, "2001:db8::1": true, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "100.64.0.1": false,
		"127.0.0.1": false, "169.254.1.1": false, "fd00::1": false, "fe80::1": false, "224.0.0.1": false, "0.0.0.0": false,
	} {
		if isPublic(netip.MustParseAddr(a)) != public {
			t.Errorf("%s is public: %v", a, !public)
		}
	}
}

// The end that comes first counts.
func TestADialogEndsOnce(t *testing.T) {
	d, at := &dialog{}, time.Unix(100, 0)
	d.end(at.Add(timerF), hungUp)
	d.end(at, failed)
	d.end(at.Add(time.Hour), cancelled)
	if !d.Ends.Equal(at) || d.Why != failed {
		t.Errorf("it ends at %v for %v", d.Ends, d.Why)
	}
}
