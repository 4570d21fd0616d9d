package mediasession

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/relay"
	"github.com/actorsip/actorsip/sdpwire"
	"github.com/actorsip/actorsip/sipwire"
)

// most is how many media streams a call may have when the configuration does not say.
const most = 64

// describe takes a session description on its way: it becomes an offer or an answer of its dialog (RFC 3264), and
// leaves with our addresses in it. A retransmission changes nothing and leaves as the first one did.
func (s *session) describe(c *call, p *message.Packet, m msg) error {
	at, ok := p.SDP()
	if !ok {
		return nil
	}
	if fault := s.sdp.Parse(p.Bytes(at)); fault != sdpwire.None {
		return fmt.Errorf("%w: %v", errDescription, fault)
	}
	lines := s.lines(p, m)
	w, known := c.find(m)
	if !known {
		if len(c.Passes) == crowd {
			return errCrowd
		}
		w = s.begin(c, m)
	}
	if s.wasHere(w, lines) {
		return nil
	}
	var d *dialog
	var err error
	if w.tag == "" && w.side == near {
		err = s.first(w.pass, lines, m)
	} else if d, err = s.dialog(w.pass, w.tag, m); err == nil {
		err = s.exchange(w, d, lines, m)
	}
	if err != nil {
		return err
	}
	ports, site := w.pass.Ports, s.site(w.pass.Far)
	if w.side == far {
		ports, site = d.Ports, s.site(w.pass.Near)
	}
	s.rewrite(p, at, site, func(i int) uint16 {
		if i < len(ports) && !lines[i].Off {
			return ports[i].Port
		}
		return 0
	})
	return nil
}

// rewrite puts the description that was parsed into its packet, with the addresses of a site and a port for each m-line.
func (d *desk) rewrite(p *message.Packet, at sipwire.Span, site *Site, port func(line int) uint16) {
	d.numbers = d.numbers[:0]
	for i := range d.sdp.Media {
		d.numbers = append(d.numbers, port(i))
	}
	p.Body = d.sdp.Append(p.Body[:0], site.Advertise, d.numbers)
	p.ReplaceBody(at, p.Body)
}

// discard is the port of RFC 863.
const discard = 9

// conceal writes our address into a description that is neither offer nor answer: what a refusal would have accepted
// (RFC 3261 §21.4.26), or what an endpoint can do (§11.2). Nobody sends anything there. One that cannot be read goes on as it is.
func (d *desk) conceal(cfg *Config, p *message.Packet) {
	at, ok := p.SDP()
	site := cfg.site(p.Egress.Name)
	if !ok || site == nil || d.sdp.Parse(p.Bytes(at)) != sdpwire.None {
		return
	}
	d.rewrite(p, at, site, func(int) uint16 { return discard })
}

var (
	errStreams     = errors.New("too many media streams")
	errCrowd       = errors.New("too many dialogs of one Call-ID")
	errDescription = errors.New("the session description cannot be relayed")
)

// wasHere tells whether a description says our own address already: a call within one leg that comes by twice, as through
// a registrar there, is relayed once. Between two legs each pass has ports of its own.
func (s *session) wasHere(w party, lines []line) bool {
	site := s.site(w.pass.Near)
	if w.pass.Near != w.pass.Far || site == nil {
		return false
	}
	ports := w.pass.Ports
	if w.side == far {
		d := w.pass.dialog(w.tag)
		if d == nil {
			return false
		}
		ports = d.Ports
	}
	for i, l := range lines {
		if !l.Off && i < len(ports) && l.Remote == netip.AddrPortFrom(site.Advertise, ports[i].Port) {
			return true
		}
	}
	return false
}

// crowd is how many passes a Call-ID may have, and how many far ends a pass. Who makes more has something else in mind.
const crowd = 32

// begin makes a pass for a call that was not here before. Its initiator is who made the request.
func (s *session) begin(c *call, m msg) party {
	p := &pass{Tag: m.from, Near: m.fromLeg, Far: m.toLeg, Hop: m.hop}
	c.Passes = append(c.Passes, p)
	return party{p, sender(near, m.request), m.to}
}

