package leg

import (
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// FuzzReceive: whatever comes by a socket, a leg drops it, answers it or passes it on; an answer is a response that
// can be read, and what is passed on leaves again, as the same twice.
func FuzzReceive(f *testing.F) {
	h := build(f)
	for _, seed := range []string{
		request("INVITE", bob, via), request("ACK", bob, via, "To: <sip:b@b>;tag=x"), request("INVITE", bob, via, "Max-Forwards: 0"),
		request("OPTIONS", "sip:10.0.0.1;lr", via+";rport", "Route: <sip:10.0.0.1;lr>, <sip:b@c>"),
		request("INVITE", "sip:b@c;maddr=10.0.0.1", via+";maddr=[::1]", "Proxy-Require: a, b"),
		response(200, h.forwarded("inside", "outside", caller, request("INVITE", bob, via))),
		h.forwarded("inside", "outside", caller, request("INVITE", bob, via)),
	} {
		f.Add([]byte(strings.ReplaceAll(strings.ReplaceAll(seed, "\r\n", "\n"), "\n", "\r\n")))
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		if len(datagram) > 65507 {
			return
		}
		once, kind := h.through(t, datagram)
		again, kindAgain := h.through(t, datagram)
		if once != again || kind != kindAgain {
			t.Fatalf("%q\nonce gives\n%q\nthen\n%q", datagram, once, again)
		}
		if kind == "answer" {
			var m sipwire.Message
			if fault := m.Parse([]byte(once)); m.IsRequest() || fault != sipwire.None && fault.Status() == 0 {
				t.Fatalf("%q\nis answered with what is %q:\n%q", datagram, fault, once)
			}
		}
	})
}

// through is what leaves when a datagram comes by the inside leg, and is forwarded by the outside leg if at all.
func (h *house) through(t *testing.T, datagram []byte) (text, kind string) {
	p := h.pool.Take()
	p.In = append(p.In[:0], datagram...)
	p.Source, p.Ingress, p.Home = caller, h.all.Named("inside"), h.home
	out := "outside"
	o := h.rooms["inside"].receive(p)
	kind, _, _ = strings.Cut(o.String(), " ")
	switch {
	case kind == "answer" && p.IsRequest():
		p.Status, p.Reason, out = 400, message.Reason(sipwire.BadRoute), "inside"
		p.User = "somebody" // who pays for no answer
	case kind == "pass":
		p.Egress = h.all.Named(out)
	default:
		p.Free()
		return "", kind
	}
	l := h.rooms[out]
	o, done := l.send(p)
	if l.socket.out = l.socket.out[:0]; !done {
		kind = o.String()
	}
	text = string(p.Out)
	p.Free()
	return text, kind
}
