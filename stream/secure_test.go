package stream

import (
	"bufio"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/tests/stage"
)

var allTransports = []sipwire.Transport{sipwire.TCP, sipwire.TLS, sipwire.WS, sipwire.WSS}

// trust is the TLS of endpoints that trust one another; each is 127.0.0.1 and example.com.
func trust(t *testing.T) *TLS {
	t.Helper()
	a := stage.NewAuthority(t)
	return loadTLS(t, TLSFiles{
		Certificates: []KeyPair{keyPair(a.Issue(t, t.TempDir(), "us", "127.0.0.1", "example.com"))}, CA: a.File,
	})
}

// pair are two endpoints and a connection from the first to the second.
func pair(t *testing.T, cfg Config) (near, far *Conn, s, farEar *ear) {
	t.Helper()
	s, farEar = newEar(t), newEar(t)
	e, other := place(t, cfg, s), place(t, cfg, farEar)
	r := next(t, dialTo(t, e, other.Addr(), "example.com"))
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.conn, next(t, farEar.opened), s, farEar
}

func TestEachTransportCarriesMessagesBothWays(t *testing.T) {
	for _, transport := range allTransports {
		t.Run(transport.Param(), func(t *testing.T) {
			near, far, s, farEar := pair(t, Config{Transport: transport, TLS: trust(t), Limits: Limits{Handshake: patient}})
			for i := range 50 {
				m := options(i * 1000) // up to several records
				send(t, near, m)
				if got := next(t, farEar.messages); got != m {
					t.Fatalf("message %d came as %q", i, got)
				}
				for range 3 {
					if err := far.Send([]byte(m)); err != nil {
						t.Fatal(err)
					}
				}
				far.Flush()
				for range 3 {
					if got := next(t, s.messages); got != m {
						t.Fatalf("message %d came back as %q", i, got)
					}
				}
			}
			e := near.endpoint
			if e.To(near.Remote(), "example.com") != near {
				t.Error("the connection is not found")
			}
			secure := transport == sipwire.TLS || transport == sipwire.WSS
			if other := e.To(near.Remote(), "example.org"); (other == nil) != secure {
				t.Errorf("for another name %v is found", other)
			}
			if back := far.endpoint.To(far.Remote(), ""); (back == nil) != secure {
				t.Errorf("the way back finds %v", back)
			}
			near.Close(Idle)
			farEar.ended(PeerClosed)
			s.ended(Idle)
		})
	}
}

func TestEachTransportGoesOnHoweverItIsCut(t *testing.T) {
	for _, transport := range allTransports {
		t.Run(transport.Param(), func(t *testing.T) {
			s, farEar := newEar(t), newEar(t)
			cfg := Config{Transport: transport, TLS: trust(t)}
			e, other := place(t, cfg, s), place(t, cfg, farEar)
			r := next(t, dialTo(t, e, drip(t, other.Addr()), ""))
			if r.err != nil {
				t.Fatal(r.err)
			}
			for i := range 5 {
				send(t, r.conn, options(i*200)+options(i))
				if transport == sipwire.WS || transport == sipwire.WSS { // one message to a frame: see the decoder
					next(t, farEar.messages)
					continue
				}
				if a, b := next(t, farEar.messages), next(t, farEar.messages); a != options(i*200) || b != options(i) {
					t.Fatalf("%q, %q", a, b)
				}
			}
			send(t, next(t, farEar.opened), options(7))
			if m := next(t, s.messages); m != options(7) {
				t.Fatalf("%q", m)
			}
		})
	}
}

// drip passes a connection on, byte by byte.
func drip(t *testing.T, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	l, at := whom(t)
	go func() {
		a, err := l.Accept()
		if err != nil {
			return
		}
		defer a.Close()
		b, err := net.Dial("tcp", to.String())
		if err != nil {
			return
		}
		defer b.Close()
		pass := func(to, from net.Conn) {
			r, one := bufio.NewReader(from), make([]byte, 1)
			for {
				if _, err := r.Read(one); err != nil {
					break
				}
				if _, err := to.Write(one); err != nil {
					break
				}
			}
			_ = to.Close()
		}
		done := make(chan struct{})
		go func() { pass(a, b); close(done) }()
		pass(b, a)
		<-done
	}()
	return at
}

func TestQueuedMessagesAreOneRecord(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Transport: sipwire.TLS, TLS: trust(t)}, s)
	c := tls.Client(phone(t, e), &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	near := next(t, s.opened)
	for range 3 {
		_ = near.Send([]byte("message"))
	}
	near.Flush()
	b := make([]byte, 100)
	if n, err := c.Read(b); string(b[:n]) != "messagemessagemessage" { // which never reads beyond a record
		t.Errorf("%q, %v", b[:n], err)
	}
}

func TestAnOlderTLSAndItsEnd(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Transport: sipwire.TLS, TLS: trust(t)}, s)
	raw := phone(t, e)
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	say(t, c, options(100))
	next(t, s.messages)
	near := next(t, s.opened)
	_ = near.Send([]byte("bye"))
	near.Close(Stopped)
	if b, err := io.ReadAll(c); string(b) != "bye" || err != nil { // without a close alert that is io.ErrUnexpectedEOF
		t.Errorf("%q, %v", b, err)
	}
	s.ended(Stopped)
}

