package tests

import (
	"net/netip"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// comes expects a request from a socket of ours, and answers it.
func comes(t *testing.T, p *ua.Phone, method string, from netip.AddrPort) (m ua.Message, callee *ua.Call) {
	t.Helper()
	m, came := p.Next(5 * time.Second)
	if !came || m.Method() != method || m.Source != from {
		t.Fatalf("%s was expected from %s, but from %s came\n%s", method, from, m.Source, m.Raw)
	}
	if method != "ACK" {
		callee = p.Answer(m, 200, ua.Options{})
	}
	return m, callee
}

// ok expects a 200.
func ok(t *testing.T, p *ua.Phone, method string) ua.Message {
	t.Helper()
	m, came := p.Next(5 * time.Second)
	if !came || m.Status() != 200 || m.Method() != method || len(m.Vias()) != 1 {
		t.Fatalf("a 200 to %s was expected, not\n%s", method, m.Raw)
	}
	return m
}

// A phone has registered by one node from behind a NAT, which lets nobody else in. Calls that come to another node reach it, and so do all
// requests of their dialogs and the responses to its own.
func TestAPhoneBehindANATIsReachedByItsNode(t *testing.T) {
	s := share(t, "refuse")
	a, b, c := s.nodes[0], s.nodes[1], s.nodes[2]
	phone := ua.NewBehindNAT(t, "127.0.0.1:0", "192.168.7.2:5060")
	if status := s.register(phone, a.inside, "alice", "", 600); status != 200 {
		t.Fatalf("the REGISTER was answered %d", status)
	}
	c.knows(t, "alice", true)
	call := s.callee.Invite("sip:alice@example.org", ua.Options{Proxy: c.outside})
	_, alice := comes(t, phone, "INVITE", a.inside)
	call.Learn(ok(t, s.callee, "INVITE"))
	for _, n := range s.nodes {
		call.Request("ACK", ua.Options{Proxy: n.outside})
		comes(t, phone, "ACK", a.inside)
		call.Request("INFO", ua.Options{Proxy: n.outside})
		comes(t, phone, "INFO", a.inside)
		ok(t, s.callee, "INFO")
	}
	for _, n := range s.nodes { // its own requests open the NAT for other nodes, which the responses come from
		alice.Request("INFO", ua.Options{Proxy: b.inside})
		s.callee.Send(s.callee.Response(s.callee.Receive(), 200, ua.Options{}).Raw, n.outside)
		if m := ok(t, phone, "INFO"); m.Source != b.inside {
			t.Fatalf("a response came from %s", m.Source)
		}
	}
	call.Request("BYE", ua.Options{Proxy: b.outside})
	comes(t, phone, "BYE", a.inside)
	ok(t, s.callee, "BYE")

	// a call that is cancelled at another node
	cancelled := s.callee.Invite("sip:alice@example.org", ua.Options{Proxy: c.outside})
	invite := phone.Receive()
	cancelled.Over(b.outside).Cancel()
	if m, _ := comes(t, phone, "CANCEL", a.inside); m.Branch() != invite.Branch() {
		t.Errorf("the INVITE came as\n%s\nand its CANCEL as\n%s", invite.Raw, m.Raw)
	}
	ok(t, s.callee, "CANCEL")

	// its own call, by a node that it has not registered with
	out := phone.Invite("sip:bob@example.com", ua.Options{Proxy: c.inside})
	invite = s.callee.Receive()
	callee := s.callee.Answer(invite, 200, ua.Options{})
	out.Learn(ok(t, phone, "INVITE"))
	for _, n := range s.nodes {
		callee.Request("INFO", ua.Options{Proxy: n.outside})
		comes(t, phone, "INFO", c.inside)
		ok(t, s.callee, "INFO")
	}

	// its node dies: another one tries itself, and is let in by a NAT that has heard of it
	a.kill(t)
	s.callee.Invite("sip:alice@example.org", ua.Options{Proxy: c.outside})
	comes(t, phone, "INVITE", c.inside)
	ok(t, s.callee, "INVITE")
	s.callee.Invite("sip:alice@example.org", ua.Options{Proxy: b.outside})
	comes(t, phone, "INVITE", b.inside)
	ok(t, s.callee, "INVITE")
}

// A phone without a NAT before it is sent to by any node.
func TestAPhoneWithoutANATIsReachedDirectly(t *testing.T) {
	s := share(t, "refuse")
	a, c := s.nodes[0], s.nodes[2]
	s.register(s.caller, a.inside, "alice", "", 600)
	c.knows(t, "alice", true)
	call := s.callee.Invite("sip:alice@example.org", ua.Options{Proxy: c.outside})
	comes(t, s.caller, "INVITE", c.inside)
	call.Learn(ok(t, s.callee, "INVITE"))
	call.Request("BYE", ua.Options{Proxy: a.outside})
	comes(t, s.caller, "BYE", a.inside)
}
