package contact

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
)

// A token is the user part of a sealed Contact:
//
//	letter base32( hdr 1 ‖ T 12 ‖ C )
//	T = HMAC-SHA256(Km, hdr ‖ len(AAD) ‖ AAD ‖ P)[:12]
//	C = AES-256-CTR(Ke, IV = T ‖ 0⁴) XOR P
//
// hdr is a version (3 bits) and a key id (5 bits). P begins with the leg where the contact lives. AAD is the cluster, the names of
// that leg and of the leg where the token was given out, and the purpose: a token is good for a request that arrives
// where it was given out, and adding or moving other legs does not void it. It is deterministic, as RFC 3261 §16.11
// wants of what a stateless proxy does to a retransmission, and by the construction of RFC 5297 safe for that.
const (
	letter   = 'x'
	macLen   = 12
	overhead = 1 + macLen
	version  = 1 << 5
	keyMask  = version - 1
	maxPlain = 512 // bytes; a contact that needs more is not sealed whole, see pack

	minToken = 1 + ((overhead+2)*8+4)/5
	maxToken = 1 + ((overhead+maxPlain)*8+4)/5
)

// tokens seals and opens; one for each goroutine.
type tokens struct {
	keys  *keyring.Ring
	macs  *keyring.MACs
	input []byte // what a MAC is made over
	bytes [overhead + maxPlain + 1]byte
	plain [maxPlain + 1]byte
	iv    [aes.BlockSize]byte
	pad   [aes.BlockSize]byte
}

func newTokens(keys *keyring.Ring) *tokens {
	return &tokens{keys: keys, macs: keyring.NewMACs(keyring.Token), input: make([]byte, 0, 1024)}
}

// tokenLen is how long the token of n packed bytes is.
func tokenLen(n int) int { return 1 + ((overhead+n)*8+4)/5 }

// seal appends the token of a packed contact that lives behind home and is given out on away.
func (t *tokens) seal(dst []byte, home, away *message.Leg, purpose keyring.Purpose, plain []byte) []byte {
	keys := t.keys.Load()
	key := keys.Newest(purpose)
	b := t.bytes[:overhead+len(plain)]
	b[0] = version | key.ID
	mac := t.mac(keys, key, b[0], home, away, plain)
	copy(b[1:], mac)
	t.crypt(key, b[overhead:], plain, mac)
	return keyring.Encoding.AppendEncode(append(dst, letter), b)
}

// looksLike tells whether a user part has the shape of a token.
func looksLike(user []byte) bool {
	return len(user) >= minToken && len(user) <= maxToken && user[0]|0x20 == letter
}

// open is the packed contact in a token that arrived on away, and the leg behind which it lives. ok is false for
// everything that is not a token of ours, of whatever kind.
func (t *tokens) open(legs *message.Legs, away *message.Leg, user []byte) (home *message.Leg, plain []byte, ok bool) {
	if !looksLike(user) {
		return nil, nil, false
	}
	n, ok := keyring.Decode(t.bytes[:], user[1:])
	if !ok || n < overhead+2 || t.bytes[0]&^keyMask != version {
		return nil, nil, false
	}
	keys := t.keys.Load()
	key := keys.ByID(t.bytes[0] & keyMask)
	if key == nil {
		return nil, nil, false
	}
	mac := t.bytes[1:overhead]
	plain = t.plain[:n-overhead]
	t.crypt(key, plain, t.bytes[overhead:n], mac)
	for _, leg := range legs.All {
		if leg.ID != plain[1] {
			continue
		}
		want := t.mac(keys, key, t.bytes[0], leg, away, plain)
		if subtle.ConstantTimeCompare(want, mac) == 1 {
			return leg, plain, true
		}
	}
	return nil, nil, false
}

// mac is T. It is valid until the next call.
func (t *tokens) mac(keys *keyring.Keys, key *keyring.Key, hdr byte, home, away *message.Leg, plain []byte) []byte {
	b := append(t.input[:0], hdr, 0, 0)
	b = append(b, keys.Cluster()...)
	b = append(append(b, 0), home.Name...)
	b = append(append(b, 0), away.Name...)
	b = append(append(b, 0), byte(key.Purpose))
	binary.BigEndian.PutUint16(b[1:], uint16(len(b)-3))
	b = append(b, plain...)
	t.input = b
	return t.macs.Sum(key, b)[:macLen]
}

// crypt is CTR mode by hand: the standard library's stream allocates for every message.
func (t *tokens) crypt(key *keyring.Key, dst, src, mac []byte) {
	copy(t.iv[:], mac)
	for block := uint32(0); len(src) > 0; block++ {
		binary.BigEndian.PutUint32(t.iv[macLen:], block)
		key.Block().Encrypt(t.pad[:], t.iv[:])
		n := subtle.XORBytes(dst, src, t.pad[:])
		dst, src = dst[n:], src[n:]
	}
}
