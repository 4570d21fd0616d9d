package location

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"time"
)

// What is kept of an address of record, in a file or in etcd, is its set of bindings behind its form (a byte) and its CRC-32C. In
// the set they stand one behind the other, each of them as
//
//	Expires, Updated, Q, CSeq, RegID, Flow, Received, Contact, CallID, Instance, Leg, Node, UserAgent, number of Path values, Path values
//
// with whole numbers as varints and texts behind their lengths. Form 1 had no Node, and stood without its number.
const (
	formOne = 1
	formNow = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealLen = 1 + crc32.Size

func sealValue(bindings []Binding) []byte {
	dst := appendSet(append(make([]byte, 0, 512), formNow, 0, 0, 0, 0), bindings)
	binary.BigEndian.PutUint32(dst[1:], crc32.Checksum(dst[sealLen:], castagnoli))
	return dst
}

// openValue reads what sealValue has written. ok is false for anything else, so for a form that is not known yet.
func openValue(value []byte) (bindings []Binding, ok bool) {
	if len(value) < sealLen || value[0] != formNow {
		return nil, false
	}
	return openSet(value[1:], formNow)
}

// openSet reads a set behind its CRC.
func openSet(value []byte, form int) (bindings []Binding, ok bool) {
	if len(value) < crc32.Size || binary.BigEndian.Uint32(value) != crc32.Checksum(value[crc32.Size:], castagnoli) {
		return nil, false
	}
	return parseSet(value[crc32.Size:], form)
}

// The forms of Received: none, an address of 4 or 16 bytes with its port, and one with a zone behind.
const (
	noAddr   = 0
	addr4    = 4
	addr16   = 16
	zoneAddr = 17
)

func appendSet(dst []byte, bindings []Binding) []byte {
	for i := range bindings {
		dst = bindings[i].append(dst)
	}
	return dst
}

func (b *Binding) append(dst []byte) []byte {
	dst = binary.AppendVarint(dst, b.Expires.UnixMilli())
	dst = binary.AppendVarint(dst, b.Updated.UnixMilli())
	for _, n := range [...]uint64{uint64(b.Q), uint64(b.CSeq), uint64(b.RegID), b.Flow} {
		dst = binary.AppendUvarint(dst, n)
	}
	dst = appendAddr(dst, b.Received)
	for _, s := range [...]string{b.Contact, b.CallID, b.Instance, b.Leg, b.Node, b.UserAgent} {
		dst = appendText(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Path)))
	for _, s := range b.Path {
		dst = appendText(dst, s)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
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
			dst = appendText(dst, ip.Zone())
		}
		return dst
	}
}

// parseSet reads what appendSet has written. ok is false for anything else.
func parseSet(set []byte, form int) (bindings []Binding, ok bool) {
	r := reader{rest: set, form: form}
	for len(r.rest) > 0 {
		bindings = append(bindings, r.binding())
	}
	if r.bad {
		return nil, false
	}
	return bindings, true
}

// reader takes a set apart. bad says that something was missing or makes no sense; nothing is left to be read then.
type reader struct {
	rest []byte
	form int
	bad  bool
}

func (r *reader) binding() (b Binding) {
	b.Expires = r.time()
	b.Updated = r.time()
	b.Q = uint16(r.number(1<<16 - 1))
	b.CSeq = uint32(r.number(1<<32 - 1))
	b.RegID = uint32(r.number(1<<32 - 1))
	b.Flow = r.number(1<<64 - 1)
	b.Received = r.addr()
	for _, s := range [...]*string{&b.Contact, &b.CallID, &b.Instance, &b.Leg, &b.Node, &b.UserAgent} {
		if s != &b.Node || r.form > formOne {
			*s = r.text()
		}
	}
	for n := r.number(maxBinding); n > 0 && !r.bad; n-- {
		b.Path = append(b.Path, r.text())
	}
	return b
}

func (r *reader) spoil() {
	r.bad, r.rest = true, nil
}

func (r *reader) time() time.Time {
	ms, n := binary.Varint(r.rest)
	if n <= 0 {
		r.spoil()
		return time.Time{}
	}
	r.rest = r.rest[n:]
	return time.UnixMilli(ms)
}

func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > most {
		r.spoil()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() string { return string(r.bytes(r.number(maxBinding))) }

func (r *reader) bytes(n uint64) (b []byte) {
	if n > uint64(len(r.rest)) {
		r.spoil()
		return nil
	}
	b, r.rest = r.rest[:n], r.rest[n:]
	return b
}

func (r *reader) addr() netip.AddrPort {
	form := r.number(zoneAddr)
	var ip netip.Addr
	switch form {
	case noAddr:
		return netip.AddrPort{}
	case addr4:
		ip, _ = netip.AddrFromSlice(r.bytes(4))
	case addr16, zoneAddr:
		ip, _ = netip.AddrFromSlice(r.bytes(16))
	}
	port := r.bytes(2)
	if form == zoneAddr {
		ip = ip.WithZone(r.text())
	}
	if !ip.IsValid() || len(port) != 2 {
		r.spoil()
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port))
}
