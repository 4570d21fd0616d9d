// Package contact hides what is behind the proxy, and finds it again.
//
//	Owns   nothing: the keys are the key ring's
//	Hears  message.Open, message.Seal
//	Says   message.Anchor, message.Send, or the verb of the first room of the receive chain
//	Fails  carryOn: it holds nothing
//
// A Contact that crosses the proxy becomes a token that only this cluster can open; a request to the token goes to the
// Contact. open.go mirrors seal.go. In Net::SIP this was rewrite_contact of StatelessProxy.
package contact
