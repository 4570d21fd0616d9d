// Package mediasession gives a call's media a relay.
//
// The room sessions has one child for each call, a session. Offers and answers pass through it (RFC 3264): it leases ports on
// both legs, starts relays between them, and writes our addresses into the session descriptions. The end of the call,
// or silence, ends them.
//
//	Owns   nothing: what is known of a call is in the Book, ports and relays are the engine's; both outlive the actors
//	Hears  message.Anchor; of a media place that nodes share, Take and Leave
//	Says   message.Send, by way of the packet's own lane
//	Fails  a session that panics is restarted and finds its call in the Book and its relays running; one that keeps
//	       failing ends its own call's relays, and says so
//
// In Net::SIP this is NATHelper.
package mediasession
