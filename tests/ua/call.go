package ua

import (
	"net/netip"
	"slices"
	"strings"
)

// Call is one side of a dialog (RFC 3261 §12), and, for a caller, the INVITE that is to make it.
type Call struct {
	Invite Message // the INVITE of the dialog: the caller's as sent, the callee's as received

	phone         *Phone
	local, remote string         // From and To values of this side's requests
	target        string         // the peer's Contact URI: the request-URI of what follows
	route         []string       // the route set, the next first
	via           netip.AddrPort // where this side's last INVITE went
	id            string         // Call-ID
	seq           uint32         // the last CSeq number this side used
}

// Invite sends an INVITE and returns the caller's side of what may come of it.
func (p *Phone) Invite(uri string, o Options) *Call {
	p.t.Helper()
	sent := p.Request("INVITE", uri, o)
	via := o.Proxy
	if !via.IsValid() {
		via, _ = hop(uri)
	}
	return &Call{
		Invite: sent,
		phone:  p,
		local:  sent.First("From"),
		remote: sent.First("To"),
		target: uri,
		via:    via,
		id:     sent.First("Call-ID"),
		seq:    sent.CSeq(),
	}
}

// Response receives the next response, fails the test if it is a request or belongs to another call, and learns from
// it what a dialog learns (RFC 3261 §12.1.2): the peer's tag, the route set, the remote target.
func (c *Call) Response() Message {
	c.phone.t.Helper()
	m := c.phone.Receive()
	if m.Status() == 0 || m.First("Call-ID") != c.id {
		c.phone.t.Fatalf("a response of the call %s was expected, not\n%s", c.id, m.Raw)
	}
	c.Learn(m)
	return m
}

// Learn takes over what a response to the INVITE teaches, which Response does for what it receives, and the Contact of the
// peer's re-INVITE or UPDATE (§12.2.2).
func (c *Call) Learn(m Message) {
	if contact := m.List("Contact"); m.Status() == 0 && len(contact) > 0 && (m.Method() == "INVITE" || m.Method() == "UPDATE") {
		c.target = URI(contact[0])
		return
	}
	if m.Method() != "INVITE" || m.Status() <= 100 || m.Status() >= 300 || Param(m.First("To"), "tag") == "" {
		return
	}
	if Param(c.remote, "tag") == "" {
		c.route = m.RecordRoutes()
		slices.Reverse(c.route)
		c.remote = m.First("To")
	}
	if contact := m.List("Contact"); len(contact) > 0 {
		c.target = URI(contact[0])
	}
}

// Ack acknowledges a final response to the INVITE: a 2xx end to end through the dialog's route, with a branch of its
// own (§13.2.2.4); a refusal hop by hop, with the branch, the request-URI and the route of the INVITE (§17.1.1.3).
func (c *Call) Ack(resp Message) Message {
	c.phone.t.Helper()
	if resp.Status() < 300 {
		return c.send("ACK", c.Invite.CSeq(), Options{})
	}
	return c.hopByHop("ACK", resp.First("To"))
}

// Cancel cancels the pending INVITE (§9.1).
func (c *Call) Cancel() Message {
	c.phone.t.Helper()
	return c.hopByHop("CANCEL", c.Invite.First("To"))
}

// Over has what belongs to the INVITE's transaction go to another place than the INVITE from now on, as a load balancer may.
func (c *Call) Over(next netip.AddrPort) *Call {
	c.via = next
	return c
}

// Bye ends the dialog (§15).
func (c *Call) Bye() Message {
	c.phone.t.Helper()
	return c.Request("BYE", Options{})
}

// Request sends a request within the dialog and returns it as sent. A new INVITE becomes the one that Ack and Cancel
// speak of.
func (c *Call) Request(method string, o Options) Message {
	c.phone.t.Helper()
	c.seq = max(c.seq+1, o.CSeq)
	return c.send(method, c.seq, o)
}

// send routes a request within the dialog (§12.2.1.1): to the first route, which a strict router finds in the
// request-URI, or to the remote target.
func (c *Call) send(method string, seq uint32, o Options) Message {
	c.phone.t.Helper()
	uri, route, next := c.target, c.route, c.target
	if len(route) > 0 {
		next = URI(route[0])
		if !loose(route[0]) {
			uri = next
			route = append(slices.Clone(route[1:]), "<"+c.target+">")
		}
	}
	o.From, o.To, o.CallID, o.CSeq = c.local, c.remote, c.id, seq
	if len(route) > 0 {
		o.Headers = append([]string{"Route: " + strings.Join(route, ", ")}, o.Headers...)
	}
	to := o.Proxy
	if !to.IsValid() {
		literal, ok := hop(next)
		if !ok {
			literal = c.via
		}
		to = literal
	}
	m := c.phone.compose(method, uri, o)
	c.phone.Send(m.Raw, to)
	if method == "INVITE" {
		c.Invite, c.via = m, to
	}
	return m
}

// hopByHop sends a request that belongs to the transaction of the INVITE: it goes where the INVITE went, with its top
// Via, request-URI, Route, From, Call-ID and CSeq number.
func (c *Call) hopByHop(method, to string) Message {
	c.phone.t.Helper()
	o := Options{
		From:   c.Invite.First("From"),
		To:     to,
		CallID: c.id,
		CSeq:   c.Invite.CSeq(),
		Branch: c.Invite.Branch(),
	}
	for _, route := range c.Invite.Header("Route") {
		o.Headers = append(o.Headers, "Route: "+route)
	}
	m := c.phone.compose(method, c.Invite.RequestURI(), o)
	c.phone.Send(m.Raw, c.via)
	return m
}
