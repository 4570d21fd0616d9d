// Package registrar is the registrar and location service (RFC 3261 §10.3).
//
//	Owns   nothing: bindings are the location store's
//	Hears  message.Locate
//	Says   message.Locate (to its lane, by Return), message.Route
//	Fails  carryOn: one bad packet is one bad packet
//
// register.go carries a REGISTER out, locate.go finds the contact for any other request. In Net::SIP this was Registrar and Redirect.
package registrar
