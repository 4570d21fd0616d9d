package stream

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

// WebSocket is what a leg demands of those who open a WebSocket to it.
type WebSocket struct {
	Path    string   // of the URL, its query apart; empty: any
	Origins []string // of the pages that may, like https://example.com, in any case of letters; empty: all
}

var (
	errNotOurProtocol = errors.New("the WebSocket subprotocol is not sip")
	errNotOurPath     = errors.New("no SIP over WebSocket at this path")
	errNotOurOrigin   = errors.New("pages of this origin may not connect")
	errLongHandshake  = errors.New("the WebSocket handshake is too long")
)

// subprotocol is that of SIP (RFC 7118 §4).
const subprotocol = "sip"

// maxHandshake bounds a handshake, which has the cookies of a browser in it, in bytes.
const maxHandshake = 16 << 10

// upgrade answers a client's handshake (RFC 6455 §4.2). One that is refused gets the HTTP status for it, after it was read to its end: a
// connection that is closed over unread bytes takes the answer with it. Without an Origin the client is no browser, and could write there
// what it likes: it is let in (RFC 6455 §10.2).
func upgrade(c net.Conn, w WebSocket) error {
	var path, origin, spoken bool
	origin = true
	u := ws.Upgrader{
		OnRequest: func(uri []byte) error {
			u, err := url.ParseRequestURI(string(uri))
			path = w.Path == "" || err == nil && u.Path == w.Path
			return nil
		},
		OnHeader: func(key, value []byte) error {
			if strings.EqualFold(string(key), "Origin") {
				origin = origin && w.allows(string(value))
			}
			return nil
		},
		Protocol: func(name []byte) bool {
			spoken = spoken || strings.EqualFold(string(name), subprotocol)
			return spoken
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			switch {
			case !path:
				return nil, refuse(http.StatusNotFound, errNotOurPath)
			case !origin:
				return nil, refuse(http.StatusForbidden, errNotOurOrigin)
			case !spoken:
				return nil, refuse(http.StatusBadRequest, errNotOurProtocol)
			}
			return nil, nil
		},
	}
	_, err := u.Upgrade(newHandshake(c))
	return err
}

func (w WebSocket) allows(origin string) bool {
	return len(w.Origins) == 0 || slices.ContainsFunc(w.Origins, func(o string) bool { return strings.EqualFold(o, origin) })
}

func refuse(status int, why error) error {
	return ws.RejectConnectionError(ws.RejectionStatus(status), ws.RejectionReason(why.Error()))
}

// connectWebSocket is a client's handshake (RFC 6455 §4.1) over a connection to host, a host and port as in a URL. path may have a
// query; an empty one is "/". The server has to choose the subprotocol.
func connectWebSocket(c net.Conn, host, path string) error {
	if path == "" {
		path = "/"
	}
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return fmt.Errorf("no path of a WebSocket: %w", err)
	}
	d := ws.Dialer{Protocols: []string{subprotocol}, Host: host}
	_, shaken, err := d.Upgrade(newHandshake(c), u)
	switch {
	case err != nil:
		return fmt.Errorf("the WebSocket handshake failed: %w", err)
	case shaken.Protocol != subprotocol:
		return errNotOurProtocol
	}
	return nil
}

// handshake lends a connection for a handshake. It reads nothing behind the handshake's empty line: that would be the first frame, for
// which the other side need not wait once it has answered. So it reads no further than the empty line could be away.
type handshake struct {
	net.Conn
	left  int  // how many bytes it may still have
	empty bool // the line that is being read holds nothing yet, but perhaps CR
}

func newHandshake(c net.Conn) *handshake { return &handshake{Conn: c, left: maxHandshake, empty: true} }

// Read reads one byte where that could end the empty line, two where two line feeds could.
func (h *handshake) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, errLongHandshake
	}
	n := 2
	if h.empty {
		n = 1
	}
	n, err := h.Conn.Read(p[:min(n, len(p))])
	h.left -= n
	for _, c := range p[:n] {
		h.empty = c == '\n' || h.empty && c == '\r'
	}
	return n, err
}
