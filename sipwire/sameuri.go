package sipwire

import "bytes"

// SameURI compares two URIs as RFC 3261 §19.1.4 does, as far as contacts need it: scheme, user, host, port, and the parameters that say
// where a URI leads. Parameters that only one of them has do not count otherwise.
func SameURI(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	u, ok := ParseURI(a)
	v, too := ParseURI(b)
	if !ok || !too || u.Scheme != v.Scheme || u.Scheme == OtherScheme {
		return false
	}
	if !SameUser(u.User, v.User) || !bytes.EqualFold(u.Host, v.Host) || u.Port != v.Port {
		return false
	}
	for _, name := range [...]string{"transport", "maddr", "ttl", "user", "method"} {
		p, has := u.Param(name)
		q, hasToo := v.Param(name)
		if has != hasToo || !bytes.EqualFold(p, q) {
			return false
		}
	}
	return sameParams(u, v)
}

// sameParams tells whether the parameters that both have are alike.
func sameParams(u, v URI) bool {
	for off, end := int32(0), int32(len(u.Params)); ; {
		var p param
		if p, off = nextParam(u.Params, off, end); off < 0 {
			return true
		}
		value, has := v.Param(string(u.Params[p.name.Off:p.name.End]))
		if has && !bytes.EqualFold(value, u.Params[p.value.Off:p.value.End]) {
			return false
		}
	}
}