func TestRubbishInsteadOfARecord(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Transport: sipwire.TLS, TLS: trust(t)}, s)
	raw := phone(t, e)
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	say(t, c, options(0))
	next(t, s.messages)
	say(t, raw, options(0))
	s.ended(Broken)
}

func TestAPeerThatIsSomebodyElseIsNotTalkedTo(t *testing.T) {
	s := newEar(t)
	cfg := Config{Transport: sipwire.TLS, TLS: trust(t)}
	e, other := place(t, cfg, s), place(t, cfg, newEar(t))
	r := next(t, dialTo(t, e, other.Addr(), "example.org"))
	if r.conn != nil || r.err == nil || !strings.Contains(r.err.Error(), "example.org") {
		t.Errorf("%v", r)
	}
	eventually(t, "both have counted it", func() bool {
		return e.Stats().Ends[HandshakeFailed] == 1 && other.Stats().Ends[HandshakeFailed]+other.Stats().Ends[PeerClosed]+other.Stats().Ends[Broken] == 1
	})
	if len(s.opened)+len(s.ends) > 0 {
		t.Error("the sink was told")
	}
}

func TestAHandshakeIsNotWaitedForForEver(t *testing.T) {
	for _, transport := range []sipwire.Transport{sipwire.TLS, sipwire.WS, sipwire.WSS} {
		t.Run(transport.Param(), func(t *testing.T) {
			s := newEar(t)
			e := place(t, Config{Transport: transport, TLS: trust(t), Limits: Limits{Handshake: 200 * time.Millisecond}}, s)
			c := phone(t, e)
			hearsEnd(t, c)
			_, to := whom(t) // it accepts, and says nothing
			start := time.Now()
			if r := next(t, dialTo(t, e, to, "")); r.err == nil || time.Since(start) > 2*time.Second {
				t.Errorf("%v after %s", r, time.Since(start))
			}
			_ = c.Close()
			eventually(t, "both are counted", func() bool { return e.Stats().Ends[HandshakeFailed] == 2 })
			if len(s.opened)+len(s.ends) > 0 {
				t.Error("the sink was told")
			}
		})
	}
}

func TestCloseDuringHandshakes(t *testing.T) {
	for _, transport := range []sipwire.Transport{sipwire.TLS, sipwire.WS, sipwire.WSS} {
		s := newEar(t)
		e := place(t, Config{Transport: transport, TLS: trust(t)}, s)
		c := phone(t, e)
		_, to := whom(t)
		r := dialTo(t, e, to, "")
		eventually(t, "both are in their handshakes", func() bool { return e.Stats().Dialing == 2 })
		start := time.Now()
		e.Close()
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %s", took)
		}
		if next(t, r).err == nil {
			t.Error("there is a connection")
		}
		hearsEnd(t, c)
	}
}

func TestAPeerThatDoesNotReadRecordsIsCutOff(t *testing.T) {
	const queue = 128 << 10
	s := newEar(t)
	e := place(t, Config{Transport: sipwire.TLS, TLS: trust(t), Limits: Limits{Queue: queue}}, s)
	c := tls.Client(phone(t, e), &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	near := next(t, s.opened)
	most := 0
	for range 64 << 10 {
		err := near.Send(block)
		near.Flush()
		most = max(most, int(near.wire.kept.Load()))
		if err != nil {
			break
		}
	}
	s.ended(TooSlow)
	if most > bound(queue) {
		t.Errorf("up to %d bytes were kept", most)
	}
}

func TestARefusedWebSocketIsTold(t *testing.T) {
	e := place(t, Config{Transport: sipwire.WS, WebSocket: WebSocket{Path: "/sip"}}, newEar(t))
	c := phone(t, e)
	say(t, c, "GET /elsewhere HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || r.StatusCode != http.StatusNotFound {
		t.Fatalf("%v, %v", r, err)
	}
	_ = c.Close()
	eventually(t, "it is counted", func() bool { return e.Stats().Ends[HandshakeFailed] == 1 })
}

func TestAFrameRightBehindTheHandshake(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Transport: sipwire.WS, WebSocket: WebSocket{Path: "/sip"}}, s)
	l, to := whom(t)
	r := dialTo(t, e, to, "")
	c := answer(t, l)
	asked, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || asked.URL.Path != "/sip" || asked.Host != to.String() {
		t.Fatalf("%v, %v", asked, err)
	}
	sum := sha1.Sum([]byte(asked.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	say(t, c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n"+string(appendFrame(nil, []byte(options(9)), true)))
	if err := next(t, r).err; err != nil {
		t.Fatal(err)
	}
	if m := next(t, s.messages); m != options(9) {
		t.Errorf("%q", m)
	}
}

func TestAWebSocketIsPingedAndClosed(t *testing.T) {
	s := newEar(t)
	e := place(t, Config{Transport: sipwire.WS}, s)
	c := phone(t, e)
	if err := connectWebSocket(c, "x", ""); err != nil {
		t.Fatal(err)
	}
	say(t, c, "\x89\x82\x00\x00\x00\x00hi")
	hears(t, c, "\x8a\x02hi")
	say(t, c, "\x88\x82\x00\x00\x00\x00\x03\xe8")
	hears(t, c, "\x88\x02\x03\xe8")
	hearsEnd(t, c)
	_ = c.Close()
	s.ended(PeerClosed)
	if k := e.Stats(); k.KeepAlives != 1 {
		t.Errorf("%+v", k)
	}
}
