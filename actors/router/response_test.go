package router

import (
	"net/netip"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/stage"
)

// RFC 3261 §18.2.2: the leg and the place are those of the request; a name is asked for its address only.
func TestAResponseGoesBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		leg   string
		reply message.Place
		to    string // empty: it is not sent
		want  message.Outcome
	}{
		{name: "to an address", leg: "inside", reply: message.Place{Addr: netip.MustParseAddrPort("10.0.0.5:5062"), Port: 5062}, to: "10.0.0.5:5062"},
		{name: "to an address that another leg reaches", leg: "outside", reply: message.Place{Addr: netip.MustParseAddrPort("10.0.0.5:5062"), Port: 5062}, to: "10.0.0.5:5062"},
		{name: "to IPv6", leg: "six", reply: message.Place{Addr: netip.MustParseAddrPort("[2001:db8::5]:5062"), Port: 5062}, to: "[2001:db8::5]:5062"},
		{name: "to a name", leg: "outside", reply: message.Place{Host: []byte("phone.example"), Port: 5062}, to: "192.0.2.10:5062"},
		{name: "to a name that has a service", leg: "outside", reply: message.Place{Host: []byte("phone.example"), Port: 5060}, to: "192.0.2.10:5060"},
		{name: "to the other family", leg: "inside", reply: message.Place{Addr: netip.MustParseAddrPort("[2001:db8::5]:5062"), Port: 5062}, want: message.Drop(message.NoWayBack)},
		{name: "to a name of the other family", leg: "inside", reply: message.Place{Host: []byte("six.example"), Port: 5062}, want: message.Answer(message.NotFound)},
		{name: "to a name that does not exist", leg: "inside", reply: message.Place{Host: []byte("nx.example"), Port: 5062}, want: message.Answer(message.NotFound)},
		{name: "to a name of a group", leg: "inside", reply: message.Place{Host: []byte("nobody.example"), Port: 5062}, want: message.Answer(message.NotFound)},
		{name: "to what is no name", leg: "inside", reply: message.Place{Host: []byte("[1::2::3]"), Port: 5062}, want: message.Answer(message.NotFound)},
		{name: "to everybody", leg: "inside", reply: message.Place{Addr: netip.MustParseAddrPort("255.255.255.255:5060"), Port: 5060}, want: message.Drop(message.NoWayBack)},
		{name: "to a group", leg: "inside", reply: message.Place{Addr: netip.MustParseAddrPort("224.0.1.75:5060"), Port: 5060}, want: message.Drop(message.NoWayBack)},
		{name: "to no port", leg: "inside", reply: message.Place{Addr: netip.MustParseAddrPort("10.0.0.5:0")}, want: message.Drop(message.NoWayBack)},
		{name: "to nowhere", leg: "inside", reply: message.Place{}, want: message.Drop(message.NoWayBack)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, stage.NameServer(t, zone...).Addr)
			p := h.packet("six", response("Contact: <sip:bob@[2001:db8::77]>"))
			p.Egress, p.Reply = h.leg(c.leg), c.reply
			want := c.want
			if c.to != "" {
				want = message.Pass(h.next.Seal, message.Seal{Packet: p})
				if c.leg == "six" { // it does not cross
					want = message.Pass(h.next.Send[2], message.Send{Packet: p})
				}
			}
			if o := h.routed(p); o != want || c.to != "" && p.To.String() != c.to {
				t.Errorf("%q to %s, want %q to %s", o, p.To, want, c.to)
			}
			p.Free()
		})
	}
}
