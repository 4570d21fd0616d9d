package ua

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// subprotocol is the one of SIP (RFC 7118 §4.1).
const subprotocol = "sip"

// askWebSocket makes a WebSocket of the connection, as its client.
func (c *Connection) askWebSocket(to netip.AddrPort) error {
	d := ws.Dialer{Protocols: []string{subprotocol}}
	c.frames = true
	early, agreed, err := d.Upgrade(c.conn, &url.URL{Scheme: "ws", Host: to.String(), Path: "/"})
	if err != nil {
		return err
	}
	if agreed.Protocol != subprotocol {
		return fmt.Errorf("the server agreed to %q, not to SIP", agreed.Protocol)
	}
	c.in = early // nil unless something came right behind the answer
	return nil
}

// takeWebSocket makes a WebSocket of the connection, as its server.
func (c *Connection) takeWebSocket() error {
	u := ws.Upgrader{Protocol: func(b []byte) bool { return string(b) == subprotocol }}
	c.frames = true
	_, err := u.Upgrade(c.conn)
	return err
}

func (c *Connection) side() ws.State {
	if c.dialed {
		return ws.StateClientSide
	}
	return ws.StateServerSide
}

// writeFrame needs writing.
func (c *Connection) writeFrame(raw []byte) error {
	return wsutil.WriteMessage(c.conn, c.side(), ws.OpText, slices.Clone(raw)) // masking is done in place
}

// SendBinary sends raw as one binary frame, which WebSocket alone has.
func (c *Connection) SendBinary(raw []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return wsutil.WriteMessage(c.conn, c.side(), ws.OpBinary, slices.Clone(raw))
}

// PingFrame sends a WebSocket ping with that data, and waits for the pong, which has it too (RFC 6455 §5.5.2).
func (c *Connection) PingFrame(data string) error {
	c.writing.Lock()
	err := wsutil.WriteMessage(c.conn, c.side(), ws.OpPing, []byte(data))
	c.writing.Unlock()
	if err != nil {
		return err
	}
	for deadline := time.After(patience); ; {
		select {
		case got := <-c.ponged:
			if string(got) == data {
				return nil
			}
		case <-c.over:
			return fmt.Errorf("the connection ended before the ping was answered: %w", c.why)
		case <-deadline:
			return fmt.Errorf("the ping was not answered within %v", patience)
		}
	}
}

// readFrame is the next message; pings are answered, and so is a close.
func (c *Connection) readFrame() ([]byte, error) {
	r := wsutil.Reader{Source: c.in, State: c.side(), CheckUTF8: false, OnIntermediate: c.control}
	for {
		head, err := r.NextFrame()
		if err != nil {
			return nil, err
		}
		if head.OpCode.IsControl() {
			if err := c.control(head, &r); err != nil {
				return nil, err
			}
			continue
		}
		raw, err := io.ReadAll(&r)
		if err != nil {
			return nil, fmt.Errorf("%w, it ended in %q: %w", errUnreadable, raw, err)
		}
		switch string(raw) {
		case "\r\n":
			c.pong()
		case "\r\n\r\n":
			_ = c.Send([]byte("\r\n"))
		default:
			return raw, nil
		}
	}
}

// control handles a control frame.
func (c *Connection) control(head ws.Header, from io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(from, head.Length))
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	switch head.OpCode {
	case ws.OpPing:
		return wsutil.WriteMessage(c.conn, c.side(), ws.OpPong, data)
	case ws.OpPong:
		select {
		case c.ponged <- data:
		default: // nobody counts them
		}
	case ws.OpClose:
		_ = wsutil.WriteMessage(c.conn, c.side(), ws.OpClose, data)
		return errors.Join(io.EOF, closed(data))
	}
	return nil
}

// closed is what a peer says when it closes.
func closed(data []byte) error {
	code, reason := ws.ParseCloseFrameData(data)
	return fmt.Errorf("closed with %d %q", code, reason)
}
