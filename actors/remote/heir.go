package remote

import "github.com/actorsip/actorsip/message"

// mostHeirs bounds what is remembered of calls that have left. What is beyond it stays.
const mostHeirs = 1 << 16

// heir is the node that has a call's media in place of this one, which drains, or did; 0: they are here. A new offer within the call takes
// it to another node, which binds ports of its own, and what comes after follows. What the call has here stays until it ends or is silent:
// the offer may be refused, and then all is as it was (RFC 3261 §14.1).
func (r *remote) heir(p *message.Packet) uint16 {
	id := p.CallID()
	if heir, left := r.heirs[string(id)]; left {
		if ends(p) || !r.Nodes.Relays(heir) {
			delete(r.heirs, string(id))
		}
		if r.Nodes.Relays(heir) {
			return heir
		}
	}
	if !r.Nodes.Draining() || !renews(p) || len(r.heirs) == mostHeirs {
		return 0
	}
	heir := r.Nodes.Relay(id, r.Nodes.Self())
	if heir == r.Nodes.Self() || heir == 0 {
		return 0
	}
	r.heirs[string(id)] = heir
	return heir
}

// renews tells whether a packet may give a call new media: a re-INVITE, which has an offer or asks for one, or an UPDATE with one.
func renews(p *message.Packet) bool {
	if !p.IsRequest() || len(p.ToTag()) == 0 {
		return false
	}
	_, method := p.CSeq()
	_, described := p.SDP()
	return string(method) == "INVITE" || described && string(method) == "UPDATE"
}

// ends tells whether a packet ends its call.
func ends(p *message.Packet) bool {
	_, method := p.CSeq()
	return p.IsRequest() && string(method) == "BYE"
}
