package registrar

// most is the highest preference, which a contact without q has.
const most = 1000

// parseQ reads 0, 1 or 0.nnn (RFC 3261 §25.1: qvalue) as thousandths. Further digits do not count.
func parseQ(v []byte) (q uint16, ok bool) {
	if len(v) == 0 || v[0] != '0' && v[0] != '1' || len(v) > 1 && v[1] != '.' {
		return 0, false
	}
	q = uint16(v[0]-'0') * most
	worth := uint16(most / 10)
	for i := 2; i < len(v); i++ {
		d := v[i] - '0'
		if d > 9 {
			return 0, false
		}
		q += uint16(d) * worth
		worth /= 10
	}
	return q, q <= most
}

// appendQ appends the q parameter of a contact, nothing for the highest.
func appendQ(dst []byte, q uint16) []byte {
	if q >= most {
		return dst
	}
	return append(dst, ';', 'q', '=', '0', '.', '0'+byte(q/100), '0'+byte(q/10%10), '0'+byte(q%10))
}
