package leg

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"net/netip"

	"github.com/actorsip/actorsip/keyring"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
)

// A pinhole token is what a flow token is for who has no connection: the user part of a Record-Route of ours that names the NAT's address
// from which he has sent datagrams, and the node whom he has sent them to (RFC 5626 §5.2).
//
//	letter base32( key 1 ‖ MAC 8 ‖ encrypted: node 2 ‖ port 2 ‖ address 4 or 16 )
//
// The MAC covers all of it and the leg's name, so nobody can have a request sent to an address of his choice. It is encrypted as a
// Contact is, with the MAC as the beginning: on the other side nobody learns who is behind us.
const (
	pinholeLetter = 'z'
	pinholeHead   = 1 + macLen
	pinhole4      = 2 + 2 + 4
	pinhole6      = 2 + 2 + 16
)

func pinholeTokenLen(n int) int { return 1 + ((pinholeHead+n)*8+4)/5 }

// pinhole is how requests of a dialog reach who sends p, when he is behind a NAT and his Contact means nothing on this side of it. One behind
// another proxy is reached by that. A Contact that means something is where he wants to be reached, wherever he sends from.
func (l *leg) pinhole(p *message.Packet) (none message.Pinhole) {
	if p.Ingress.Transport.IsStream() || p.IsDirect() {
		return none
	}
	if _, further := p.ViaBelow(p.Via); further {
		return none
	}
	c, ok := p.FirstContact()
	if !ok || c.Star {
		return none
	}
	u, ok := sipwire.ParseURI(p.Bytes(c.URI))
	if !ok || u.Scheme != sipwire.SIP {
		return none
	}
	if addr, literal := sipwire.ParseAddr(u.Host); !literal || !message.IsPrivate(addr) || addr == p.Source.Addr() || !p.IsTranslated(u) {
		return none
	}
	return message.Pinhole{Addr: p.Reply.Addr, Node: l.Node}
}

// appendPinholeToken appends the token of a pinhole of a leg.
func (l *leg) appendPinholeToken(dst []byte, of *message.Leg, h message.Pinhole) []byte {
	key := l.Keys.Load().Newest(keyring.Register)
	var room [pinholeHead + pinhole6]byte
	b := append(room[:pinholeHead], byte(h.Node>>8), byte(h.Node))
	b = binary.BigEndian.AppendUint16(b, h.Addr.Port())
	if a := h.Addr.Addr().Unmap(); a.Is4() {
		a4 := a.As4()
		b = append(b, a4[:]...)
	} else {
		a16 := a.As16()
		b = append(b, a16[:]...)
	}
	b[0] = version | key.ID
	copy(b[1:], l.pinholeMAC(key, of, b[0], b[pinholeHead:]))
	l.hide(key, b[pinholeHead:], b[1:pinholeHead])
	return keyring.Encoding.AppendEncode(append(dst, pinholeLetter), b)
}

// openPinholeToken is the pinhole that a token names; none when it is none of ours for that leg.
func (l *leg) openPinholeToken(token []byte, of *message.Leg) (h message.Pinhole) {
	var n int
	switch len(token) {
	case pinholeTokenLen(pinhole4):
		n = pinhole4
	case pinholeTokenLen(pinhole6):
		n = pinhole6
	default:
		return h
	}
	if token[0]|0x20 != pinholeLetter {
		return h
	}
	var b [pinholeHead + pinhole6 + 1]byte
	if got, ok := keyring.Decode(b[:], token[1:]); !ok || got != pinholeHead+n || b[0]&^keyMask != version {
		return h
	}
	key := l.Keys.Load().ByID(b[0] & keyMask)
	if key == nil {
		return h
	}
	mac, plain := b[1:pinholeHead], b[pinholeHead:pinholeHead+n]
	l.hide(key, plain, mac)
	if subtle.ConstantTimeCompare(l.pinholeMAC(key, of, b[0], plain), mac) != 1 {
		return h
	}
	addr, _ := netip.AddrFromSlice(plain[4:])
	return message.Pinhole{Addr: netip.AddrPortFrom(addr, binary.BigEndian.Uint16(plain[2:])), Node: binary.BigEndian.Uint16(plain)}
}

// pinholeMAC is valid until the next MAC of a pinhole.
func (l *leg) pinholeMAC(key *keyring.Key, of *message.Leg, head byte, plain []byte) []byte {
	l.input = field(append(append(l.input[:0], head), plain...), of.Name)
	return l.pinholes.Sum(key, l.input)[:macLen]
}

// hide encrypts what is plain, and decrypts it again. The blocks are none of a Contact's, whose count ends before the letter.
func (l *leg) hide(key *keyring.Key, text, mac []byte) {
	l.iv = [aes.BlockSize]byte{aes.BlockSize - 1: pinholeLetter}
	copy(l.iv[:], mac)
	for ; len(text) > 0; l.iv[aes.BlockSize-2]++ {
		key.Block().Encrypt(l.pad[:], l.iv[:])
		text = text[subtle.XORBytes(text, text, l.pad[:]):]
	}
}
