package router

import (
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

func BenchmarkDecide(b *testing.B) {
	h := build(b, "", ruled(b))
	for _, uri := range []string{"sip:bob@exact.example.org", "sip:bob@a.example.com", "sip:030123@example.net"} {
		u, _ := sipwire.ParseURI([]byte(uri))
		b.Run(uri[4:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.decide(u, Arrival{Ingress: h.leg("inside")})
			}
		})
	}
}

// BenchmarkRoute is the whole step, parsing left out.
func BenchmarkRoute(b *testing.B) {
	server := stage.NameServer(b, zone...).Addr
	for _, c := range []struct {
		name, text string
		opened     bool
	}{
		{"token", request("BYE", "sip:bob@192.0.2.5:5070"), true},
		{"next hop", request("INVITE", "sip:bob@exact.example.org"), false},
		{"address", request("INVITE", "sip:bob@192.0.2.5"), false},
		{"name in the cache", request("INVITE", "sip:bob@service.example"), false},
		{"route", request("BYE", "sip:bob@192.0.2.5", "Route: <sip:192.0.2.6;lr>"), false},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := build(b, server, func(cfg *Config) {
				cfg.NextHops = []NextHop{{"exact.example.org", to(b, "sip:192.0.2.3")}}
			})
			p := h.packet("inside", c.text)
			p.Opened = c.opened
			if c.opened {
				p.Egress = h.leg("outside")
			}
			h.routed(p)
			want := message.Pass(h.next.Send[1], message.Send{Packet: p})
			b.ReportAllocs()
			for b.Loop() {
				if !c.opened {
					p.Egress = nil
				}
				if h.route(p) != want {
					b.Fatal("not passed on")
				}
			}
			p.Free()
		})
	}
}
