// Package remote hands packets to the node of the cluster that owns what they need: a call's media, a connection, or the way through a NAT.
//
//	Owns   nothing: the packets that wait for another node's answer are on its desk, which survives it
//	Hears  message.Anchor, message.Write; from other nodes: Anchor, Anchored, Write, Written of package wire
//	Says   message.Anchor (to the media sessions here), message.Send (by Return)
//	Fails  carryOn: one bad packet is one bad packet
//
// A datagram that its node does not send comes back, and this one's leg sends it.
//
// ask.go asks other nodes, serve.go does what they ask. In Net::SIP this was NATHelper's Client and Server.
package remote