// first is an offer outside of a dialog: it may be answered by several, and come by several branches of a proxy before us.
func (s *session) first(p *pass, lines []line, m msg) error {
	if m.seq < p.Seq || m.seq == p.Seq && (slices.Contains(p.Branches, m.branch) || len(p.Branches) == most) {
		return nil // a retransmission
	}
	if m.seq > p.Seq {
		p.Branches = nil
	}
	p.Branches = append(p.Branches, m.branch)
	p.Seq, p.Offer, p.Hop = m.seq, lines, m.hop
	d, err := s.dialog(p, "", m)
	if err != nil {
		return err
	}
	d.Ends, d.Why = time.Time{}, 0
	d.Sides[near], d.Offer = lines, offer{near, near, m.seq, false}
	return s.settle(p, d, m.now)
}

// dialog is the dialog with a far end of that tag. Whoever speaks first gets the one without a tag, others a copy of what
// it began with, and ports of their own.
func (s *session) dialog(p *pass, tag tag, m msg) (*dialog, error) {
	if d := p.dialog(tag); d != nil {
		return d, nil
	}
	if d := p.dialog(""); d != nil {
		d.Tag = tag
		return d, nil
	}
	if len(p.Dialogs) >= crowd {
		return nil, errCrowd
	}
	d := &dialog{Tag: tag, Made: m.now, Changed: m.now, Offer: none, Trace: s.Tracer.Parent(&m.packet.Trace, m.packet)}
	if p.Offer != nil {
		d.Sides[near], d.Offer = p.Offer, offer{near, near, p.Seq, false}
		d.Seq[near] = p.Seq
	}
	p.Dialogs = append(p.Dialogs, d)
	return d, s.leaseFor(p, d)
}

// exchange is an offer or an answer within a dialog.
func (s *session) exchange(w party, d *dialog, lines []line, m msg) error {
	asker := sender(w.side, m.request)
	recall(lines, d.Sides[w.side])
	switch {
	case !m.request && m.seq == d.Seq[asker] && d.Next[asker] != nil:
		return s.answer(w, d, lines, m) // also when an offer of the other side, that was refused, has crossed it
	case m.seq < d.Offer.Seq && asker == d.Offer.Asker:
		return nil // of an exchange that is over
	case w.side != d.Offer.Side && m.mayAnswer() && (!d.Offer.Answered || m.isAnswer(d.Offer, asker)):
		return s.answer(w, d, lines, m)
	case m.request && m.method != "ACK" && m.seq <= d.Seq[asker]:
		return nil // a retransmission
	case w.side == d.Offer.Side && asker == d.Offer.Asker && m.seq == d.Offer.Seq:
		return nil // a retransmission, of a response
	}
	d.Seq[asker] = max(d.Seq[asker], m.seq)
	d.Offer = offer{w.side, asker, m.seq, false}
	if d.Sides[near] != nil && d.Sides[far] != nil {
		d.Next[w.side] = lines // make before break: what is in force stays until this is answered
		return s.leaseFor(w.pass, d)
	}
	d.Sides[w.side] = lines
	return s.settle(w.pass, d, m.now)
}

// mayAnswer is false for a request whose description is an offer always: when two offers cross, neither answers the other.
func (m *msg) mayAnswer() bool { return !m.request || m.method == "ACK" || m.method == "PRACK" }

// isAnswer tells whether a packet of the other side belongs to the exchange of an offer that was answered already:
// early media describes itself again in each provisional response, and in the final one.
func (m *msg) isAnswer(o offer, asker int) bool {
	return m.seq == o.Seq && asker == o.Asker && (!m.request || m.method == "ACK")
}

// answer puts both sides' descriptions in force.
func (s *session) answer(w party, d *dialog, lines []line, m msg) error {
	offered := d.Next[1-w.side]
	if d.Offer.Answered && offered == nil && same(d.Sides[w.side], lines) {
		return nil
	}
	d.Sides[w.side] = lines
	if offered != nil {
		d.Sides[1-w.side] = offered
	}
	d.Next, d.Offer.Answered = [2][]line{}, true
	if !d.Since.IsZero() {
		d.check = m.now.Add(listen)
	}
	return s.settle(w.pass, d, m.now)
}

