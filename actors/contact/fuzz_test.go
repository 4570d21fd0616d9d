package contact

import (
	"strings"
	"testing"

	"github.com/actorsip/actorsip/keyring"
)

// FuzzOpen: whatever stands in a user part, only what was sealed opens, and it opens to what seals to it.
func FuzzOpen(f *testing.F) {
	h := build(f)
	f.Add("xed2tdjpku2szilep35xt3psfikf7guman2wwbzbeii")
	f.Add("XED2TDJPKU2SZILEP35XT3PSFIKF7GUMAN2WWBZBEII")
	f.Add("xed2tdjpku2szilep35xt3psfikf7guman2wwbzbeij")
	f.Add("alice")
	f.Add("x" + strings.Repeat("a", maxToken-1))
	f.Fuzz(func(t *testing.T, user string) {
		home, plain, ok := h.tokens.open(h.Legs, h.outside, []byte(user))
		if !ok {
			return
		}
		plain = append([]byte(nil), plain...)
		for _, p := range []keyring.Purpose{keyring.Dialog, keyring.Register} {
			if again := h.tokens.seal(nil, home, h.outside, p, plain); strings.EqualFold(string(again), user) {
				return
			}
		}
		t.Fatalf("%q opens, and was never sealed", user)
	})
}

// FuzzUnpack: a token of ours may hold what an older version packed.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\x05\xc4\x0a\x00\x00\x05\x13\xc4alice"), []byte(";ob"))
	f.Add([]byte("\x00\xc4example.com@alice@;transport=x"), []byte(""))
	f.Add([]byte("\x2a\xc4\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("?a=b"))
	f.Fuzz(func(t *testing.T, plain, outside []byte) {
		if len(plain) < 2 {
			return // open lets nothing shorter through
		}
		unpack(nil, plain, outside)
	})
}
