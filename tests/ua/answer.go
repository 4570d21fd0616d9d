package ua

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Answer sends a response to req: over the connection that it came on, and if that is closed, or there is none, the way
// that its top Via says (RFC 3261 §18.2.2). The To tag is the same in every answer of this phone
// with that Call-ID. The Call is the callee's side of the dialog that the answer makes (RFC 3261 §12.1.1); it is nil
// for a 100 and for a refusal.
func (p *Phone) Answer(req Message, code int, o Options) *Call {
	p.t.Helper()
	vias := req.Vias()
	if len(vias) == 0 {
		p.t.Fatalf("a request without a Via cannot be answered:\n%s", req.Raw)
	}
	resp := p.Response(req, code, o)
	if req.On == nil || req.On.Send(resp.Raw) != nil {
		to, ok := wayBack(vias[0], p.transport)
		if strings.Contains(vias[0], ";rport") && p.transport == "udp" {
			to = req.Source // RFC 3581 §4
		}
		if !ok {
			p.t.Fatalf("the top Via says no address to answer to: %s", vias[0])
		}
		p.Send(resp.Raw, to)
	}
	if code == 100 || code >= 300 {
		return nil
	}
	return p.answered(req, resp)
}

// Response is the response that Answer would send.
func (p *Phone) Response(req Message, code int, o Options) Message {
	p.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", code, reason(code))
	for _, via := range req.Vias() {
		fmt.Fprintf(&b, "Via: %s\r\n", via)
	}
	to := req.First("To")
	if code > 100 && Param(to, "tag") == "" {
		to += ";tag=" + p.tag(req)
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n",
		req.First("From"), to, req.First("Call-ID"), req.First("CSeq"))
	if code > 100 && code < 300 {
		for _, route := range req.RecordRoutes() {
			fmt.Fprintf(&b, "Record-Route: %s\r\n", route)
		}
		if o.Contact == "" && req.Method() != "BYE" && req.Method() != "CANCEL" {
			o.Contact = "<" + p.URI() + ">"
		}
		if o.Contact != "" && o.Contact != "-" {
			fmt.Fprintf(&b, "Contact: %s\r\n", o.Contact)
		}
	}
	return p.finish(&b, o)
}

// tag is this phone's tag in the dialog of req.
func (p *Phone) tag(req Message) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.host + " " + req.First("Call-ID")))
	return fmt.Sprintf("%016x", h.Sum64())
}

// answered is the callee's dialog (RFC 3261 §12.1.1): the route set is the Record-Route as it stands, the remote target
// is the Contact.
func (p *Phone) answered(req, resp Message) *Call {
	return &Call{
		Invite: req,
		phone:  p,
		local:  resp.First("To"),
		remote: req.First("From"),
		target: URI(req.First("Contact")),
		route:  req.RecordRoutes(),
		via:    req.Source,
		id:     req.First("Call-ID"),
	}
}

// reason is the usual phrase of a code.
func reason(code int) string {
	switch code {
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 183:
		return "Session Progress"
	case 200:
		return "OK"
	case 401:
		return "Unauthorized"
	case 407:
		return "Proxy Authentication Required"
	case 486:
		return "Busy Here"
	case 487:
		return "Request Terminated"
	case 603:
		return "Decline"
	}
	return "Response"
}
