package sipwire

import "bytes"

// Scheme is the scheme of a URI, as far as a proxy must know it.
type Scheme uint8

// The schemes. OtherScheme is any that is well formed: tel, urn, http …
const (
	OtherScheme Scheme = iota
	SIP
	SIPS
)

// URI is a SIP or SIPS URI taken apart (RFC 3261 §19.1.1). Its parts are pieces of the bytes that were parsed.
type URI struct {
	Scheme  Scheme
	User    []byte // userinfo with its password, as written; nil when there is none
	Host    []byte // IPv6 in brackets
	Port    uint16 // 0 when none is written
	Params  []byte // empty, or begins with ';'
	Headers []byte // empty, or begins with '?'
	tail    []byte // what stands behind "sip:"
}

// ParseURI takes b apart. ok is false for what is no URI; of a scheme other than sip and sips only the Scheme is set.
func ParseURI(b []byte) (u URI, ok bool) {
	colon := bytes.IndexByte(b, ':')
	if colon <= 0 || !isScheme(b[:colon]) {
		return u, false
	}
	for _, c := range b {
		if c <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7f {
			return u, false
		}
	}
	switch {
	case equalFold(b[:colon], "sip"):
		u.Scheme = SIP
	case equalFold(b[:colon], "sips"):
		u.Scheme = SIPS
	default:
		return u, true
	}
	rest := b[colon+1:]
	u.tail = rest
	if at := bytes.IndexByte(rest, '@'); at >= 0 { // user and password may hold ; and ?, so the @ is looked for first
		if at == 0 || !validEscapes(rest[:at]) {
			return u, false
		}
		u.User, rest = rest[:at], rest[at+1:]
	}
	host, port, next, ok := hostPort(rest, 0, int32(len(rest)))
	if !ok {
		return u, false
	}
	u.Host, u.Port = rest[host.Off:host.End], port
	rest = rest[next:]
	if q := bytes.IndexByte(rest, '?'); q >= 0 {
		rest, u.Headers = rest[:q], rest[q:]
	}
	u.Params = rest
	return u, len(rest) == 0 || rest[0] == ';'
}

func isScheme(b []byte) bool {
	for i, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return true
}

func validEscapes(b []byte) bool {
	for i, c := range b {
		if c == '%' && (i+2 >= len(b) || !isHex(b[i+1]) || !isHex(b[i+2])) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// Param finds a URI parameter by its name in any case; value is empty when it has none.
func (u URI) Param(name string) (value []byte, ok bool) {
	p, ok := findParam(u.Params, 0, int32(len(u.Params)), name)
	return u.Params[p.value.Off:p.value.End], ok
}

// Transport is the transport parameter, NoTransport when it is absent or unknown.
func (u URI) Transport() Transport {
	v, _ := u.Param("transport")
	t, _ := ParseTransport(v)
	return t
}

// AppendWithout appends the URI without the named parameters and, when port is false, without its port.
func (u URI) AppendWithout(dst []byte, port bool, names ...string) []byte {
	if u.Scheme == SIPS {
		dst = append(dst, "sips:"...)
	} else {
		dst = append(dst, "sip:"...)
	}
	end := len(u.tail) - len(u.Headers) - len(u.Params)
	if !port {
		end = bytes.LastIndex(u.tail[:end], u.Host) + len(u.Host)
	}
	dst = append(dst, u.tail[:end]...)
	dst = u.AppendParamsWithout(dst, names...)
	return append(dst, u.Headers...)
}

// AppendParamsWithout appends the URI's parameters but for the named ones.
func (u URI) AppendParamsWithout(dst []byte, names ...string) []byte {
	for off, end := int32(0), int32(len(u.Params)); off >= 0 && off < end; {
		var p param
		if p, off = nextParam(u.Params, off, end); off < 0 {
			break
		}
		if !oneOf(u.Params[p.name.Off:p.name.End], names) {
			dst = append(dst, u.Params[p.whole.Off:p.whole.End]...)
		}
	}
	return dst
}

func oneOf(b []byte, names []string) bool {
	for _, n := range names {
		if equalFold(b, n) {
			return true
		}
	}
	return false
}
