package leg

import (
	"github.com/cespare/xxhash/v2"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

const loopLen = 5 // bytes of the loop hash in a branch: two different requests of one call meet by chance in 1 of 2⁴⁰

// loopHash is a hash of what decides where a request goes: when a request comes by twice with the same, it loops, and
// when it differs, it spirals (RFC 5393 §4.2.1).
//
// Deviates: RFC 3261 §16.6 step 8 would have the To tag, Proxy-Authorization and the topmost Via in it. A CANCEL and the ACK to a
// failure lack the first two and must get the branch of their INVITE (§16.11); with the topmost Via the hash would differ at every
// pass (RFC 5393 §4.2.1 leaves it out for that).
func loopHash(p *message.Packet) uint64 {
	var d xxhash.Digest
	d.Reset()
	d.Write(p.CurrentURI())
	separate(&d)
	d.Write(p.CallID())
	separate(&d)
	d.Write(sequence(p))
	separate(&d)
	d.Write(p.FromTag())
	if p.Egress != nil { // a Route of ours has named it
		separate(&d)
		d.Write([]byte(p.Egress.Name))
	}
	routes, _ := p.Routes()
	for i := range routes {
		if !routes[i].Gone() {
			separate(&d)
			d.Write(p.Bytes(routes[i].URI))
		}
	}
	return d.Sum64()
}

func separate(d *xxhash.Digest) { d.Write([]byte{0}) }

// maxPasses is how often a request may have been here, however it differs: a strict router that leads back to us rotates
// the route set at each pass, and would go round until Max-Forwards is used up.
const maxPasses = 8

// looped finds a Via of ours that was made for the same request, or too many of ours.
func (l *leg) looped(p *message.Packet) bool {
	passes := 0
	for v, ok := p.TopVia(); ok; v, ok = p.ViaBelow(v) {
		m, is := readMark(p.Bytes(v.Branch))
		if !is || !l.isOwnVia(p, v) {
			continue
		}
		if passes++; m.loop == loopOf(p.Hash) || passes == maxPasses {
			return true
		}
	}
	return false
}

// isOwnVia tells whether a Via's sent-by is ours. The branch's MAC needs no check here: who copies the loop hash of a
// request of ours stops only that request.
func (l *leg) isOwnVia(p *message.Packet, v sipwire.ViaValue) bool {
	return l.Legs.Own(p.Bytes(v.Host), v.Port, v.Transport) != nil
}

func loopOf(hash uint64) (b [loopLen]byte) {
	for i := range b {
		b[i] = byte(hash >> (8 * i))
	}
	return b
}
