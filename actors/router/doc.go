// Package router says where a packet goes.
//
//	Owns   nothing: names are remembered by the resolver
//	Hears  message.Route
//	Says   message.Seal, message.Anchor, message.Send
//	Fails  carryOn: it holds nothing
//
// request.go is for requests: what follows from the Route headers, the request-URI and the configuration. response.go
// is for responses: what follows from the Via. In Net::SIP this was resolve_uri of Dispatcher and __forward_packet of
// StatelessProxy.
package router
