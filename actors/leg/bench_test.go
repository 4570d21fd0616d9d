package leg

import (
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
)

// invite is an INVITE of the usual size: 13 headers, an SDP of 300 bytes.
func invite() string {
	body := "v=0\r\no=alice 2890844526 2890844526 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8 97\r\n" +
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:97 iLBC/8000\r\na=sendrecv\r\n"
	return request("INVITE", bob, via+";rport", "Contact: <sip:alice@10.0.0.5:5062;ob>", "User-Agent: a phone of the usual kind 1.0",
		"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO", "Supported: replaces, outbound, timer",
		"Session-Expires: 1800", "Content-Type: application/sdp") + body
}

func BenchmarkBranch(b *testing.B) {
	for name, node := range map[string]uint16{"": 0, " in a cluster": 7} {
		h := build(b)
		h.node(node)
		l := h.rooms["outside"]
		p := h.accepted("inside", caller, invite())
		text := make([]byte, 0, 64)
		b.Run("make"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				text = l.appendBranch(text[:0], p)
			}
		})
		p.Free()
		r := h.packet("outside", nextHop, response(200, h.forwarded("inside", "outside", caller, invite())))
		l.receive(r)
		top, _ := r.TopVia()
		below, _ := r.ViaBelow(top)
		b.Run("verify"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if back, _ := l.openBranch(r, top, below); back == nil {
					b.Fatal("refused")
				}
			}
		})
		r.Free()
	}
}

func BenchmarkTag(b *testing.B) {
	h := build(b)
	_, tag := h.refused("inside")
	l := h.rooms["inside"]
	p := h.packet("inside", caller, request("ACK", bob, via, "To: <sip:b@b>;tag="+tag))
	p.Parse(p.In)
	text := make([]byte, 0, 64)
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			text = l.appendTag(text[:0], p)
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !l.isOwnAnswer(p) {
				b.Fatal("not ours")
			}
		}
	})
	p.Free()
}

// BenchmarkReceive is the step of the ingress leg, parsing included.
func BenchmarkReceive(b *testing.B) {
	h := build(b)
	forwarded := h.forwarded("inside", "outside", caller, invite())
	for _, c := range []struct{ name, by, text string }{
		{"INVITE", "inside", invite()},
		{"INVITE with own routes", "inside", strings.Replace(invite(), "\nContact", "\nRoute: <sip:10.0.0.1:5060;rr;lr>, <sip:203.0.113.1:5060;rr;lr>\nContact", 1)},
		{"INVITE with 5 Vias", "inside", strings.Replace(invite(), "\nFrom", strings.Repeat("\nVia: SIP/2.0/UDP 10.7.7.7;branch=z9hG4bKq", 4)+"\nFrom", 1)},
		{"200", "outside", response(200, forwarded)},
	} {
		p := h.packet(c.by, caller, c.text)
		l := h.rooms[c.by]
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(p.In)))
			b.ReportAllocs()
			for b.Loop() {
				p.Egress, p.Routed = nil, false
				l.receive(p)
			}
		})
		p.Free()
	}
}

// BenchmarkForward is receive and send of one packet, all that a leg does to it.
func BenchmarkForward(b *testing.B) {
	h := build(b)
	for _, c := range []struct{ name, by, out, text string }{
		{"INVITE", "inside", "outside", invite()},
		{"200", "outside", "inside", response(200, h.forwarded("inside", "outside", caller, invite()))},
	} {
		p := h.packet(c.by, caller, c.text)
		in, out := h.rooms[c.by], h.rooms[c.out]
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(p.In)))
			b.ReportAllocs()
			for b.Loop() {
				p.Egress = nil
				in.receive(p)
				p.Egress = out.facts
				if _, done := out.send(p); !done {
					b.Fatal("not sent")
				}
				out.socket.out = out.socket.out[:0]
			}
		})
		p.Free()
	}
}

func BenchmarkAnswer(b *testing.B) {
	h := build(b)
	p := h.packet("inside", caller, strings.Replace(invite(), "Max-Forwards: 70", "Max-Forwards: 0", 1))
	l := h.rooms["inside"]
	b.ReportAllocs()
	for b.Loop() {
		p.Status = 0
		if o := l.receive(p); o != message.Answer(message.TooManyHops) {
			b.Fatal(o)
		}
		p.Status, p.Reason = 483, message.TooManyHops
		l.send(p)
		l.socket.out = l.socket.out[:0]
	}
	p.Free()
}
