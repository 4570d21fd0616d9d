// Package registrar is the registrar and location service (RFC 3261 §10.3).
//
//	Owns   nothing: bindings are the location store's
//	Hears  message.Locate
//	Says   message.Send (answers), or the verb of the room behind it in the chain
//	Fails  carryOn: one bad packet is one bad packet
//
//	REGISTER       register ▶ read ▶ change ▶ answer
//	other requests locate ▶ place, or redirect
//
// In Net::SIP this was Registrar and Redirect.
package registrar
