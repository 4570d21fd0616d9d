package keyring

import "hash"

// MACs makes the MACs of one use for one goroutine. It keeps a ready hash for each key, so that a MAC costs no
// allocation.
type MACs struct {
	use  Use
	made [maxKeys]struct {
		key *Key
		mac hash.Hash
	}
	sum [32]byte
}

// NewMACs makes MACs for that use.
func NewMACs(use Use) *MACs { return &MACs{use: use} }

// Sum is the HMAC-SHA256 of text under k, valid until the next call.
func (m *MACs) Sum(k *Key, text []byte) []byte {
	e := &m.made[k.ID]
	if e.key != k { // another key may have got the id since
		e.key, e.mac = k, k.NewMAC(m.use)
	}
	e.mac.Reset()
	e.mac.Write(text)
	return e.mac.Sum(m.sum[:0])
}
