package leg

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// A branch of ours carries the way back of its response, so that nothing has to be remembered (RFC 3261 §16.11):
//
//	z9hG4bK base32( key 1 ‖ ingress leg 1 ‖ loop hash 5 ‖ MAC 8 )
//
// The MAC covers the marks before it, the names of both legs, Call-ID, CSeq number, and the Via below: its branch and
// the place where the response goes from here. The same request gets the same branch, on any node, and so do its
// CANCEL and the ACK to its failure; a response whose branch does not verify is not ours.
const (
	cookie    = "z9hG4bK"
	markLen   = 1 + 1 + loopLen + macLen
	macLen    = 8
	branchLen = len(cookie) + (markLen*8+4)/5
	version   = 1 << 5 // in the key byte, above the key id
	keyMask   = version - 1
)

// mark is a branch of ours taken apart.
type mark struct {
	key  uint8
	leg  uint8
	loop [loopLen]byte
	mac  [macLen]byte
}

// readMark takes a branch apart; ok is false for one of another shape.
func readMark(branch []byte) (m mark, ok bool) {
	if len(branch) != branchLen || !sipwire.EqualFold(branch[:len(cookie)], cookie) {
		return m, false
	}
	var b [markLen + 1]byte
	n, ok := keyring.Decode(b[:], branch[len(cookie):])
	if !ok || n != markLen || b[0]&^keyMask != version {
		return m, false
	}
	m.key, m.leg = b[0]&keyMask, b[1]
	copy(m.loop[:], b[2:])
	copy(m.mac[:], b[2+loopLen:])
	return m, true
}

// The key is a slow one: a CANCEL or a retransmission across a change of keys gets another branch than its INVITE, so keys
// that make branches are seldom changed.

// appendBranch appends the branch of the Via that we put on the request p.
func (l *leg) appendBranch(dst []byte, p *message.Packet) []byte {
	key := l.Keys.Load().Newest(keyring.Register)
	m := mark{key: key.ID, leg: p.Ingress.ID, loop: loopOf(p.Hash)}
	m.mac = l.branchMAC(key, m, p, p.Ingress, p.Via)
	var b [markLen]byte
	b[0], b[1] = version|m.key, m.leg
	copy(b[2:], m.loop[:])
	copy(b[2+loopLen:], m.mac[:])
	dst = append(dst, cookie...)
	return keyring.Encoding.AppendEncode(dst, b[:])
}

// openBranch is the leg by which the request came whose response this is; nil when we did not make its topmost Via.
// p.Reply is where the Via below sends the response.
func (l *leg) openBranch(p *message.Packet, via, below sipwire.ViaValue) *message.Leg {
	m, ok := readMark(p.Bytes(via.Branch))
	if !ok {
		return nil
	}
	key := l.Keys.Load().ByID(m.key)
	if key == nil {
		return nil
	}
	for _, ingress := range l.Legs.All {
		if ingress.ID != m.leg {
			continue
		}
		want := l.branchMAC(key, m, p, ingress, below)
		if subtle.ConstantTimeCompare(want[:], m.mac[:]) == 1 {
			return ingress
		}
	}
	return nil
}

// branchMAC is made at the egress leg of a request, and again at the same leg when its response comes.
func (l *leg) branchMAC(key *keyring.Key, m mark, p *message.Packet, ingress *message.Leg, below sipwire.ViaValue) (mac [macLen]byte) {
	b := append(l.input[:0], m.key, m.leg)
	b = append(b, m.loop[:]...)
	b = field(b, ingress.Name)
	b = field(b, l.facts.Name)
	b = field(b, p.CallID())
	b = field(b, sequence(p))
	b = field(b, p.Bytes(below.Branch))
	if a := p.Reply.Addr; a.IsValid() {
		a16 := a.Addr().As16()
		b = field(b, a16[:])
	} else {
		b = field(b, p.Reply.Host)
	}
	b = binary.BigEndian.AppendUint16(b, p.Reply.Port)
	l.input = b
	copy(mac[:], l.branches.Sum(key, b))
	return mac
}

// sequence is the CSeq number without leading zeros: a user agent that answers may write it anew.
func sequence(p *message.Packet) []byte {
	n, _ := p.CSeq()
	return bytes.TrimLeft(n, "0")
}

// field appends a length and a text, so that no two lists of texts read the same.
func field[T string | []byte](b []byte, text T) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}
