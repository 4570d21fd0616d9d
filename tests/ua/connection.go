package ua

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Connection is one connection of a phone, whoever has opened it.
type Connection struct {
	raw    net.Conn // below TLS
	conn   net.Conn // what messages are written to
	in     *bufio.Reader
	frames bool // WebSocket
	dialed bool // by the phone
	pongs  chan struct{}
	ponged chan []byte // the data of each WebSocket pong

	writing sync.Mutex
	once    sync.Once
	over    chan struct{}
	why     error // set once, before over is closed
}

func newConnection(conn net.Conn, dialed bool) *Connection {
	return &Connection{
		raw: conn, conn: conn, dialed: dialed,
		pongs: make(chan struct{}, 64), ponged: make(chan []byte, 64), over: make(chan struct{}),
	}
}

// Peer is the address of the other end.
func (c *Connection) Peer() netip.AddrPort { return plain(c.raw.RemoteAddr()) }

// Addr is the address of this end.
func (c *Connection) Addr() netip.AddrPort { return plain(c.raw.LocalAddr()) }

// Send writes raw, which need not be one whole message; over WebSocket it is one text frame.
func (c *Connection) Send(raw []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.isOver() {
		return net.ErrClosed
	}
	if c.frames {
		return c.writeFrame(raw)
	}
	_, err := c.conn.Write(raw)
	return err
}

// Ping asks the peer whether it is there (RFC 5626 §4.4.1), and waits for its answer.
func (c *Connection) Ping() error {
	if err := c.Send([]byte("\r\n\r\n")); err != nil {
		return err
	}
	select {
	case <-c.pongs:
		return nil
	case <-c.over:
		return fmt.Errorf("the connection ended before the ping was answered: %w", c.why)
	case <-time.After(patience):
		return fmt.Errorf("the ping was not answered within %v", patience)
	}
}

// Close ends the connection.
func (c *Connection) Close() { _ = c.raw.Close() }

// Reset ends the connection so that the peer hears of it as an error.
func (c *Connection) Reset() {
	if tcp, is := c.raw.(*net.TCPConn); is {
		_ = tcp.SetLinger(0)
	}
	_ = c.raw.Close()
}

// Over is closed when nothing can come any more.
func (c *Connection) Over() <-chan struct{} { return c.over }

// Why is why nothing can come any more: io.EOF when the peer has closed the connection between two messages. It is nil
// before.
func (c *Connection) Why() error {
	if c.isOver() {
		return c.why
	}
	return nil
}

func (c *Connection) isOver() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// finish notes why the reader has ended, and says whether that is an end like any: not in the middle of a message.
func (c *Connection) finish(why error) (usual bool) {
	c.once.Do(func() { c.why = why; close(c.over) })
	_ = c.raw.Close()
	return !errors.Is(why, errUnreadable)
}

// errUnreadable says that what came is wrong, and not only over.
var errUnreadable = errors.New("what came is no SIP message")

// read is the next message.
func (c *Connection) read() (Message, error) {
	if c.in == nil {
		c.in = bufio.NewReader(c.conn)
	}
	cut := c.readStream
	if c.frames {
		cut = c.readFrame
	}
	raw, err := cut()
	if err != nil {
		return Message{}, err
	}
	m, err := Parse(raw)
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w\n%q", errUnreadable, err, raw)
	}
	m.Source, m.On = c.Peer(), c
	return m, nil
}

// readStream cuts a message out of a stream (RFC 3261 §18.3).
func (c *Connection) readStream() ([]byte, error) {
	if err := c.passEmptyLines(); err != nil {
		return nil, err
	}
	var raw []byte
	length := -1
	for {
		line, err := c.in.ReadString('\n')
		raw = append(raw, line...)
		if err != nil {
			return nil, fmt.Errorf("%w, it ended in %q: %w", errUnreadable, raw, err)
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if strings.EqualFold(LongName(strings.TrimSpace(name)), "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 {
				return nil, fmt.Errorf("%w: its length is %q", errUnreadable, value)
			}
		}
		if line == "\r\n" {
			break
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("%w: it has no length\n%q", errUnreadable, raw)
	}
	body := make([]byte, length)
	if n, err := io.ReadFull(c.in, body); err != nil {
		return nil, fmt.Errorf("%w, of its body came %d of %d bytes: %w", errUnreadable, n, length, err)
	}
	return append(raw, body...), nil
}

// passEmptyLines reads what stands between messages: who has opened the connection sends two empty lines as a ping, and
// gets one (RFC 5626 §3.5.1).
func (c *Connection) passEmptyLines() error {
	for lines := 1; ; lines++ {
		two, err := c.in.Peek(2)
		if err != nil || string(two) != "\r\n" {
			if len(two) == 2 {
				return nil
			}
			return err
		}
		_, _ = c.in.Discard(2)
		if c.dialed {
			c.pong()
		} else if lines%2 == 0 {
			_ = c.Send([]byte("\r\n"))
		}
	}
}

func (c *Connection) pong() {
	select {
	case c.pongs <- struct{}{}:
	default: // nobody counts them
	}
}
