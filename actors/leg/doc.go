// Package leg is a SIP socket as an actor, or the connections of one leg that a lane reads.
//
//	Owns   its peers, an actor for each connection; sockets belong to the lane, connections to their endpoint
//	Hears  received (a message just read), message.Send, opened; a peer: received, closed
//	Says   message.Open, message.Route, message.Write (to remote: another node has the connection, or is let in by a NAT), message.Send (an answer, to the ingress leg)
//	Fails  carryOn: one bad packet is one bad packet
//
// receive.go mirrors send.go: what the one puts on, the other takes off. In Net::SIP this was Leg and SocketPool.
package leg
