package ua

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// connections is what a phone on a stream transport has in place of a socket.
type connections struct {
	transport string
	secure    *tls.Config // tls and wss
	listener  net.Listener
	came      chan *arrival // of all connections, in the order of each
	closing   chan struct{}
	running   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	all   []*Connection
	ready map[*Connection]bool // messages may be sent
	end   bool
}

// arrival is what came over a connection: a message, or why it is none.
type arrival struct {
	Message
	err error
}

func openConnections(transport string, secure *tls.Config) *connections {
	return &connections{
		transport: transport, secure: secure,
		came: make(chan *arrival, 1<<10), closing: make(chan struct{}), ready: map[*Connection]bool{},
	}
}

// listen takes connections at an address, too.
func (c *connections) listen(at netip.AddrPort) (*connections, error) {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, err
	}
	c.listener = l
	c.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.running.Go(func() {
				if s, err := c.greet(conn); err == nil {
					c.carry(s)
				}
			})
		}
	})
	return c, nil
}

func (c *connections) addr() netip.AddrPort {
	if c.listener != nil {
		return plain(c.listener.Addr())
	}
	if all := c.open(); len(all) > 0 {
		return plain(all[len(all)-1].conn.LocalAddr())
	}
	return netip.AddrPort{}
}

func (c *connections) send(raw []byte, to netip.AddrPort) error {
	if on := c.with(to); on != nil && on.Send(raw) == nil {
		return nil
	}
	on, err := c.dial(to)
	if err != nil {
		return err
	}
	return on.Send(raw)
}

// with is the newest open connection with a peer; nil when there is none.
func (c *connections) with(peer netip.AddrPort) *Connection {
	for _, s := range slices.Backward(c.open()) {
		if s.Peer() == peer {
			return s
		}
	}
	return nil
}

func (c *connections) open() (all []*Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.all {
		if c.ready[s] && !s.isOver() {
			all = append(all, s)
		}
	}
	return all
}

// dial opens a connection from the phone's own address.
func (c *connections) dial(to netip.AddrPort) (*Connection, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var from net.Dialer
	if c.listener != nil {
		from.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.addr().Addr(), 0))
	}
	conn, err := from.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	s, err := c.introduce(ctx, conn, to)
	if err != nil {
		return nil, err
	}
	c.running.Go(func() { c.carry(s) })
	return s, nil
}

// greet is the server's part of what precedes the first message.
func (c *connections) greet(conn net.Conn) (*Connection, error) {
	s := newConnection(conn, false)
	if err := c.keep(s); err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	var err error
	if c.secure != nil {
		server := tls.Server(conn, c.secure)
		s.conn, err = server, server.Handshake()
	}
	if err == nil && (c.transport == "ws" || c.transport == "wss") {
		err = s.takeWebSocket()
	}
	if err != nil {
		s.finish(err)
		return nil, err
	}
	return c.settle(s)
}

// introduce is the client's part of it.
func (c *connections) introduce(ctx context.Context, conn net.Conn, to netip.AddrPort) (*Connection, error) {
	s := newConnection(conn, true)
	if err := c.keep(s); err != nil {
		return nil, err
	}
	var err error
	_ = conn.SetDeadline(time.Now().Add(patience))
	if c.secure != nil {
		config := c.secure.Clone()
		if config.ServerName == "" {
			config.ServerName = to.Addr().String()
		}
		client := tls.Client(conn, config)
		s.conn, err = client, client.HandshakeContext(ctx)
	}
	if err == nil && (c.transport == "ws" || c.transport == "wss") {
		err = s.askWebSocket(to)
	}
	if err != nil {
		s.finish(err)
		return nil, fmt.Errorf("%s: %w", c.transport, err)
	}
	return c.settle(s)
}

// settle says that a connection is ready.
func (c *connections) settle(s *Connection) (*Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready[s] = true
	return s, s.conn.SetDeadline(time.Time{})
}

// keep remembers a connection, so that the end of the phone closes it.
func (c *connections) keep(s *Connection) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end {
		_ = s.conn.Close()
		return net.ErrClosed
	}
	c.all = append(c.all, s)
	return nil
}

// carry reads a connection to its end.
func (c *connections) carry(s *Connection) {
	for {
		m, err := s.read()
		a := &arrival{m, err}
		over := err != nil
		if over && s.finish(err) {
			return // an end between two messages is no message
		}
		select {
		case c.came <- a:
		case <-c.closing:
			return
		}
		if over {
			return
		}
	}
}

func (c *connections) next(within time.Duration) (Message, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case a := <-c.came:
		return a.Message, a.err
	case <-timer.C:
		return Message{}, errNothing
	}
}

// close is idempotent.
func (c *connections) close() {
	c.mu.Lock()
	all, before := c.all, c.end
	c.end = true
	c.mu.Unlock()
	if !before {
		close(c.closing)
	}
	if c.listener != nil {
		_ = c.listener.Close()
	}
	for _, s := range all {
		s.Close()
	}
	c.running.Wait()
}
