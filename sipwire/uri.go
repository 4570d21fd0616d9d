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
	place   []byte // what stands between the scheme's colon and Params
}

// ParseURI takes b apart. ok is false for what is no URI; of a scheme other than sip and sips only the Scheme is set.
func ParseURI(b []byte) (u URI, ok bool) {
	colon := bytes.IndexByte(b, ':')
	if colon <= 0 || !allOf(b, classURI) {
		return u, false
	}
	switch scheme := b[:colon]; {
	case EqualFold(scheme, "sip"):
		u.Scheme = SIP
	case EqualFold(scheme, "sips"):
		u.Scheme = SIPS
	default:
		return u, isScheme(scheme)
	}
	rest := b[colon+1:]
	p := int32(0)
	if at := bytes.IndexByte(rest, '@'); at >= 0 { // user and password may hold ; and ?, so the @ is looked for first
		u.User = rest[:at]
		if at == 0 || !validEscapes(u.User) {
			return u, false
		}
		p = int32(at) + 1
	}
	host, port, p, ok := hostPort(rest, p, int32(len(rest)))
	if !ok {
		return u, false
	}
	u.Host, u.Port = rest[host.Off:host.End], port
	u.place, u.Params = rest[:p], rest[p:]
	if q := bytes.IndexByte(u.Params, '?'); q >= 0 {
		u.Params, u.Headers = u.Params[:q], u.Params[q:]
	}
	return u, len(u.Params) == 0 || u.Params[0] == ';'
}

// isScheme knows ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ).
func isScheme(b []byte) bool {
	for i, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// validEscapes wants two hexadecimal digits behind every "%".
func validEscapes(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return true
		}
		if b = b[i+1:]; len(b) < 2 || !allOf(b[:2], classHex) {
			return false
		}
	}
}

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

// AppendWithout appends a SIP or SIPS URI without the named parameters and, when port is false, without its port.
func (u URI) AppendWithout(dst []byte, port bool, names ...string) []byte {
	if u.Scheme == SIPS {
		dst = append(dst, "sips:"...)
	} else {
		dst = append(dst, "sip:"...)
	}
	place := u.place
	if !port {
		place = place[:bytes.IndexByte(place, '@')+1+len(u.Host)]
	}
	dst = append(dst, place...)
	dst = u.AppendParamsWithout(dst, names...)
	return append(dst, u.Headers...)
}

// AppendParamsWithout appends the URI's parameters but for the named ones.
func (u URI) AppendParamsWithout(dst []byte, names ...string) []byte {
	for off, end := int32(0), int32(len(u.Params)); ; {
		var p param
		if p, off = nextParam(u.Params, off, end); off < 0 {
			return dst
		}
		if !oneOf(u.Params[p.name.Off:p.name.End], names) {
			dst = append(dst, u.Params[p.whole.Off:off]...)
		}
	}
}

func oneOf(b []byte, names []string) bool {
	for _, n := range names {
		if EqualFold(b, n) {
			return true
		}
	}
	return false
}
