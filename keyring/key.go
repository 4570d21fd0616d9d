package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"time"
)

// Purpose says what a key seals, and so how fast it may be changed.
type Purpose uint8

// Dialog keys seal the Contacts of dialogs; they turn over quickly. Register keys turn over slowly: they seal the Contacts
// in a REGISTER, where a changed Contact is a new binding (RFC 3261 §10.3), and they make branches and tags, which a
// change of keys in the middle of a transaction would part from their INVITE.
const (
	Dialog Purpose = iota
	Register
)

const purposes = 2

// String is the word of the key file.
func (p Purpose) String() string {
	switch p {
	case Dialog:
		return "dialog"
	case Register:
		return "register"
	}
	return fmt.Sprintf("purpose %d", uint8(p))
}

// ParsePurpose reads the word of the key file.
func ParsePurpose(s string) (Purpose, error) {
	switch s {
	case "dialog":
		return Dialog, nil
	case "register":
		return Register, nil
	}
	return 0, fmt.Errorf("%q is no purpose of a key; write dialog or register", s)
}

// Use says what a MAC is made over. Each use has a key of its own, so that what was made for one is worth nothing to
// another.
type Use uint8

// The uses of a MAC.
const (
	Token   Use = iota // the user part of a sealed Contact
	Branch             // the branch of our Via
	Tag                // the To-tag of our own answers
	Trace              // the trace of a call
	Flow               // a connection that a Route or Path of ours names
	Nonce              // the nonce of a challenge
	Owner              // the nodes that a Via of ours names
	Pinhole            // the NAT's address that a Route of ours names
)

const uses = 8

func (u Use) String() string {
	return [uses]string{"token", "branch", "tag", "trace", "flow", "nonce", "owner", "pinhole"}[u]
}

// Ids are 5 bits wide in tokens and branches.
const maxKeys = 32

const secretLen = 32

// Key is one key, ready for use. It never changes and may be shared by goroutines.
type Key struct {
	ID      uint8     // 0..31, what a token or branch carries to name its key
	Purpose Purpose   // what it seals
	Created time.Time // when it was added to the file
	UseFrom time.Time // from when on it seals; it opens at once

	secret []byte
	macs   [uses][sha256.Size]byte
	block  cipher.Block
}

// derive fills in what k.secret gives within a cluster.
func (k *Key) derive(cluster string) error {
	for u := Use(0); u < uses; u++ {
		m, err := hkdf.Key(sha256.New, k.secret, nil, label(cluster, k.ID, "mac", u), sha256.Size)
		if err != nil {
			return err
		}
		k.macs[u] = [sha256.Size]byte(m)
	}
	e, err := hkdf.Key(sha256.New, k.secret, nil, label(cluster, k.ID, "aes", Token), 32)
	if err != nil {
		return err
	}
	k.block, err = aes.NewCipher(e)
	return err
}

// label is the info of RFC 5869 §2.3. A cluster id has no blanks, so that two different labels never read the same.
func label(cluster string, id uint8, algorithm string, u Use) string {
	return fmt.Sprintf("actorsip 1 cluster %s key %d %s %s", cluster, id, algorithm, u)
}

// Block is AES-256 under the key that encrypts tokens. It holds no state: it may be shared by goroutines.
func (k *Key) Block() cipher.Block { return k.block }

// NewMAC makes an HMAC-SHA256 (32 bytes) for one goroutine, which keeps it: Reset, Write and Sum into the caller's own
// buffer then allocate nothing.
func (k *Key) NewMAC(u Use) hash.Hash {
	m := hmac.New(sha256.New, k.macs[u][:])
	m.Reset() // the first Reset saves the key's two hash states; the later ones restore them
	return m
}

// String names the key and tells nothing of its secret.
func (k *Key) String() string { return fmt.Sprintf("key %d (%s)", k.ID, k.Purpose) }
