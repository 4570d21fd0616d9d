package remote

import (
	"hash/maphash"

	"github.com/actorsip/actorsip/message"
)

// mostHeirs bounds what is remembered of calls that have left. What is beyond it stays.
const mostHeirs = 1 << 16

// heirs are the nodes that calls have left for, by hashes of their Call-IDs: these may be as long as a message.
type heirs struct {
	seed  maphash.Seed
	nodes map[uint64]uint16
}

func newHeirs() heirs { return heirs{maphash.MakeSeed(), map[uint64]uint16{}} }

// heir is the node that has a call's media in place of this one, which drains, or did; 0: they are here. A new offer within the call takes
// it to another node, which binds ports of its own, and what comes after follows. What the call has here stays until it ends or is silent:
// the offer may be refused, and then all is as it was (RFC 3261 §14.1). Once this node drains no more, the call comes back with a new
// offer: the heir may drain by then and have this node as its own heir, and the two would name each other for ever. A response belongs to
// what was asked here: an offer that is anchored here may be answered when its retransmission has left already.
func (r *remote) heir(p *message.Packet) uint16 {
	if !p.IsRequest() {
		return 0
	}
	call := maphash.Bytes(r.heirs.seed, p.CallID())
	if heir, left := r.heirs.nodes[call]; left {
		stays := r.Nodes.Relays(heir) && (r.Nodes.Draining() || !renews(p))
		if ends(p) || !stays {
			delete(r.heirs.nodes, call)
		}
		if stays {
			return heir
		}
	}
	if !r.Nodes.Draining() || !renews(p) || len(r.heirs.nodes) == mostHeirs {
		return 0
	}
	heir := r.Nodes.Relay(p.CallID(), r.Nodes.Self())
	if heir == r.Nodes.Self() || heir == 0 {
		return 0
	}
	r.heirs.nodes[call] = heir
	return heir
}

// renews tells whether a packet may give a call new media: a re-INVITE, which has an offer or asks for one, or an UPDATE with one.
func renews(p *message.Packet) bool {
	if !p.IsRequest() || len(p.ToTag()) == 0 {
		return false
	}
	_, described := p.SDP()
	return p.Is("INVITE") || described && p.Is("UPDATE")
}

// ends tells whether a packet ends its call.
func ends(p *message.Packet) bool { return p.Is("BYE") }
