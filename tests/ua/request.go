package ua

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
)

// Options shape a request or an answer. The zero value makes an ordinary one.
type Options struct {
	Proxy       netip.AddrPort // where a request goes, whatever its URI says; default: the URI's literal address
	From        string         // a request's From value; default: the phone's own URI with a new tag
	To          string         // a request's To value; default: the request-URI in angle brackets
	Contact     string         // the Contact value; default: the phone's own URI; "-" for none
	CallID      string         // default: a new one
	CSeq        uint32         // default: 1
	Branch      string         // default: a new one
	MaxForwards string         // default: 70; "-" for none
	Headers     []string       // further lines, as "Name: value"; they stand before Content-Length
	Type        string         // Content-Type of Body; default: application/sdp
	Body        string
}

// Request sends a request outside any dialog and returns it as sent.
func (p *Phone) Request(method, uri string, o Options) Message {
	p.t.Helper()
	m := p.Compose(method, uri, o)
	to := o.Proxy
	if !to.IsValid() {
		literal, ok := hop(uri)
		if !ok {
			p.t.Fatalf("the phone resolves no names: give Options.Proxy for %s", uri)
		}
		to = literal
	}
	p.Send(m.Raw, to)
	return m
}

// Compose is the request that Request would send.
func (p *Phone) Compose(method, uri string, o Options) Message {
	p.t.Helper()
	if o.From == "" {
		o.From = "<" + p.URI() + ">;tag=" + token()
	}
	if o.To == "" {
		o.To = "<" + uri + ">"
	}
	if o.CallID == "" {
		o.CallID = token()
	}
	if o.CSeq == 0 {
		o.CSeq = 1
	}
	return p.compose(method, uri, o)
}

// compose writes a request from options of which only the hop-by-hop ones may be missing.
func (p *Phone) compose(method, uri string, o Options) Message {
	p.t.Helper()
	if o.Branch == "" {
		o.Branch = "z9hG4bK" + token()
	}
	if o.MaxForwards == "" {
		o.MaxForwards = "70"
	}
	if o.Contact == "" {
		o.Contact = "<" + p.URI() + ">"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", method, uri)
	fmt.Fprintf(&b, "Via: %s\r\n", p.via(o.Branch))
	if o.MaxForwards != "-" {
		fmt.Fprintf(&b, "Max-Forwards: %s\r\n", o.MaxForwards)
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", o.From, o.To, o.CallID, o.CSeq, method)
	if o.Contact != "-" && method != "ACK" && method != "CANCEL" && method != "BYE" {
		fmt.Fprintf(&b, "Contact: %s\r\n", o.Contact)
	}
	return p.finish(&b, o)
}

// finish writes what ends requests and responses alike, and views the result.
func (p *Phone) finish(b *strings.Builder, o Options) Message {
	p.t.Helper()
	for _, line := range o.Headers {
		b.WriteString(line + "\r\n")
	}
	if o.Body != "" {
		kind := o.Type
		if kind == "" {
			kind = "application/sdp"
		}
		fmt.Fprintf(b, "Content-Type: %s\r\n", kind)
	}
	fmt.Fprintf(b, "Content-Length: %d\r\n\r\n%s", len(o.Body), o.Body)
	m, err := Parse([]byte(b.String()))
	if err != nil {
		p.t.Fatalf("the phone wrote no SIP message: %v", err)
	}
	return m
}

// token is a text that never comes twice.
func token() string { return strings.ToLower(rand.Text()[:16]) }
