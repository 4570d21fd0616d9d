package contact

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// A contact URI is packed before it is sealed, for tokens must be short: devices cut off long Contacts.
//
//	flags 1 ‖ leg 1 ‖ [flow 6] ‖ [address 4 or 16] ‖ [port 2] ‖ user [ "@" params ]
//
// The flow is the connection by which the contact is reached, where its owner has opened one: a browser's contact leads
// nowhere else (RFC 7118 §5.2).
// A user holds no "@". A host that is no address stands as text before the user, closed by "@" too. The headers of a URI
// are for whoever makes a request of it, and have no place in a request-URI (RFC 3261 §19.1.1): they stay outside.
const (
	flagV4   = 1 << 0
	flagV6   = 1 << 1
	flagPort = 1 << 2
	flagSIPS = 1 << 3
	flagFlow = 1 << 7
	shift    = 4 // between: the transport, when it is the first of the parameters, or the only one in the token
	within   = 7 // and its mask
)

// comfortable is how long the user part of a sealed contact should be at most. What does not fit stays outside of the
// token, as parameters in the clear, but for those that say where a request goes.
const comfortable = 64

// routing are the URI parameters that say where a request goes: they speak of the way behind us.
var routing = []string{"transport", "maddr", "ttl"}

// pack appends the packed form of u, and appends to clear what stays outside: parameters, headers. ok is false for a contact
// that is too long even so.
func pack(dst, clear []byte, leg *message.Leg, flow stream.ID, u sipwire.URI) (plain, outside []byte, ok bool) {
	start := len(dst)
	dst = append(dst, 0, leg.ID)
	flags := byte(0)
	if flow != 0 {
		flags |= flagFlow
		dst = flow.Append(dst)
	}
	if u.Scheme == sipwire.SIPS {
		flags |= flagSIPS
	}
	addr, literal := sipwire.ParseAddr(u.Host)
	switch {
	case literal && addr.Is4():
		flags |= flagV4
		a := addr.As4()
		dst = append(dst, a[:]...)
	case literal:
		flags |= flagV6
		a := addr.As16()
		dst = append(dst, a[:]...)
	}
	if u.Port != 0 {
		flags |= flagPort
		dst = binary.BigEndian.AppendUint16(dst, u.Port)
	}
	if !literal {
		dst = append(append(dst, u.Host...), '@')
	}
	dst = append(dst, u.User...)
	t, params := leadingTransport(u.Params)
	switch {
	case len(params) == 0:
	case tokenLen(len(dst)-start+1+len(params)) <= comfortable:
		dst = append(append(dst, '@'), params...)
	default:
		t = u.Transport()
		clear = u.AppendParamsWithout(clear, routing...)
		if rest := appendRouting(append(dst, '@'), u, t); len(rest) > len(dst)+1 {
			dst = rest
		}
	}
	dst[start] = flags | byte(t)<<shift
	return dst[start:], append(clear, u.Headers...), len(dst)-start <= maxPlain
}

// leadingTransport cuts a transport parameter off the front of params, where unpack writes it.
func leadingTransport(params []byte) (t sipwire.Transport, rest []byte) {
	v, ok := bytes.CutPrefix(params, []byte(";transport="))
	if !ok {
		return sipwire.NoTransport, params
	}
	end := bytes.IndexByte(v, ';')
	if end < 0 {
		end = len(v)
	}
	if t, ok = sipwire.ParseTransport(v[:end]); !ok || string(v[:end]) != t.Param() {
		return sipwire.NoTransport, params
	}
	return t, v[end:]
}

// appendRouting appends the routing parameters of u, but for a transport that is in the flags.
func appendRouting(dst []byte, u sipwire.URI, t sipwire.Transport) []byte {
	for _, name := range routing {
		if v, ok := u.Param(name); ok && (name != "transport" || t == sipwire.NoTransport) {
			dst = append(append(append(append(dst, ';'), name...), '='), v...)
		}
	}
	return dst
}

// unpackFlow is the connection in a packed contact, 0 for none.
func unpackFlow(plain []byte) stream.ID {
	if plain[0]&flagFlow == 0 || len(plain) < 2+stream.IDLen {
		return 0
	}
	return stream.ReadID(plain[2:])
}

// unpack appends the contact URI that pack has packed, with what stood outside. ok is false for what
// pack does not make.
func unpack(dst, plain, outside []byte) (uri []byte, ok bool) {
	flags, b := plain[0], plain[2:]
	if flags&flagFlow != 0 {
		if len(b) < stream.IDLen {
			return dst, false
		}
		b = b[stream.IDLen:]
	}
	if dst = append(dst, "sip:"...); flags&flagSIPS != 0 {
		dst = append(dst[:len(dst)-4], "sips:"...)
	}
	var host []byte
	var addr netip.Addr
	switch n := len(b); {
	case flags&flagV4 != 0 && n >= 4:
		addr, b = netip.AddrFrom4([4]byte(b)), b[4:]
	case flags&flagV6 != 0 && n >= 16:
		addr, b = netip.AddrFrom16([16]byte(b)), b[16:]
	case flags&(flagV4|flagV6) != 0:
		return dst, false
	}
	port := uint16(0)
	if flags&flagPort != 0 {
		if len(b) < 2 {
			return dst, false
		}
		port, b = binary.BigEndian.Uint16(b), b[2:]
	}
	if !addr.IsValid() {
		if host, b, ok = bytes.Cut(b, []byte("@")); !ok {
			return dst, false
		}
	}
	user, rest, _ := bytes.Cut(b, []byte("@"))
	if len(user) > 0 {
		dst = append(append(dst, user...), '@')
	}
	dst = appendHost(dst, host, addr)
	if port != 0 {
		dst = strconv.AppendUint(append(dst, ':'), uint64(port), 10)
	}
	if t := flags >> shift & within; t != 0 {
		if t > byte(sipwire.SCTP) {
			return dst, false
		}
		dst = append(append(dst, ";transport="...), sipwire.Transport(t).Param()...)
	}
	return append(append(dst, rest...), outside...), true
}

func appendHost(dst, host []byte, addr netip.Addr) []byte {
	switch {
	case !addr.IsValid():
		return append(dst, host...)
	case addr.Is6():
		return append(addr.AppendTo(append(dst, '[')), ']')
	}
	return addr.AppendTo(dst)
}
