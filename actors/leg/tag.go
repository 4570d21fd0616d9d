package leg

import (
	"crypto/subtle"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
)

// The To-tag of our own answers is a MAC over what the ACK to them repeats. So the ACK is known for what it is and goes
// no further, and nothing has to be remembered (RFC 3261 §8.2.7):
//
//	base32( key 1 ‖ MAC 9 )
const (
	tagMAC   = 9
	tagBytes = 1 + tagMAC
	tagLen   = tagBytes * 8 / 5
)

// appendTag appends the To-tag of an answer to the request p.
func (l *leg) appendTag(dst []byte, p *message.Packet) []byte {
	key := l.Keys.Load().Newest(keyring.Register)
	return keyring.Encoding.AppendEncode(dst, l.tagOf(key, p))
}

// isOwnAnswer tells whether the ACK p is for an answer that we gave.
func (l *leg) isOwnAnswer(p *message.Packet) bool {
	tag := p.ToTag()
	if len(tag) != tagLen {
		return false
	}
	var b [tagBytes]byte
	if n, ok := keyring.Decode(b[:], tag); !ok || n != tagBytes || b[0]&^keyMask != version {
		return false
	}
	key := l.Keys.Load().ByID(b[0] & keyMask)
	return key != nil && subtle.ConstantTimeCompare(l.tagOf(key, p), b[:]) == 1
}

func (l *leg) tagOf(key *keyring.Key, p *message.Packet) []byte {
	b := field(l.input[:0], l.facts.Name)
	b = field(b, p.CallID())
	b = field(b, sequence(p))
	b = field(b, p.FromTag())
	l.input = b
	mac := l.tags.Sum(key, b)
	out := append(l.input, version|key.ID)
	return append(out, mac[:tagMAC]...)[len(l.input):]
}
