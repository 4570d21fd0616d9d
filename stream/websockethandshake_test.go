package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// loopback is both ends of a connection over 127.0.0.1.
func loopback(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{client, server} {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		t.Cleanup(func() { c.Close() })
	}
	return client, server
}

// echo sends back each message that a decoder hears, as the proxy's side would, and tells why it has ended.
func echo(c net.Conn, server bool) <-chan End {
	ended := make(chan End, 1)
	go func() {
		d := newWebSocket(server, testMax)
		for {
			b := newBatch()
			n, err := c.Read(b.buffer())
			if err != nil {
				ended <- Broken
				return
			}
			reply, end, ok := d.decode(b.buffer()[:n], b)
			for m, more := b.Next(); more; m, more = b.Next() {
				_, _ = c.Write(appendFrame(nil, m.Bytes, server))
			}
			_, _ = c.Write(reply)
			b.Release()
			if !ok {
				ended <- end
				return
			}
		}
	}()
	return ended
}

// A client of the library, which knows nothing of our codec, talks to our side in all the ways there are.
func TestAForeignClientTalksToUs(t *testing.T) {
	client, server := loopback(t)
	shaken := make(chan error, 1)
	go func() { shaken <- upgrade(server, WebSocket{}) }()
	br, hs, err := ws.Dialer{Protocols: []string{"xmpp", "sip"}}.Upgrade(client, &url.URL{Scheme: "ws", Host: "example.com", Path: "/any"})
	if err != nil || br != nil || hs.Protocol != "sip" {
		t.Fatalf("error %v, protocol %q", err, hs.Protocol)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	ended := echo(server, true)
	for i := 1; i <= len(good); i += 17 { // in fragments of i bytes, a ping before each
		for at := 0; at < len(good); at += i {
			op := ws.OpContinuation
			if at == 0 {
				op = ws.OpText
			}
			rest := good[at:min(len(good), at+i)]
			write(t, client, ws.NewPingFrame([]byte{byte(at)}))
			write(t, client, ws.NewFrame(op, at+i >= len(good), []byte(rest)))
		}
		if got, op, err := wsutil.ReadServerData(client); err != nil || op != ws.OpText || string(got) != good {
			t.Fatalf("in fragments of %d: %q, error %v", i, got, err)
		}
	}
	if err := wsutil.WriteClientBinary(client, []byte("\xff")); err != nil {
		t.Fatal(err)
	}
	if got, op, err := wsutil.ReadServerData(client); err != nil || op != ws.OpBinary || string(got) != "\xff" {
		t.Errorf("%q, error %v", got, err)
	}
	write(t, client, ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	var closed wsutil.ClosedError
	if _, _, err := wsutil.ReadServerData(client); !errors.As(err, &closed) || closed.Code != ws.StatusNormalClosure {
		t.Errorf("behind our close came %v", err)
	}
	if end := <-ended; end != PeerClosed {
		t.Errorf("it ended %q", end)
	}
}

func write(t *testing.T, c net.Conn, f ws.Frame) {
	t.Helper()
	if err := ws.WriteFrame(c, ws.MaskFrame(f)); err != nil {
		t.Fatal(err)
	}
}

// A server of the library sends its first frame together with the end of the handshake: nothing of it is lost.
func TestWeTalkToAForeignServer(t *testing.T) {
	client, server := loopback(t)
	path := make(chan string, 1)
	first := ws.MustCompileFrame(ws.NewTextFrame([]byte(good)))
	go func() {
		u := ws.Upgrader{
			OnRequest: func(uri []byte) error { path <- string(uri); return nil },
			Protocol:  func(p []byte) bool { return string(p) == "sip" },
		}
		_, _ = u.Upgrade(&late{Conn: server, behind: first})
	}()
	if err := connectWebSocket(client, "example.com:8080", "/sip?a=b"); err != nil {
		t.Fatal(err)
	}
	if got := <-path; got != "/sip?a=b" {
		t.Errorf("it asked for %q", got)
	}
	echo(client, false)
	if got, err := wsutil.ReadClientText(server); err != nil || string(got) != good {
		t.Fatalf("%q, error %v", got, err)
	}
	if err := wsutil.WriteServerMessage(server, ws.OpPing, []byte("?")); err != nil {
		t.Fatal(err)
	}
	if f := readFrame(t, server); f.Header.OpCode != ws.OpPong || !f.Header.Masked || string(f.Payload) != "?" {
		t.Errorf("%+v", f)
	}
}

// late writes more behind the first write, in the same one.
type late struct {
	net.Conn
	behind []byte
}

func (l *late) Write(p []byte) (int, error) {
	_, err := l.Conn.Write(append(p[:len(p):len(p)], l.behind...))
	l.behind = nil
	return len(p), err
}

func TestHandshakesThatAreRefused(t *testing.T) {
	demand := WebSocket{Path: "/sip", Origins: []string{"https://example.com", "https://b.example.com"}}
	for _, c := range []struct {
		name         string
		demand       WebSocket
		line, header string
		status       int
		err          error
	}{
		{"nothing demanded", WebSocket{}, "GET / HTTP/1.1", "", 101, nil},
		{"nothing demanded, any path", WebSocket{}, "GET /a/b?c HTTP/1.1", "Origin: null\r\n", 101, nil},
		{"the path and the origin", demand, "GET /sip HTTP/1.1", "Origin: https://example.com\r\n", 101, nil},
		{"with a query", demand, "GET /sip?x=y HTTP/1.1", "ORIGIN: HTTPS://B.example.com\r\n", 101, nil},
		{"as a URL", demand, "GET ws://example.com/sip HTTP/1.1", "", 101, nil},
		{"no browser", demand, "GET /sip HTTP/1.1", "", 101, nil},
		{"another path", demand, "GET / HTTP/1.1", "", 404, errNotOurPath},
		{"a longer path", demand, "GET /sip/x HTTP/1.1", "", 404, errNotOurPath},
		{"no path", demand, "GET sip HTTP/1.1", "", 404, errNotOurPath},
		{"another origin", demand, "GET /sip HTTP/1.1", "Origin: https://example.com.evil.example\r\n", 403, errNotOurOrigin},
		{"two origins", demand, "GET /sip HTTP/1.1", "Origin: https://evil.example\r\nOrigin: https://example.com\r\n", 403, errNotOurOrigin},
		{"no origin", demand, "GET /sip HTTP/1.1", "Origin: null\r\n", 403, errNotOurOrigin},
		{"another method", WebSocket{}, "POST / HTTP/1.1", "", 405, ws.ErrHandshakeBadMethod},
		{"an old HTTP", WebSocket{}, "GET / HTTP/1.0", "", 505, ws.ErrHandshakeBadProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := c.line + "\r\n" + shake + "Sec-WebSocket-Protocol: sip\r\n" + c.header + "\r\n"
			checkHandshake(t, c.demand, raw, c.status, c.err)
		})
	}
	for _, c := range []struct {
		name, old, new string
		status         int
		err            error
	}{
		{"no subprotocol", "Sec-WebSocket-Protocol: sip\r\n", "", 400, errNotOurProtocol},
		{"another subprotocol", ": sip", ": xmpp, sips", 400, errNotOurProtocol},
		{"one of several", ": sip", ": xmpp, sip", 101, nil},
		{"one of several headers", ": sip", ": xmpp\r\nSec-WebSocket-Protocol: sip", 101, nil},
		{"in capitals", ": sip", ": SIP", 101, nil},
		{"no key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400, ws.ErrHandshakeBadSecKey},
		{"another version", "Version: 13", "Version: 8", 426, ws.ErrHandshakeUpgradeRequired},
		{"compression", "Upgrade: websocket\r\n", "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", 101, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := strings.Replace("GET / HTTP/1.1\r\n"+shake+"Sec-WebSocket-Protocol: sip\r\n\r\n", c.old, c.new, 1)
			checkHandshake(t, WebSocket{}, raw, c.status, c.err)
		})
	}
}

const shake = "Host: example.com\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

func checkHandshake(t *testing.T, demand WebSocket, raw string, status int, want error) {
	t.Helper()
	client, server := loopback(t)
	if _, err := io.WriteString(client, raw); err != nil {
		t.Fatal(err)
	}
	err := upgrade(server, demand)
	if (err == nil) != (want == nil) || want != nil && !strings.Contains(err.Error(), want.Error()) {
		t.Errorf("error %v, want %v", err, want)
	}
	server.Close()
	r, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	switch {
	case r.StatusCode != status:
		t.Errorf("status %d, want %d", r.StatusCode, status)
	case status != 101:
	case !strings.EqualFold(r.Header.Get("Sec-WebSocket-Protocol"), "sip"), r.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
		r.Header.Get("Sec-WebSocket-Extensions") != "":
		t.Errorf("%v", r.Header)
	}
}

func TestAHandshakeWithoutEndIsCutOff(t *testing.T) {
	client, server := loopback(t)
	go func() {
		_, _ = fmt.Fprintf(client, "GET / HTTP/1.1\r\nA: %s", strings.Repeat("x", maxHandshake+1))
	}()
	if err := upgrade(server, WebSocket{}); !errors.Is(err, errLongHandshake) {
		t.Errorf("error %v", err)
	}
}

func TestAHandshakeReadsNothingBehindItself(t *testing.T) {
	for _, eol := range []string{"\r\n", "\n"} {
		client, server := loopback(t)
		first := text(good)
		raw := strings.ReplaceAll("GET / HTTP/1.1\r\n"+shake+"Sec-WebSocket-Protocol: sip\r\n\r\n", "\r\n", eol)
		if _, err := io.WriteString(client, raw+first); err != nil {
			t.Fatal(err)
		}
		if err := upgrade(server, WebSocket{}); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(first))
		if _, err := io.ReadFull(server, got); err != nil || string(got) != first {
			t.Errorf("%q, error %v", got, err)
		}
	}
}

func TestServersThatDoNotSpeakSIP(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(net.Conn)
		want   error
	}{
		{"no subprotocol", func(c net.Conn) { _, _ = ws.Upgrade(c) }, errNotOurProtocol},
		{"a web server", func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}, ws.StatusError(200)},
		{"one that closes", func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_ = c.Close()
		}, io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := loopback(t)
			go c.answer(server)
			if err := connectWebSocket(client, "127.0.0.1", ""); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// Both ends ours, and a deadline that passes.
func TestAHandshakeThatStopsEndsAtTheDeadline(t *testing.T) {
	client, server := loopback(t)
	_, _ = io.WriteString(client, "GET / HTTP/1.1\r\n")
	_ = server.SetDeadline(time.Now().Add(10 * time.Millisecond))
	var timeout net.Error
	if err := upgrade(server, WebSocket{}); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v", err)
	}
	_ = client.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if err := connectWebSocket(client, "a", "/"); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v", err)
	}
}
