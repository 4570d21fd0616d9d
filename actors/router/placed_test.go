package router

import (
	"net/netip"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
)

// A request that the registrar has placed goes where it says, past what is configured for domains.
func TestAPlacedRequestGoesToItsContact(t *testing.T) {
	server := stage.NameServer(t, zone...).Addr
	for _, c := range []struct {
		name, uri string
		egress    string // the leg that the phone has registered by
		to        string // where it has registered from
		through   string // the first proxy of its Path
		goes, leg string // empty: it is answered
		answer    message.Reason
	}{
		{name: "an address", uri: "sip:bob@192.0.2.5:5070", egress: "outside", goes: "192.0.2.5:5070", leg: "outside"},
		{name: "a name", uri: "sip:bob@phone.example:5070", egress: "outside", goes: "192.0.2.10:5070", leg: "outside"},
		{name: "out of the leg's reach, which is its own", uri: "sip:bob@192.0.2.5", egress: "inside", goes: "192.0.2.5:5060", leg: "inside"},
		{name: "behind a NAT", uri: "sip:bob@192.168.1.4", egress: "outside", to: "192.0.2.7:40000", goes: "192.0.2.7:40000", leg: "outside"},
		{name: "by a proxy", uri: "sip:bob@192.168.1.4", through: "sip:yx@192.0.2.6:5080;lr", goes: "192.0.2.6:5080", leg: "outside"},
		{name: "by a proxy with a name", uri: "sip:bob@192.168.1.4", through: "sip:near.example;lr", goes: "10.0.0.10:5060", leg: "inside"},
		{name: "by a proxy that is not there", uri: "sip:bob@192.0.2.5", through: "sip:nx.example:5060;lr", answer: message.NotFound},
		{name: "by a proxy in the clear", uri: "sips:bob@192.0.2.5", through: "sip:192.0.2.6;lr", answer: message.NoLeg},
		{name: "a sips contact", uri: "sips:bob@192.0.2.5", egress: "outside", answer: message.NoLeg}, // no leg is secured
		{name: "everybody", uri: "sip:bob@255.255.255.255", egress: "outside", answer: message.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, server, func(cfg *Config) {
				out := to(t, "sip:192.0.2.99")
				cfg.Outbound, cfg.NextHops = &out, []NextHop{{"*", to(t, "sip:192.0.2.98")}}
			})
			p := h.packet("inside", request("INVITE", c.uri))
			p.Placed, p.Egress, p.Through = true, h.leg(c.egress), c.through
			if c.to != "" {
				p.Pinhole.Addr = netip.MustParseAddrPort(c.to)
			}
			o := h.routed(p)
			want := message.Answer(c.answer)
			if c.goes != "" {
				want = message.Pass(h.next.Send[h.leg(c.leg).Index], message.Send{Packet: p})
			}
			if o != want || c.goes != "" && p.To != netip.MustParseAddrPort(c.goes) {
				t.Errorf("%q to %v, want %q to %q", o, p.To, want, c.goes)
			}
		})
	}
}
