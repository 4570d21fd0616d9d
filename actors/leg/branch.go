package leg

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// A branch of ours carries the way back of its response, so that nothing has to be remembered (RFC 3261 §16.11):
//
//	z9hG4bK base32( key 1 ‖ ingress leg 1 ‖ loop hash 5 ‖ [ingress flow 6] ‖ MAC 8 )
//
// The flow is there for a request that came by a connection: its responses go back by the same one (RFC 3261 §18.2.2).
// The MAC covers the marks before it, the names of both legs, Call-ID, CSeq number, and the Via below: its branch and
// the place where the response goes from here. The same request gets the same branch, on any node, and so do its
// CANCEL and the ACK to its failure; a response whose branch does not verify is not ours.
const (
	cookie   = "z9hG4bK"
	markLen  = 1 + 1 + loopLen + macLen
	mostMark = markLen + stream.IDLen
	macLen   = 8
	version  = 1 << 5 // in the key byte, above the key id
	keyMask  = version - 1
)

// mark is a branch of ours taken apart.
type mark struct {
	key  uint8
	leg  uint8
	loop [loopLen]byte
	flow stream.ID // 0 for a request that came as a datagram
	mac  [macLen]byte
}

// branchLen is how long a branch of n bytes is.
func branchLen(n int) int { return len(cookie) + (n*8+4)/5 }

// readMark takes a branch apart; ok is false for one of another shape.
func readMark(branch []byte) (m mark, ok bool) {
	want := markLen
	switch len(branch) {
	case branchLen(markLen):
	case branchLen(mostMark):
		want = mostMark
	default:
		return m, false
	}
	if !sipwire.EqualFold(branch[:len(cookie)], cookie) {
		return m, false
	}
	var b [mostMark + 1]byte
	n, ok := keyring.Decode(b[:], branch[len(cookie):])
	if !ok || n != want || b[0]&^keyMask != version {
		return m, false
	}
	m.key, m.leg = b[0]&keyMask, b[1]
	at := 2 + copy(m.loop[:], b[2:])
	if want == mostMark {
		m.flow = stream.ReadID(b[at:])
	}
	copy(m.mac[:], b[n-macLen:n])
	return m, true
}

// append appends what the MAC stands behind.
func (m mark) append(b []byte) []byte {
	b = append(b, version|m.key, m.leg)
	b = append(b, m.loop[:]...)
	if m.flow != 0 {
		b = m.flow.Append(b)
	}
	return b
}

// The key is a slow one: a CANCEL or a retransmission across a change of keys gets another branch than its INVITE, so keys
// that make branches are seldom changed.

// appendBranch appends the branch of the Via that we put on the request p, and what stands behind it in a cluster.
func (l *leg) appendBranch(dst []byte, p *message.Packet) []byte {
	key := l.Keys.Load().Newest(keyring.Register)
	m := mark{key: key.ID, leg: p.Ingress.ID, loop: loopOf(p.Hash), flow: p.IngressFlow}
	m.mac = l.branchMAC(key, m, p, p.Ingress, l.chosen(p), p.Via)
	var room [mostMark]byte
	b := append(m.append(room[:0]), m.mac[:]...)
	dst = keyring.Encoding.AppendEncode(append(dst, cookie...), b)
	return l.appendOwner(dst, key, m, p)
}

// chosen is the leg that was chosen for a request before its size has moved it to this one: a branch is the same for both,
// so that the CANCEL and the ACK of a large request, which are small, have its branch.
func (l *leg) chosen(p *message.Packet) *message.Leg {
	if p.Moved != nil {
		return p.Moved
	}
	return l.facts
}

// openBranch is the leg by which the request came whose response this is, and the connection; nil when we did not make its
// topmost Via. p.Reply is where the Via below sends the response.
func (l *leg) openBranch(p *message.Packet, via, below sipwire.ViaValue) (*message.Leg, stream.ID) {
	m, ok := readMark(p.Bytes(via.Branch))
	if !ok {
		return nil, 0
	}
	key := l.Keys.Load().ByID(m.key)
	if key == nil {
		return nil, 0
	}
	for _, ingress := range l.Legs.All {
		if ingress.ID != m.leg {
			continue
		}
		for _, egress := range [...]*message.Leg{l.facts, l.twin} {
			if egress == nil {
				continue
			}
			if want := l.branchMAC(key, m, p, ingress, egress, below); subtle.ConstantTimeCompare(want[:], m.mac[:]) == 1 {
				l.openOwner(key, m, p, via, below)
				return ingress, m.flow
			}
		}
	}
	return nil, 0
}

// branchMAC is made at the egress leg of a request, and again at the same leg when its response comes.
func (l *leg) branchMAC(key *keyring.Key, m mark, p *message.Packet, ingress, egress *message.Leg, below sipwire.ViaValue) (mac [macLen]byte) {
	b := m.append(l.input[:0])
	b = field(b, ingress.Name)
	b = field(b, egress.Name)
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
