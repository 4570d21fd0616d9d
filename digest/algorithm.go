package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"

	"github.com/actorsip/actorsip/sipwire"
)

// Algorithm is a hash of RFC 8760 §2.1. Session variants are not among them.
type Algorithm uint8

// The algorithms. MD5 is for phones that know no other.
const (
	MD5 Algorithm = iota
	SHA256
	SHA512_256
	numAlgorithms
)

var algorithms = [numAlgorithms]string{MD5: "MD5", SHA256: "SHA-256", SHA512_256: "SHA-512-256"}

// String is the token of the algorithm parameter.
func (a Algorithm) String() string {
	if a >= numAlgorithms {
		return fmt.Sprintf("algorithm %d", uint8(a))
	}
	return algorithms[a]
}

// ParseAlgorithm reads the token of the algorithm parameter, in any case.
func ParseAlgorithm(s string) (Algorithm, error) {
	if a, ok := parseAlgorithm([]byte(s)); ok {
		return a, nil
	}
	return 0, fmt.Errorf("%q is no digest algorithm; write SHA-512-256, SHA-256 or MD5", s)
}

func parseAlgorithm(b []byte) (Algorithm, bool) {
	for a, name := range algorithms {
		if sipwire.EqualFold(b, name) {
			return Algorithm(a), true
		}
	}
	return 0, false
}

// size is the length of a hash in bytes.
func (a Algorithm) size() int {
	if a == MD5 {
		return md5.Size
	}
	return sha256.Size
}

// HA1 is the hash of user:realm:password (RFC 7616 §3.4.2): all that a server needs to know of a password. An MD5 fills the
// first 16 bytes.
type HA1 [sha256.Size]byte

// sum hashes text.
func (a Algorithm) sum(text []byte) (h HA1) {
	switch a {
	case MD5:
		m := md5.Sum(text)
		copy(h[:], m[:])
	case SHA256:
		h = sha256.Sum256(text)
	case SHA512_256:
		h = sha512.Sum512_256(text)
	}
	return h
}

// HA1Of is the HA1 of a password.
func (a Algorithm) HA1Of(user, realm, password string) HA1 {
	return a.sum([]byte(user + ":" + realm + ":" + password))
}

// ParseHA1 reads an HA1 written in hexadecimal. The error does not repeat it.
func (a Algorithm) ParseHA1(s string) (h HA1, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != a.size() {
		return h, fmt.Errorf("an HA1 of %s is %d hexadecimal digits", a, 2*a.size())
	}
	copy(h[:], b)
	return h, nil
}
