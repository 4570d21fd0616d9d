package location

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// A set of bindings is a string, in memory as in the file: some 300 bytes a binding, one thing for the garbage collector
// to look at. Each binding is
//
//	length of what follows, Expires (8 bytes), Updated, Q, CSeq, RegID, Flow, Received, Contact, CallID, Instance, Leg,
//	UserAgent, number of Path values, Path values
//
// with whole numbers as varints and strings behind their length. What is read from it is a piece of it and costs no copy.

// maxBinding bounds a binding in this form, in bytes.
const maxBinding = 4096

// The forms of Received: none, an address of 4 or 16 bytes with its port, and one with a zone behind.
const (
	noAddr   = 0
	addr4    = 4
	addr16   = 16
	zoneAddr = 17
)

func appendSet(dst []byte, bindings []Binding) ([]byte, error) {
	var one [maxBinding]byte
	for i := range bindings {
		form := appendBinding(one[:0], &bindings[i])
		if len(form) > maxBinding {
			return dst, fmt.Errorf("%w: a binding of %d bytes", ErrTooLong, len(form))
		}
		dst = binary.AppendUvarint(dst, uint64(len(form)))
		dst = append(dst, form...)
	}
	return dst, nil
}

func appendBinding(dst []byte, b *Binding) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.Expires.UnixMilli()))
	dst = binary.AppendUvarint(dst, uint64(b.Updated.UnixMilli()))
	dst = binary.AppendUvarint(dst, uint64(b.Q))
	dst = binary.AppendUvarint(dst, uint64(b.CSeq))
	dst = binary.AppendUvarint(dst, uint64(b.RegID))
	dst = binary.AppendUvarint(dst, b.Flow)
	dst = appendAddr(dst, b.Received)
	for _, s := range [...]string{b.Contact, b.CallID, b.Instance, b.Leg, b.UserAgent} {
		dst = appendString(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Path)))
	for _, s := range b.Path {
		dst = appendString(dst, s)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendAddr(dst []byte, a netip.AddrPort) []byte {
	switch ip := a.Addr(); {
	case !ip.IsValid():
		return append(dst, noAddr)
	case ip.Is4():
		b := ip.As4()
		dst = append(append(dst, addr4), b[:]...)
		return binary.BigEndian.AppendUint16(dst, a.Port())
	default:
		b, form := ip.As16(), byte(addr16)
		if ip.Zone() != "" {
			form = zoneAddr
		}
		dst = append(append(dst, form), b[:]...)
		dst = binary.BigEndian.AppendUint16(dst, a.Port())
		if form == zoneAddr {
			dst = appendString(dst, ip.Zone())
		}
		return dst
	}
}

// first cuts the first binding off a set. expires is in milliseconds. ok is false when the set is empty or damaged.
func first(set string) (form, rest string, expires int64, ok bool) {
	r := reader{rest: set}
	form = r.text()
	if r.bad || len(form) < 8 {
		return "", "", 0, false
	}
	var n uint64
	for i := range 8 {
		n = n<<8 | uint64(form[i])
	}
	return form[8:], r.rest, int64(n), true
}

// appendLive appends the bindings of a set that have not lapsed at now, in milliseconds. Path is kept in what into has
// there already. ok is false for a set that is damaged.
func appendLive(into []Binding, set string, now int64) (live []Binding, ok bool) {
	for set != "" {
		form, rest, expires, ok := first(set)
		if !ok {
			return into, false
		}
		set = rest
		if expires <= now {
			continue
		}
		n := len(into)
		if n < cap(into) {
			into = into[:n+1]
		} else {
			into = append(into, Binding{})
		}
		if !into[n].read(form, expires) {
			return into[:n], false
		}
	}
	return into, true
}

// lapsedOf is the rest of a set.
func lapsedOf(set string, now int64) (lapsed []Binding) {
	for set != "" {
		form, rest, expires, ok := first(set)
		if !ok {
			return lapsed
		}
		set = rest
		var b Binding
		if expires <= now && b.read(form, expires) {
			lapsed = append(lapsed, b)
		}
	}
	return lapsed
}

// extent is how many bindings a set has and when the first of them lapses.
func extent(set string) (n int, earliest int64) {
	for set != "" {
		_, rest, expires, ok := first(set)
		if !ok {
			break
		}
		if n == 0 || expires < earliest {
			earliest = expires
		}
		set = rest
		n++
	}
	return n, earliest
}

// read fills b from what stands behind Expires.
func (b *Binding) read(form string, expires int64) (ok bool) {
	r := reader{rest: form}
	b.Expires = time.UnixMilli(expires)
	b.Updated = time.UnixMilli(int64(r.number()))
	b.Q = uint16(r.number())
	b.CSeq = uint32(r.number())
	b.RegID = uint32(r.number())
	b.Flow = r.number()
	b.Received = r.addr()
	b.Contact = r.text()
	b.CallID = r.text()
	b.Instance = r.text()
	b.Leg = r.text()
	b.UserAgent = r.text()
	b.Path = b.Path[:0]
	for n := r.number(); n > 0 && !r.bad; n-- {
		b.Path = append(b.Path, r.text())
	}
	return !r.bad && r.rest == ""
}

// reader takes a binding apart. bad says that something was missing; what is read then is zero.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) number() (n uint64) {
	for i, shift := 0, 0; i < len(r.rest) && shift < 64; i, shift = i+1, shift+7 {
		c := r.rest[i]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

func (r *reader) text() string { return r.bytes(r.number()) }

func (r *reader) bytes(n uint64) (s string) {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	s, r.rest = r.rest[:n], r.rest[n:]
	return s
}

func (r *reader) addr() netip.AddrPort {
	form := r.bytes(1)
	if r.bad || form[0] == noAddr {
		return netip.AddrPort{}
	}
	var ip netip.Addr
	switch form[0] {
	case addr4:
		var b [4]byte
		copy(b[:], r.bytes(4))
		ip = netip.AddrFrom4(b)
	case addr16, zoneAddr:
		var b [16]byte
		copy(b[:], r.bytes(16))
		ip = netip.AddrFrom16(b)
	default:
		r.bad = true
	}
	var port [2]byte
	copy(port[:], r.bytes(2))
	if form[0] == zoneAddr {
		ip = ip.WithZone(r.text())
	}
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port[:]))
}
