package contact

import (
	"testing"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

// contacts are an ordinary one and a long one.
var contacts = []struct{ name, uri string }{
	{"common", "sip:alice@192.168.178.23:41234;ob"},
	{"push", "sip:alice@192.168.178.23:41234;transport=tls;pn-type=firebase;app-id=929724111839;pn-tok=dGhpcyBpcyBubyByZWFsIHB1c2ggdG9rZW4sIGJ1dCBpdCBpcyBhcyBsb25nIGFzIG9uZSBvZiB0aGVtIHdvdWxkIGJlIGlmIGl0IHdlcmUgcmVhbC4gSXQgaXM"},
}

func BenchmarkToken(b *testing.B) {
	h := build(b)
	for _, c := range contacts {
		u, _ := sipwire.ParseURI([]byte(c.uri))
		plain, _, _ := pack(nil, nil, h.inside, 0, u)
		token := h.tokens.seal(nil, h.inside, h.outside, keyring.Dialog, plain)
		b.Run("seal/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				token = h.tokens.seal(token[:0], h.inside, h.outside, keyring.Dialog, plain)
			}
		})
		b.Run("open/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok := h.tokens.open(h.Legs, h.outside, token); !ok {
					b.Fatal("refused")
				}
			}
		})
		bad := append([]byte(nil), token...)
		bad[len(bad)-4] ^= 1
		b.Run("refuse/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok := h.tokens.open(h.Legs, h.outside, bad); ok {
					b.Fatal("accepted")
				}
			}
		})
	}
	b.Run("a name", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.tokens.open(h.Legs, h.outside, []byte("bob"))
		}
	})
}

// BenchmarkSeal and BenchmarkOpen are whole steps, with the parsing of a small message.
func BenchmarkSeal(b *testing.B) {
	h := build(b)
	for _, c := range contacts {
		p := h.packet(b, h.inside, request("INVITE", "sip:bob@example.com", "INVITE", "<"+c.uri+">"))
		p.Egress = h.outside
		b.Run("parse/"+c.name, func(b *testing.B) {
			for b.Loop() {
				p.Parse(p.In)
			}
		})
		b.Run("step/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Parse(p.In)
				h.seal(p)
			}
		})
		p.Free()
	}
}

func BenchmarkOpen(b *testing.B) {
	h := build(b)
	for _, c := range contacts {
		p := h.packet(b, h.inside, request("INVITE", "sip:bob@example.com", "INVITE", "<"+c.uri+">"))
		p.Egress = h.outside
		h.seal(p)
		sealed := stage.Headers(string(p.AppendTo(nil)), "Contact")[0]
		p.Free()
		p = h.packet(b, h.outside, request("BYE", sealed[1:len(sealed)-1], "BYE"))
		b.Run("step/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Parse(p.In)
				if h.open(p); p.Egress != h.inside {
					b.Fatal("not opened")
				}
			}
		})
		p.Free()
	}
}
