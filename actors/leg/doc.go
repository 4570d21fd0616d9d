// Package leg is a SIP socket as an actor.
//
//	Owns   nothing that must survive: its sockets belong to the lane
//	Hears  received (a datagram just read), message.Send
//	Says   message.Open, message.Route, message.Send (an answer, to the ingress leg)
//	Fails  carryOn: one bad packet is one bad packet
//
// receive.go mirrors send.go: what the one puts on, the other takes off. In Net::SIP this was Leg and SocketPool.
package leg
