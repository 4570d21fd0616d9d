package ua

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"
)

// NewOver opens a phone at listen on a transport: udp, tcp, tls, ws or wss. It takes connections there, and opens others
// to whom it sends. One on tls or wss needs a configuration, by which it is both server and client. The end of the test
// closes it.
func NewOver(t testing.TB, transport, listen string, secure ...*tls.Config) *Phone {
	t.Helper()
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		t.Fatalf("a phone's address is an IP address and a port: %v", err)
	}
	var w wire
	if transport == "udp" {
		w, err = openDatagrams(at)
	} else {
		w, err = openConnections(transport, security(t, transport, secure)).listen(at)
	}
	if err != nil {
		t.Fatalf("the phone has no socket: %v", err)
	}
	t.Cleanup(w.close)
	return &Phone{t: t, wire: w, transport: transport, host: w.addr().String()}
}

// NewBehindNAT opens a phone on UDP behind a NAT: to others it is at listen, itself it says another address.
func NewBehindNAT(t testing.TB, listen, private string) *Phone {
	t.Helper()
	p := NewOver(t, "udp", listen)
	p.wire, p.host = &translated{p.wire.(*datagrams), map[netip.AddrPort]bool{}}, private
	return p
}

// NewClient makes a phone that nobody can connect to, as one in a browser (RFC 7118 §5.1) or behind a firewall. Its Via
// and Contact name a host that does not exist: what is for it must come over the connection that it has opened.
func NewClient(t testing.TB, transport string, secure ...*tls.Config) *Phone {
	t.Helper()
	c := openConnections(transport, security(t, transport, secure))
	t.Cleanup(c.close)
	return &Phone{t: t, wire: c, transport: transport, host: token() + ".invalid"}
}

func security(t testing.TB, transport string, given []*tls.Config) *tls.Config {
	t.Helper()
	switch needed := transport == "tls" || transport == "wss"; {
	case !strings.Contains(" tcp tls ws wss ", " "+transport+" "):
		t.Fatalf("a phone is on udp, tcp, tls, ws or wss, not on %q", transport)
	case needed != (len(given) == 1):
		t.Fatalf("a phone on %s has %d TLS configurations", transport, len(given))
	case needed:
		return given[0]
	}
	return nil
}

// Dial opens a connection, whether or not there is one to that peer. What the phone sends there goes over it from now on.
func (p *Phone) Dial(to netip.AddrPort) *Connection {
	p.t.Helper()
	c, err := p.connections().dial(to)
	if err != nil {
		p.t.Fatalf("the phone at %s could not connect to %s: %v", p.host, to, err)
	}
	return c
}

// Connection is the newest open connection with that peer. None fails the test.
func (p *Phone) Connection(peer netip.AddrPort) *Connection {
	p.t.Helper()
	c := p.connections().with(peer)
	if c == nil {
		p.t.Fatalf("the phone at %s has no connection with %s", p.host, peer)
	}
	return c
}

// Connections are the open ones, in the order in which they were opened.
func (p *Phone) Connections() []*Connection {
	p.t.Helper()
	return p.connections().open()
}

func (p *Phone) connections() *connections {
	p.t.Helper()
	c, is := p.wire.(*connections)
	if !is {
		p.t.Fatalf("the phone at %s is on UDP and has no connections", p.host)
	}
	return c
}
