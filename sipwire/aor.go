package sipwire

// AppendAOR appends the canonical form of the address of record that a SIP or SIPS URI means (RFC 3261 §10.3 step 5): scheme, user
// and host, the host in lower case; no password, no port, no parameters; escapes undone where the character itself may stand in a
// user, written in capitals elsewhere. sip and sips are one: who registers the one is reached by both.
func (u URI) AppendAOR(dst []byte) []byte {
	dst = append(dst, "sip:"...)
	for user := u.User; len(user) > 0 && user[0] != ':'; {
		c, escaped, n := userChar(user)
		if escaped {
			const digits = "0123456789ABCDEF"
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		} else {
			dst = append(dst, c)
		}
		user = user[n:]
	}
	dst = append(dst, '@')
	for _, c := range u.Host {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// SameUser tells whether two users of URIs, with their passwords, are the same: a character and its escape are (RFC 3261 §19.1.4).
//
// Deviates: so are reserved characters and their escapes. Phones write the + of a number either way.
func SameUser(a, b []byte) bool {
	for len(a) > 0 && len(b) > 0 {
		c, escaped, n := userChar(a)
		d, too, k := userChar(b)
		if c != d || escaped != too {
			return false
		}
		a, b = a[n:], b[k:]
	}
	return len(a) == len(b)
}

// userChar is the first character of a user that ParseURI has read, and its length as written. escaped is true for one that must
// be.
func userChar(b []byte) (c byte, escaped bool, n int) {
	if b[0] != '%' {
		return b[0], false, 1
	}
	c = unhex(b[1])<<4 | unhex(b[2])
	return c, !inUser(c), 3
}

// inUser tells what may stand in a user without an escape (RFC 3261 §25.1: unreserved, user-unreserved).
func inUser(c byte) bool {
	switch {
	case isDigit(c), c|0x20 >= 'a' && c|0x20 <= 'z':
		return true
	}
	switch c {
	case '-', '_', '.', '!', '~', '*', '\'', '(', ')', '&', '=', '+', '$', ',', ';', '?', '/':
		return true
	}
	return false
}

// unhex is the value of a hexadecimal digit in any case.
func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
