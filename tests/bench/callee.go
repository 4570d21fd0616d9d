package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

var (
	errNotRequest   = errors.New("the callee received a response")
	errMethod       = errors.New("the callee received a request that nobody sent")
	errRequestURI   = errors.New("the request-URI at the callee is not its Contact")
	errRouteLeft    = errors.New("a Route of the forwarder is left at the callee")
	errVia          = errors.New("the top Via at the callee is not the forwarder's")
	errRecordRoute  = errors.New("the INVITE has no Record-Route at the callee")
	errMaxForwards  = errors.New("Max-Forwards was not lowered by one")
	errInviteTagged = errors.New("the INVITE has a To tag at the callee")
)

// callee is a phone that answers.
type callee struct {
	phone
	listener  *net.TCPListener // over TCP: where the forwarder connects to
	ok, okBye template
	contact   []byte // its Contact URI
	sdp       []byte // the caller's
	sentBy    []byte // the sent-by of the forwarder's Via
	vias      []byte
	routes    []byte
}

func (c *callee) prepare(fixed map[string]string, outside netip.AddrPort) (err error) {
	invite, err := newTemplate("invite", fixed)
	if err != nil {
		return err
	}
	c.sdp = invite.body
	c.contact = fmt.Appendf(nil, "sip:%s@%s%s", fixed["callee"], fixed["callee-addr"], fixed["params"])
	c.sentBy = fmt.Appendf(nil, "SIP/2.0/%s %s;", fixed["transport"], outside)
	if c.ok, err = newTemplate("ok", fixed); err != nil {
		return err
	}
	c.okBye, err = newTemplate("okbye", fixed)
	return err
}

func (c *callee) listen() { c.read(c.receive) }

func (c *callee) receive(call int, from netip.AddrPort) error {
	now := c.load.now()
	if err := c.check(); err != nil {
		return err
	}
	one := &c.load.calls[call]
	switch string(c.in.method) {
	case "INVITE":
		if err := one.mark(inviteArrived); err != nil {
			return err
		}
		one.delay.Store(now - one.sent.Load())
		return c.answer(&c.ok, from)
	case "ACK":
		return one.mark(ackArrived)
	case "BYE":
		if err := one.mark(byeArrived); err != nil {
			return err
		}
		return c.answer(&c.okBye, from)
	}
	return errMethod
}

// check is what must hold for a request that a proxy passed on.
func (c *callee) check() error {
	m := &c.in
	if m.method == nil {
		return errNotRequest
	}
	if !bytes.Equal(m.uri, c.contact) {
		return errRequestURI
	}
	if !c.load.verbatim {
		if m.route.n > 0 {
			return errRouteLeft
		}
		if m.via.n == 0 || !bytes.HasPrefix(m.via.value[0], c.sentBy) {
			return errVia
		}
		if string(m.maxForwards) != "69" {
			return errMaxForwards
		}
	}
	number := byte('1')
	if string(m.method) == "BYE" {
		number = '2'
	}
	c.want = append(append(c.want[:0], number, ' '), m.method...)
	if !bytes.Equal(m.cseq, c.want) {
		return errCSeq
	}
	if !c.tag(m.from, 'f') {
		return errTags
	}
	if string(m.method) == "INVITE" {
		return c.checkInvite()
	}
	if !c.tag(m.to, 't') {
		return errTags
	}
	if len(m.body) > 0 {
		return errBody
	}
	return nil
}

func (c *callee) checkInvite() error {
	m := &c.in
	switch {
	case bytes.Contains(m.to, []byte(";tag=")):
		return errInviteTagged
	case !bytes.Equal(m.body, c.sdp):
		return errBody
	case m.recordRoute.n == 0 && !c.load.verbatim:
		return errRecordRoute
	}
	return nil
}

// answer copies what RFC 3261 §8.2.6.2 and §12.1.1 say from the request, and answers to where it came from
// (RFC 3581 §4).
func (c *callee) answer(t *template, from netip.AddrPort) error {
	m := &c.in
	c.vias = c.vias[:0]
	for i, v := range m.via.all() {
		c.vias = append(c.vias, "Via: "...)
		if i == 0 {
			c.vias = appendStamped(c.vias, v, from)
		} else {
			c.vias = append(c.vias, v...)
		}
		c.vias = append(c.vias, "\r\n"...)
	}
	c.routes = c.routes[:0]
	for _, r := range m.recordRoute.all() {
		c.routes = append(append(append(c.routes, "Record-Route: "...), r...), "\r\n"...)
	}
	v := &c.value
	v[viasHole], v[recordRoutesHole] = c.vias, c.routes
	v[fromHole], v[toHole], v[callIDHole], v[cseqHole] = m.from, m.to, m.callID, m.cseq
	return c.send(t, from)
}

// appendStamped writes a Via with its rport filled in and received added, when it asks for that (RFC 3581 §4).
func appendStamped(dst, via []byte, from netip.AddrPort) []byte {
	const rport = ";rport"
	i := bytes.Index(via, []byte(rport))
	if i < 0 || i+len(rport) < len(via) && via[i+len(rport)] != ';' {
		return append(dst, via...)
	}
	i += len(rport)
	return fmt.Appendf(dst, "%s=%d;received=%s%s", via[:i], from.Port(), from.Addr().Unmap(), via[i:])
}
