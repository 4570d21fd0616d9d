package leg

import (
	"crypto/subtle"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/stream"
)

// A flow token is the user part of a Record-Route or Path of ours: it names the connection by which requests that follow
// that route must leave (RFC 5626 §5.2).
//
//	letter base32( key 1 ‖ flow 6 ‖ MAC 8 )
//
// The MAC covers what is before it and the leg's name, so nobody can have a request sent to a connection that is not his.
const (
	flowLetter   = 'y'
	flowLen      = 1 + stream.IDLen + macLen
	flowTokenLen = 1 + (flowLen*8+4)/5
)

// appendFlowToken appends the token of a connection of a leg.
func (l *leg) appendFlowToken(dst []byte, of *message.Leg, id stream.ID) []byte {
	key := l.Keys.Load().Newest(keyring.Register)
	var room [flowLen]byte
	b := id.Append(append(room[:0], version|key.ID))
	b = append(b, l.flowMAC(key, of, b)...)
	return keyring.Encoding.AppendEncode(append(dst, flowLetter), b)
}

// openFlowToken is the connection that a token names; 0 when it is none of ours for that leg.
func (l *leg) openFlowToken(token []byte, of *message.Leg) stream.ID {
	if len(token) != flowTokenLen || token[0]|0x20 != flowLetter {
		return 0
	}
	var b [flowLen + 1]byte
	n, ok := keyring.Decode(b[:], token[1:])
	if !ok || n != flowLen || b[0]&^keyMask != version {
		return 0
	}
	key := l.Keys.Load().ByID(b[0] & keyMask)
	if key == nil {
		return 0
	}
	if subtle.ConstantTimeCompare(l.flowMAC(key, of, b[:1+stream.IDLen]), b[1+stream.IDLen:flowLen]) != 1 {
		return 0
	}
	return stream.ReadID(b[1:])
}

// flowMAC is valid until the next MAC of a flow.
func (l *leg) flowMAC(key *keyring.Key, of *message.Leg, marks []byte) []byte {
	l.input = field(append(l.input[:0], marks...), of.Name)
	return l.flows.Sum(key, l.input)[:macLen]
}
