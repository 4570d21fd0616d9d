package main

import (
	"bytes"
	"errors"
	"net/netip"
)

var (
	errNoContact = errors.New("the 200 to the INVITE has no Contact with a URI in angle brackets")
	errRoute     = errors.New("a Record-Route value has no URI in angle brackets")
)

// dialog is what the caller keeps of the 200 to its INVITE (RFC 3261 §12.1.2). Its slices are those of the 200.
type dialog struct {
	target []byte   // the remote target: the URI of the Contact
	routes [][]byte // the route set: the Record-Route values in reverse order
	to     []byte   // the To header with the callee's tag
	strict bool     // the first route is a strict router: it goes into the request-URI (RFC 3261 §12.2.1.1)
}

// learn fills the dialog from the 200.
func (d *dialog) learn(ok *message) error {
	d.to = ok.to
	if d.target = uriOf(ok.contact); d.target == nil {
		return errNoContact
	}
	d.routes = ok.recordRoute.elements(d.routes[:0])
	for i, j := 0, len(d.routes)-1; i < j; i, j = i+1, j-1 {
		d.routes[i], d.routes[j] = d.routes[j], d.routes[i]
	}
	for _, r := range d.routes {
		if uriOf(r) == nil {
			return errRoute
		}
	}
	d.strict = len(d.routes) > 0 && !loose(uriOf(d.routes[0]))
	return nil
}

// requestURI is the request-URI of a request in the dialog.
func (d *dialog) requestURI() []byte {
	if d.strict {
		return uriOf(d.routes[0])
	}
	return d.target
}

// appendRoutes writes the Route header lines of a request in the dialog.
func (d *dialog) appendRoutes(dst []byte) []byte {
	routes := d.routes
	if d.strict {
		routes = routes[1:]
	}
	for _, r := range routes {
		dst = append(append(append(dst, "Route: "...), r...), "\r\n"...)
	}
	if d.strict {
		dst = append(append(append(dst, "Route: <"...), d.target...), ">\r\n"...)
	}
	return dst
}

// nextHop is where a request in the dialog goes: the first route, else the remote target (RFC 3261 §8.1.2).
func (d *dialog) nextHop() (netip.AddrPort, error) {
	if len(d.routes) > 0 {
		return hostOf(uriOf(d.routes[0]))
	}
	return hostOf(d.target)
}

// loose reports the lr parameter of a route's URI.
func loose(uri []byte) bool {
	_, params, more := bytes.Cut(uri, []byte{';'})
	for more {
		var param []byte
		param, params, more = bytes.Cut(params, []byte{';'})
		if name, _, _ := bytes.Cut(param, []byte{'='}); is(name, "lr") {
			return true
		}
	}
	return false
}
