// Package authority asks who sends a request to show that he knows a password (RFC 3261 §22, RFC 8760).
//
//	Owns   nothing: users, and the nonces that were used, are the verifier's
//	Hears  message.Authorize
//	Says   message.Authorize (to itself, by way of its lane), message.Send (challenges), or the verb of the room behind it in the chain
//	Fails  carryOn: one bad packet is one bad packet
//
// In Net::SIP this was Authorize.
package authority
