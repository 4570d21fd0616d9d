package leg

import (
	"crypto/subtle"
	"encoding/binary"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// In a cluster our Via says which node has the call's media, and by whose socket the request came, for a response that comes to another
// node:
//
//	;n= base32( owner 2 ‖ node 2 ‖ MAC 4 )
//
// It stands beside the branch, not in it: nodes may differ on who the owner is of a call that only begins, and a CANCEL, a
// retransmission or the ACK to a failure that comes to another node than its INVITE must have the same branch. The MAC
// covers both nodes and the branch's own MAC, so that nobody can have us ask a node for what is none of its calls. Of a
// response whose MAC is wrong, or that comes without, neither is known: it goes on, as that of a call whose owner is gone.
const (
	owned     = "n" // in our Record-Route, too: there without a MAC, for the route of a dialog is its ends' to write
	ownerLen  = 2 + 2
	ownerMark = ownerLen + ownerMAC
	ownerMAC  = 4
)

// owner is the node that has a call's media, or will have them when there are any. 0 without a cluster.
func (l *leg) owner(p *message.Packet) uint16 {
	if p.Owner != 0 || l.Relay == nil {
		return p.Owner
	}
	if n := l.Relay(p.CallID()); n != 0 {
		return n
	}
	return l.Node
}

// appendOwner appends the parameter for the Via whose branch is m: nothing without a cluster.
func (l *leg) appendOwner(dst []byte, key *keyring.Key, m mark, p *message.Packet) []byte {
	if l.Node == 0 {
		return dst
	}
	var room [ownerMark]byte
	b := binary.BigEndian.AppendUint16(room[:0], l.owner(p))
	b = binary.BigEndian.AppendUint16(b, l.Node)
	b = append(b, l.ownerMAC(key, m, b)...)
	return keyring.Encoding.AppendEncode(append(dst, ";"+owned+"="...), b)
}

// openOwner takes down the owner that a Via names whose branch m was found to be ours, and the pinhole by which the response leaves when
// the request has come to another node; below is the Via of who is behind it.
func (l *leg) openOwner(key *keyring.Key, m mark, p *message.Packet, via, below sipwire.ViaValue) {
	if l.Node == 0 {
		return
	}
	text := p.ViaParam(via, owned)
	if len(text) != (ownerMark*8+4)/5 {
		return
	}
	var b [ownerMark + 1]byte
	if n, ok := keyring.Decode(b[:], text); !ok || n != ownerMark {
		return
	}
	if subtle.ConstantTimeCompare(l.ownerMAC(key, m, b[:ownerLen]), b[ownerLen:ownerMark]) != 1 {
		return
	}
	p.Owner = binary.BigEndian.Uint16(b[:])
	if node := binary.BigEndian.Uint16(b[2:]); node != l.Node && m.flow == 0 && p.Reply.Addr.IsValid() {
		if host, literal := sipwire.ParseAddr(p.Bytes(below.Host)); !literal || host != p.Reply.Addr.Addr() {
			p.Pinhole = message.Pinhole{Addr: p.Reply.Addr, Node: node}
		}
	}
}

// ownerMAC is valid until the next MAC of an owner.
func (l *leg) ownerMAC(key *keyring.Key, m mark, owner []byte) []byte {
	l.input = append(append(l.input[:0], owner...), m.mac[:]...)
	return l.owners.Sum(key, l.input)[:ownerMAC]
}
