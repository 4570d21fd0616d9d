// Package message is what the actors say to one another.
//
// A Packet is handed from room to room under a verb; nobody waits for an answer. Each room's step takes the packet and
// gives an Outcome. Read verb.go, then packet.go, then outcome.go.
package message
