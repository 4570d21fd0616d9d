package message

import "github.com/asynkron/protoactor-go/actor"

// Chain is what the requests of a leg pass before they are routed: the receive chain, in the order of the configuration.
type Chain []Link

// Link is one room of a chain.
type Link struct {
	Room     *actor.PID
	At       Stage              // AtScreen, AtAuthorize or AtLocate
	Concerns func(*Packet) bool // the room is asked only then
}

// Enter has a request go through a chain.
func (p *Packet) Enter(c Chain) { p.chain = c }

// Onward passes a request to the next room of its chain that it concerns, behind the last one to the router.
func (p *Packet) Onward(router *actor.PID) Outcome {
	for len(p.chain) > 0 {
		l := p.chain[0]
		p.chain = p.chain[1:]
		if !l.Concerns(p) {
			continue
		}
		switch l.At {
		case AtScreen:
			return Pass(l.Room, Screen{p})
		case AtAuthorize:
			return Pass(l.Room, Authorize{p})
		case AtLocate:
			return Pass(l.Room, Locate{p})
		}
	}
	return Pass(router, Route{p})
}
