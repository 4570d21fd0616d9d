package keyring

import "encoding/base32"

// Encoding is how marks are written into SIP: base32, because user parts are case-sensitive (RFC 3261 §19.1.4) and
// still get folded by broken devices; in lower case, without padding.
var Encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Decode reads text in any case into dst, which is long enough. ok is false for another alphabet, for a length that
// no bytes have, and for trailing bits that are not zero: one mark has one spelling but for its case.
func Decode(dst, text []byte) (n int, ok bool) {
	var acc uint32
	bits := 0
	for _, c := range text {
		v := values[c]
		if v == 0xff {
			return 0, false
		}
		acc = acc<<5 | uint32(v)
		if bits += 5; bits >= 8 {
			bits -= 8
			dst[n] = byte(acc >> bits)
			n++
		}
	}
	return n, bits < 5 && acc&(1<<bits-1) == 0
}

var values = func() (t [256]uint8) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("abcdefghijklmnopqrstuvwxyz") {
		t[c], t[c-'a'+'A'] = uint8(i), uint8(i)
	}
	for i, c := range []byte("234567") {
		t[c] = uint8(26 + i)
	}
	return t
}()
