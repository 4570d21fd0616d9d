package sipwire

// HeaderID names the headers that a proxy reads. All others are Other: they leave as they came.
type HeaderID uint8

// The headers that are indexed.
const (
	Other HeaderID = iota
	Via
	From
	To
	CallID
	CSeq
	Contact
	Route
	RecordRoute
	MaxForwards
	ContentLength
	ContentType
	ProxyRequire
	SessionID
	Authorization
	ProxyAuthorization
	Supported
	Require
	Path
	Expires
	numHeaders
)

// identify knows a header name in any case and its compact form (RFC 3261 §7.3.3).
func identify(name []byte) HeaderID {
	switch len(name) {
	case 1:
		switch name[0] | 0x20 {
		case 'v':
			return Via
		case 'f':
			return From
		case 't':
			return To
		case 'i':
			return CallID
		case 'm':
			return Contact
		case 'l':
			return ContentLength
		case 'c':
			return ContentType
		case 'k':
			return Supported
		}
	case 2:
		return match(name, "to", To)
	case 3:
		return match(name, "via", Via)
	case 4:
		switch name[0] | 0x20 {
		case 'f':
			return match(name, "from", From)
		case 'p':
			return match(name, "path", Path)
		}
		return match(name, "cseq", CSeq)
	case 5:
		return match(name, "route", Route)
	case 7:
		switch name[1] | 0x20 {
		case 'a':
			return match(name, "call-id", CallID)
		case 'e':
			return match(name, "require", Require)
		case 'x':
			return match(name, "expires", Expires)
		}
		return match(name, "contact", Contact)
	case 9:
		return match(name, "supported", Supported)
	case 10:
		return match(name, "session-id", SessionID)
	case 12:
		switch name[0] | 0x20 {
		case 'r':
			return match(name, "record-route", RecordRoute)
		case 'm':
			return match(name, "max-forwards", MaxForwards)
		case 'c':
			return match(name, "content-type", ContentType)
		}
	case 13:
		if name[0]|0x20 == 'a' {
			return match(name, "authorization", Authorization)
		}
		return match(name, "proxy-require", ProxyRequire)
	case 14:
		return match(name, "content-length", ContentLength)
	case 19:
		return match(name, "proxy-authorization", ProxyAuthorization)
	}
	return Other
}

func match(name []byte, want string, id HeaderID) HeaderID {
	if EqualFold(name, want) {
		return id
	}
	return Other
}
