package digest

import (
	"crypto/subtle"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/actorsip/actorsip/keyring"
)

// A nonce says when it was made, and that we made it:
//
//	base32( key 1 ‖ milliseconds 5 ‖ salt 5 ‖ MAC 9 )
//
// The MAC covers what is before it, the realm, the role and who it was made for: credentials that somebody else sends are foreign, and
// nobody can have another address banned by guessing passwords in its name. A phone whose address changes is asked again, and
// answers without asking its user. The salt keeps the nonces of one millisecond apart: each of them
// is counted for itself. It need not be secret.
const (
	timeBits  = 40 // of the Unix time in milliseconds: 34 years until it is the same again
	timeLen   = timeBits / 8
	saltLen   = 5
	nonceMAC  = 9
	plainLen  = 1 + timeLen + saltLen
	nonceSize = plainLen + nonceMAC
	nonceLen  = nonceSize * 8 / 5
	version   = 1 << 5 // in the key byte, above the key id
	keyMask   = version - 1
)

// ahead is how far the clock of another node may be before ours.
const ahead = time.Minute

// nonce is one of ours, taken apart.
type nonce struct {
	id  uint64 // of its MAC: no two nonces have the same
	at  int64  // when it was made, Unix time in milliseconds
	age time.Duration
}

// appendNonce appends a nonce of its own for each call.
func (c *Checker) appendNonce(dst []byte, now time.Time) []byte {
	key := c.v.cfg.Keys.Load().Newest(keyring.Dialog)
	var b [nonceSize]byte
	b[0] = version | key.ID
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(now.UnixMilli()))
	copy(b[1:], n[8-timeLen:])
	binary.BigEndian.PutUint64(n[:], rand.Uint64())
	copy(b[1+timeLen:], n[:saltLen])
	copy(b[plainLen:], c.nonceMAC(key, b[:plainLen]))
	return keyring.Encoding.AppendEncode(dst, b[:])
}

// openNonce takes a nonce apart; ok is false when we did not make it.
func (c *Checker) openNonce(text []byte, now time.Time) (n nonce, ok bool) {
	if len(text) != nonceLen {
		return n, false
	}
	var b [nonceSize]byte
	if size, ok := keyring.Decode(b[:], text); !ok || size != nonceSize || b[0]&^keyMask != version {
		return n, false
	}
	key := c.v.cfg.Keys.Load().ByID(b[0] & keyMask)
	if key == nil || subtle.ConstantTimeCompare(c.nonceMAC(key, b[:plainLen]), b[plainLen:]) != 1 {
		return n, false
	}
	var made [8]byte
	copy(made[8-timeLen:], b[1:])
	const rest = 64 - timeBits
	late := int64(uint64(now.UnixMilli())-binary.BigEndian.Uint64(made[:])) << rest >> rest
	n.id, n.at, n.age = binary.BigEndian.Uint64(b[plainLen:]), now.UnixMilli()-late, time.Duration(late)*time.Millisecond
	return n, true
}

// nonceMAC is valid until the next call.
func (c *Checker) nonceMAC(key *keyring.Key, plain []byte) []byte {
	b := append(c.text[:0], byte(c.v.cfg.Role), byte(len(c.v.cfg.Realm)))
	b = append(b, c.source[:]...)
	b = append(b, c.v.cfg.Realm...)
	b = append(b, plain...)
	c.text = b
	return c.macs.Sum(key, b)[:nonceMAC]
}

// inTime tells whether the nonce is neither too old nor of a clock that is wrong.
func (v *Verifier) inTime(n nonce) bool { return n.age <= v.cfg.MaxAge && n.age >= -ahead }
