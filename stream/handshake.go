package stream

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"time"
)

// handshake makes a connection ready for SIP: TLS, then WebSocket.
func (c *Conn) handshake() error {
	e := c.endpoint
	if l := e.cfg.Limits.Handshake; l > 0 {
		_ = c.wire.SetDeadline(time.Now().Add(l))
	}
	if e.cfg.Transport.IsSecure() {
		if err := c.overTLS().Handshake(); err != nil {
			return fmt.Errorf("TLS with %s: %w", c.peer.addr, err)
		}
	}
	if !e.cfg.Transport.IsWebSocket() {
		return nil
	}
	err := error(nil)
	if c.dialed {
		err = connectWebSocket(c.stream(), c.authority(), e.cfg.WebSocket.Path)
	} else {
		err = upgrade(c.stream(), e.cfg.WebSocket)
	}
	if err != nil {
		return fmt.Errorf("WebSocket with %s: %w", c.peer.addr, err)
	}
	return nil
}

func (c *Conn) overTLS() *tls.Conn {
	var t *tls.Conn
	if c.dialed {
		t = tls.Client(&c.wire, c.endpoint.cfg.TLS.client(c.host()))
	} else {
		t = tls.Server(&c.wire, c.endpoint.cfg.TLS.server())
	}
	c.mu.Lock() // Close looks at it
	defer c.mu.Unlock()
	c.tls = t
	return t
}

// host is whom the peer must prove to be: who was asked for, or whoever has the address.
func (c *Conn) host() string {
	if c.peer.name != "" {
		return c.peer.name
	}
	return c.peer.addr.Addr().String()
}

// authority is the peer in a URL.
func (c *Conn) authority() string {
	return net.JoinHostPort(plainName(c.host()), strconv.Itoa(int(c.peer.addr.Port())))
}

// abandon ends a connection that has come to no agreement. The peer is told why, as far as TLS and HTTP can.
func (c *Conn) abandon(err error) {
	c.endpoint.log.Debug("a handshake has failed", "peer", c.peer.addr, "error", err)
	c.part()
	c.Close(HandshakeFailed)
	c.linger(HandshakeFailed)
}
