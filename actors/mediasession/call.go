package mediasession

import (
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/actorsip/actorsip/relay"
)

// call is what is known of one Call-ID. A step works on a copy, which takes the place of the old one when the step is
// done: a panic half-way changes nothing. What was leased and started meanwhile is on its page, and what no dialog names
// goes back.
//
//	call ── pass      one way through this proxy: the initiator's leg, the far leg, ports that face the far end
//	         └ dialog  one far end (a forked INVITE has several): ports that face the initiator, relays
type call struct {
	ID     string `json:"-"` // the journal's key
	Passes []*pass
}

// pass is one way of a call through this proxy. A call that spirals has several.
type pass struct {
	Tag      tag           // the initiator's
	Near     string        // the leg where the initiator is
	Far      string        // the leg where the others are
	Seq      uint32        // CSeq of the newest INVITE outside of a dialog, and 1; 0 is none
	Offer    []line        // what that one offered: where a fork begins
	Hop      netip.Addr    // where it was sent
	Branches []uint64      // INVITEs outside of a dialog without a final answer: a proxy before us may fork, too
	Ports    []relay.Lease // by m-line: those that face the far ends
	Dialogs  []*dialog
}

// The sides of a pass and of its relays.
const (
	near = 0
	far  = 1
)

// dialog is one far end of a pass, known by its tag. The first one of a pass has no tag until somebody answers.
type dialog struct {
	Tag     tag
	Ports   []relay.Lease // by m-line: those that face the initiator
	Sides   [2][]line     // what each side has described, in force
	Next    [2][]line     // what it offers, in force when it is answered
	Offer   offer         // the newest one
	Seq     [2]uint32     // by requester: CSeq of its newest offer, and 1
	Made    time.Time
	Since   time.Time // a 2xx established it; zero: early
	Changed time.Time // when the relays last changed
	Ends    time.Time // when it is given up; zero: it is not
	Why     ending    // what ends it
	Trace   string    `json:",omitempty"` // the packet that it began with, for the spans of its relays

	Relays []stream  // by m-line and pair
	check  time.Time // when to look who is silent; zero: it was done
}

// offer is the newest offer within a dialog, and whether an answer was seen.
type offer struct {
	Side     int // who offers
	Asker    int // whose request it belongs to
	Seq      uint32
	Answered bool
}

// none is where a dialog without an offer begins.
var none = offer{Side: -1, Asker: -1, Answered: true}

// line is one m-line of a description.
type line struct {
	Off       bool           // it is not relayed: refused, or not of a kind that we can
	Held      bool           // no address, or a direction that is not both ways
	Remote    netip.AddrPort // where it wants its packets; invalid when it does not say
	RTCP      netip.AddrPort // where it wants its RTCP, if it says
	From      netip.AddrPort // on hold without an address: where its own packets come from
	Pairs     int
	Kind      relay.Kind
	Types     [2]uint64
	Rates     []relay.Rate `json:",omitempty"`
	Signalled netip.Addr   // where its SIP came from
	Believed  bool         // it is where it says
}

// stream is one relay of a dialog.
type stream struct {
	Line, Pair int
	Locks      [2]relay.Lock // what was learned, for the next process
	id         relay.ID
	rule       relay.Rule
	before     relay.Counters // when the rule was last changed
	told       relay.Counters // when the tally was last told
}

func (c *call) clone() *call {
	n := &call{ID: c.ID, Passes: make([]*pass, len(c.Passes))}
	for i, p := range c.Passes {
		q := *p
		q.Ports, q.Branches = slices.Clone(p.Ports), slices.Clone(p.Branches)
		q.Dialogs = make([]*dialog, len(p.Dialogs))
		for j, d := range p.Dialogs {
			e := *d
			e.Ports, e.Relays = slices.Clone(d.Ports), slices.Clone(d.Relays)
			q.Dialogs[j] = &e
		}
		n.Passes[i] = &q
	}
	return n
}

// tag is a From or To tag. Its bytes need not be text, which JSON wants.
type tag string

// MarshalText writes what is no ASCII as escapes.
func (t tag) MarshalText() ([]byte, error) { return []byte(strconv.QuoteToASCII(string(t))), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *tag) UnmarshalText(b []byte) error {
	s, err := strconv.Unquote(string(b))
	*t = tag(s)
	return err
}

// party is where a packet stands in a call.
type party struct {
	pass *pass
	side int // whose packet it is
	tag  tag // the far end's
}

// find is where a packet stands.
func (c *call) find(m msg) (party, bool) {
	for _, p := range c.Passes {
		switch {
		case p.Tag == m.from && p.Near == m.fromLeg && p.Far == m.toLeg:
			return party{p, sender(near, m.request), m.to}, true
		case p.Tag == m.to && m.to != "" && p.Near == m.toLeg && p.Far == m.fromLeg:
			return party{p, sender(far, m.request), m.from}, true
		}
	}
	return party{}, false
}

// sender is whose packet it is when that side has made the request.
func sender(asker int, isRequest bool) int {
	if isRequest {
		return asker
	}
	return 1 - asker
}

// dialog is the one with that far end; nil when there is none.
func (p *pass) dialog(tag tag) *dialog {
	for _, d := range p.Dialogs {
		if d.Tag == tag {
			return d
		}
	}
	return nil
}

// held tells whether the dialog's silence is meant. What nobody has answered yet is not on hold.
func (d *dialog) held() bool {
	if d.Since.IsZero() {
		return false
	}
	for _, side := range d.Sides {
		for _, l := range side {
			if !l.Off && l.Held {
				return true
			}
		}
	}
	return false
}

func same(a, b []line) bool { return reflect.DeepEqual(a, b) }
