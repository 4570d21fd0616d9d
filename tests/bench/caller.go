package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
)

var (
	errNotResponse = errors.New("the caller received a request")
	errStatus      = errors.New("the caller received another answer than 200")
	errViaCount    = errors.New("the answer at the caller does not have the caller's Via alone")
	errOwnVia      = errors.New("the top Via of the answer is not the one that the caller wrote")
	errNoRoutes    = errors.New("the 200 to the INVITE has no Record-Route at the caller")
	errNextHop     = errors.New("the first route of the dialog is not the forwarder's inside address")
	errOrder       = errors.New("an answer came to a request that was not sent")
)

// caller is a phone that calls. The forwarder is its outbound proxy: everything goes there, and the route set of a
// dialog must lead there too.
type caller struct {
	phone
	invite   template
	ack, bye template
	sdp      []byte // the callee's
	sentBy   []byte // the beginning of its own Via
	elements [][]byte
	dialog   dialog
	routes   []byte
}

func (c *caller) prepare(fixed map[string]string) (err error) {
	ok, err := newTemplate("ok", fixed)
	if err != nil {
		return err
	}
	c.sdp = ok.body
	c.sentBy = fmt.Appendf(nil, "SIP/2.0/%s %s;", fixed["transport"], fixed["caller-addr"])
	for name, t := range map[string]*template{"invite": &c.invite, "ack": &c.ack, "bye": &c.bye} {
		if *t, err = newTemplate(name, fixed); err != nil {
			return err
		}
	}
	return nil
}

func (c *caller) listen() { c.read(c.receive) }

func (c *caller) receive(call int, _ netip.AddrPort) error {
	switch m := &c.in; {
	case m.method != nil:
		return errNotResponse
	case m.status != 200:
		return fmt.Errorf("%w: %d", errStatus, m.status)
	case !c.tag(m.from, 'f') || !c.tag(m.to, 't'):
		return errTags
	}
	one := &c.load.calls[call]
	switch string(c.in.cseq) {
	case "1 INVITE":
		if err := errors.Join(c.checkVia('i'), one.mark(inviteAnswered)); err != nil {
			return err
		}
		return c.confirmAndEnd()
	case "2 BYE":
		if one.seen.Load()&inviteAnswered == 0 {
			return errOrder
		}
		if err := errors.Join(c.checkVia('b'), one.mark(byeAnswered)); err != nil {
			return err
		}
		c.load.settle()
		return nil
	}
	return errCSeq
}

// checkVia finds the caller's Via, and nothing else, on the answer.
func (c *caller) checkVia(letter byte) error {
	c.elements = c.in.via.elements(c.elements[:0])
	if len(c.elements) != 1 {
		return errViaCount
	}
	c.want = append(append(append(c.want[:0], ";branch=z9hG4bK-"...), c.value[callHole]...), '-', letter)
	via := c.elements[0]
	if !bytes.HasPrefix(via, c.sentBy) || !bytes.Contains(via, c.want) {
		return errOwnVia
	}
	return nil
}

// confirmAndEnd sends ACK and BYE in the dialog that the 200 makes.
func (c *caller) confirmAndEnd() error {
	m := &c.in
	if !bytes.Equal(m.body, c.sdp) {
		return errBody
	}
	if err := c.dialog.learn(m); err != nil {
		return err
	}
	if !c.load.verbatim {
		if len(c.dialog.routes) == 0 {
			return errNoRoutes
		}
		if hop, err := c.dialog.nextHop(); err != nil || hop != c.load.inside {
			return errNextHop
		}
	}
	c.routes = c.dialog.appendRoutes(c.routes[:0])
	v := &c.value
	v[uriHole], v[routesHole], v[toHole] = c.dialog.requestURI(), c.routes, c.dialog.to
	if err := c.send(&c.ack, c.load.inside); err != nil {
		return err
	}
	return c.send(&c.bye, c.load.inside)
}