// settle leases what is missing and brings the relays in line.
func (s *session) settle(p *pass, d *dialog, now time.Time) error {
	if err := s.leaseFor(p, d); err != nil {
		return err
	}
	d.Changed = now
	s.page.apply(s.Config, p, d)
	s.changed = true
	return nil
}

// leaseFor leases ports on both legs for each m-line that any side has described: the answer to an offer must not fail
// for want of them.
func (s *session) leaseFor(p *pass, d *dialog) error {
	limit := s.MaxStreams
	if limit == 0 {
		limit = most
	}
	for _, described := range [...][]line{d.Sides[near], d.Sides[far], d.Next[near], d.Next[far]} {
		relayed := 0
		for i, l := range described {
			if l.Off {
				continue
			}
			if relayed += l.Pairs; relayed > limit {
				return errStreams
			}
			var err error
			if p.Ports, err = s.leaseLine(p.Ports, i, l.Pairs, p.Far); err != nil {
				return err
			}
			if d.Ports, err = s.leaseLine(d.Ports, i, l.Pairs, p.Near); err != nil {
				return err
			}
		}
	}
	s.changed = true
	return nil
}

func (s *session) leaseLine(ports []relay.Lease, i, pairs int, leg string) ([]relay.Lease, error) {
	for len(ports) <= i {
		ports = append(ports, relay.Lease{})
	}
	if ports[i].Pairs >= pairs {
		return ports, nil
	}
	l, err := s.page.lease(s.Engine, s.site(leg).Pool, pairs)
	ports[i] = l
	return ports, err
}

// lines are the m-lines of a description, as relays need them.
func (s *session) lines(p *message.Packet, m msg) []line {
	signalled := p.Source.Addr().Unmap()
	out := make([]line, 0, len(s.sdp.Media))
	for i := range s.sdp.Media {
		media := &s.sdp.Media[i]
		if !media.Relayed() {
			out = append(out, line{Off: true, Signalled: signalled})
			continue
		}
		l := line{
			Pairs: media.Pairs, Types: media.Types, Signalled: signalled, Held: media.Direction != sdpwire.SendRecv,
		}
		switch {
		case media.Transport == sdpwire.Datagram:
			l.Kind = relay.Datagrams
		case media.Many:
			l.Kind = relay.ManyRTP
		}
		for _, r := range media.Rates {
			l.Rates = append(l.Rates, relay.Rate(r))
		}
		if a := media.Addr; a.IsValid() && !a.IsUnspecified() {
			l.Remote = netip.AddrPortFrom(a, media.Port)
			l.Believed = a == signalled || isPublic(a)
			switch {
			case media.RTCP.IsValid():
				l.RTCP = media.RTCP
			case media.Mux:
				l.RTCP = l.Remote
			}
		} else if a.IsValid() {
			l.Held, l.From = true, netip.AddrPortFrom(a, media.Port)
		}
		out = append(out, l)
	}
	return out
}

// recall tells where those who took their address back for a hold are: where they were, with the port that they name now.
func recall(now, was []line) {
	for i := range min(len(now), len(was)) {
		if l := &now[i]; l.From.IsValid() {
			old := was[i].Remote
			if !old.IsValid() {
				old = was[i].From
			}
			if old.IsValid() {
				l.From, l.Believed = netip.AddrPortFrom(old.Addr(), l.From.Port()), was[i].Believed
			}
		}
	}
}

// isPublic tells addresses that are the same everywhere from those that stand behind some NAT (RFC 1918, 6598, 4193).
func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

var shared = netip.MustParsePrefix("100.64.0.0/10")

// shifted is the place of the k-th pair of a range of ports.
func shifted(a netip.AddrPort, k int) netip.AddrPort {
	if !a.IsValid() || k == 0 {
		return a
	}
	return netip.AddrPortFrom(a.Addr(), a.Port()+uint16(2*k))
}
