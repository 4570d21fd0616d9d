package message

import (
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/actorsip/actorsip/sipwire"
)

// Leg is what every room knows of a leg. It is made once, when the leg's sockets are bound, and never changes.
type Leg struct {
	Index     int // its place in Legs
	Name      string
	Transport sipwire.Transport
	Addr      netip.AddrPort // where it is bound
	Host      string         // what it calls itself in Via, Record-Route and Contact; IPv6 in brackets
	Port      uint16
	HostPort  string       // Host:Port
	Addrs     []netip.Addr // of a leg that listens on all addresses: those of this machine; set once, before any packet
	ID        uint8        // hash of the name: a hint in tokens and branches which leg is meant; the MAC has the last word

	Relays  bool // media of calls that cross this leg is relayed; set once, before any packet
	Hairpin bool // of calls that leave by the leg they came by, too; set once

	host netip.Addr // Host, when that is an address: IPv6 has many spellings
}

// NewLeg makes a leg that is bound at addr and calls itself host:port; an empty host is the bound address, port 0
// the bound port.
func NewLeg(name string, transport sipwire.Transport, addr netip.AddrPort, host string, port uint16) *Leg {
	if host == "" {
		host = addr.Addr().String()
		if addr.Addr().Is6() {
			host = "[" + host + "]"
		}
	}
	if port == 0 {
		port = addr.Port()
	}
	var id uint8
	for i := range len(name) { // FNV-1a folded to a byte: stable over restarts, nodes and the order of legs
		id = (id ^ name[i]) * 0x3d
	}
	literal, _ := sipwire.ParseAddr([]byte(host))
	return &Leg{
		Name: name, Transport: transport, Addr: addr, Host: host, Port: port, ID: id,
		HostPort: host + ":" + strconv.Itoa(int(port)), host: literal,
	}
}

// Legs are all legs of this proxy, in the order of the configuration.
type Legs struct {
	All []*Leg

	others atomic.Pointer[[]Other]
}

// Other is a leg of another node of the cluster: what is addressed to it is ours as well.
type Other struct {
	Leg       *Leg // of the same name here
	Transport sipwire.Transport
	Host      string // as it calls itself
	Port      uint16
	Addr      netip.Addr // Host, when that is an address
}

// SetOthers says which legs the other nodes have. From any goroutine.
func (l *Legs) SetOthers(all []Other) { l.others.Store(&all) }

// other is the leg here that has the name of the one that another node has there; nil when none has.
func (l *Legs) other(host []byte, port uint16, t sipwire.Transport) (found *Leg) {
	others := l.others.Load()
	if others == nil {
		return nil
	}
	addr, literal := sipwire.ParseAddr(host)
	for i := range *others {
		o := &(*others)[i]
		p := port
		if p == 0 {
			p = o.Transport.DefaultPort()
		}
		if p != o.Port || !(literal && addr == o.Addr || !literal && sipwire.EqualFold(host, o.Host)) {
			continue
		}
		if found = o.Leg; o.Leg.carries(t) {
			return found
		}
	}
	return found
}

// NewLegs numbers the legs.
func NewLegs(all []*Leg) *Legs {
	for i, l := range all {
		l.Index = i
	}
	return &Legs{All: all}
}

// Own is the leg that a URI's or Via's host and port name; nil when they name none of ours. Port 0 stands for the
// default of the leg's transport. Where several legs share a host and port, it is the one of that transport, else the
// first.
func (l *Legs) Own(host []byte, port uint16, t sipwire.Transport) (own *Leg) {
	var addr netip.Addr
	literal, tried := false, false
	for _, leg := range l.All {
		if own != nil && !leg.carries(t) {
			continue
		}
		p := port
		if p == 0 {
			p = leg.Transport.DefaultPort()
		}
		named := p == leg.Port && sipwire.EqualFold(host, leg.Host)
		if !named && (p == leg.Addr.Port() || p == leg.Port) {
			if !tried {
				addr, literal = sipwire.ParseAddr(host)
				tried = true
			}
			named = literal && (p == leg.Addr.Port() && leg.listensAt(addr) || p == leg.Port && addr == leg.host)
		}
		if !named {
			continue
		}
		if own = leg; leg.carries(t) {
			return leg
		}
	}
	if own == nil {
		return l.other(host, port, t)
	}
	return own
}

// carries tells whether a URI or Via that names t means a leg like this one. A URI that names none means UDP.
func (l *Leg) carries(t sipwire.Transport) bool {
	switch t {
	case sipwire.NoTransport:
		return l.Transport == sipwire.UDP
	case sipwire.WS:
		return l.Transport == sipwire.WS || l.Transport == sipwire.WSS
	}
	return l.Transport == t
}

// listensAt tells whether datagrams to an address reach the leg.
func (l *Leg) listensAt(addr netip.Addr) bool {
	if !l.Addr.Addr().IsUnspecified() {
		return addr == l.Addr.Addr()
	}
	return addr.Is4() == l.Addr.Addr().Is4() && (addr.IsLoopback() || addr.IsUnspecified() || slices.Contains(l.Addrs, addr))
}

// Twin is, of a TCP leg, the leg for datagrams at the same place: what is too large for the one goes by the other, and the next
// hop cannot tell whose Via it is. The other way round, it is the TCP leg of one for datagrams; nil when there is none.
func (l *Legs) Twin(of *Leg) *Leg {
	want := sipwire.UDP
	switch of.Transport {
	case sipwire.UDP:
		want = sipwire.TCP
	case sipwire.TCP:
	default:
		return nil
	}
	for _, leg := range l.All {
		if leg.Transport == want && leg.Addr == of.Addr && leg.HostPort == of.HostPort {
			return leg
		}
	}
	return nil
}

// Named is the leg of that name, nil when there is none.
func (l *Legs) Named(name string) *Leg {
	for _, leg := range l.All {
		if leg.Name == name {
			return leg
		}
	}
	return nil
}
