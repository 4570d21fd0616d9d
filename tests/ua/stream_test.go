package ua

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/stage"
)

// streams are the transports that have connections, and how a phone on each is made.
func streams(t *testing.T, test func(t *testing.T, transport string, secure ...*tls.Config)) {
	authority := stage.NewAuthority(t)
	loopback := &tls.Config{
		Certificates: []tls.Certificate{authority.Issue(t, t.TempDir(), "phone", "127.0.0.1", "::1").Load(t)},
		RootCAs:      authority.Pool(),
	}
	for transport, secure := range map[string][]*tls.Config{"tcp": nil, "tls": {loopback}, "ws": nil, "wss": {loopback}} {
		t.Run(transport, func(t *testing.T) { test(t, transport, secure...) })
	}
}

// A call between two phones on a stream transport: a response goes back over the connection of its request, requests of
// the callee go to its peer's Contact.
func TestACallOverConnectionsNeedsNoProxy(t *testing.T) {
	streams(t, func(t *testing.T, transport string, secure ...*tls.Config) {
		for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
			alice, bob := NewOver(t, transport, listen, secure...), NewOver(t, transport, listen, secure...)
			call := alice.Invite(bob.URI(), Options{Body: "v=0\r\n"})
			invite := bob.Receive()
			if via := invite.Vias()[0]; !strings.HasPrefix(via, "SIP/2.0/"+strings.ToUpper(transport)+" "+alice.Addr().String()) {
				t.Fatalf("the Via is %q", via)
			}
			if invite.Source == alice.Addr() || invite.On != bob.Connections()[0] {
				t.Fatalf("it came from %s, a connection of its own", invite.Source)
			}
			callee := bob.Answer(invite, 200, Options{})
			ok := call.Response()
			if ok.On != alice.Connections()[0] || len(bob.Connections()) != 1 {
				t.Fatal("the response was to come over the connection of its request")
			}
			call.Ack(ok)
			if ack := bob.Receive(); ack.Method() != "ACK" || ack.On != invite.On {
				t.Fatalf("the ACK was to come over the same connection:\n%s", ack)
			}
			callee.Bye()
			if bye := alice.Receive(); bye.Method() != "BYE" || bye.RequestURI() != alice.URI() {
				t.Fatalf("the BYE:\n%s", bye)
			}
		}
	})
}

// RFC 3261 §18.2.2: when the connection is closed, the response goes to the address of the Via.
func TestAnAnswerFindsItsWayWithoutTheConnection(t *testing.T) {
	alice, bob := NewOver(t, "tcp", "127.0.0.1:0"), NewOver(t, "tcp", "127.0.0.1:0")
	alice.Request("OPTIONS", bob.URI(), Options{})
	options := bob.Receive()
	alice.Connection(bob.Addr()).Close()
	<-options.On.Over()
	if !errors.Is(options.On.Why(), io.EOF) {
		t.Fatalf("the connection ended with %v", options.On.Why())
	}
	bob.Answer(options, 200, Options{})
	if m := alice.Receive(); m.Status() != 200 || m.On.dialed {
		t.Fatalf("the answer:\n%s", m)
	}
}

// A client is reached over its own connection, whatever its Contact says.
func TestAClientIsReachedOverItsConnection(t *testing.T) {
	streams(t, func(t *testing.T, transport string, secure ...*tls.Config) {
		browser, server := NewClient(t, transport, secure...), NewOver(t, transport, "127.0.0.1:0", secure...)
		browser.Request("REGISTER", "sip:example.com", Options{Proxy: server.Addr()})
		register := server.Receive()
		if host := strings.SplitN(URI(register.First("Contact")), "@", 2)[1]; !strings.Contains(host, ".invalid;transport="+strings.TrimSuffix(transport, "s")) &&
			transport != "tls" {
			t.Fatalf("the Contact is at %s", host)
		}
		server.Answer(register, 200, Options{})
		if m := browser.Receive(); m.Status() != 200 {
			t.Fatalf("the answer:\n%s", m)
		}
		server.Invite(URI(register.First("Contact")), Options{Proxy: register.Source})
		invite := browser.Receive()
		callee := browser.Answer(invite, 200, Options{})
		if m := server.Receive(); m.Status() != 200 || m.On != register.On {
			t.Fatalf("the answer:\n%s", m)
		}
		callee.target = "sip:name.invalid" // not an address
		callee.Bye()
		if m := server.Receive(); m.Method() != "BYE" || m.On != register.On {
			t.Fatalf("the BYE:\n%s", m)
		}
	})
}

func TestPingsAreAnswered(t *testing.T) {
	streams(t, func(t *testing.T, transport string, secure ...*tls.Config) {
		a, b := NewOver(t, transport, "127.0.0.1:0", secure...), NewOver(t, transport, "127.0.0.1:0", secure...)
		c := a.Dial(b.Addr())
		if err := c.Ping(); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(transport, "ws") {
			if err := c.PingFrame("are you there"); err != nil {
				t.Fatal(err)
			}
		}
		b.Quiet(time.Millisecond) // a ping is no message
	})
}

// However a stream is cut into packets, the same messages come out of it.
func TestMessagesAreCutOutOfAStream(t *testing.T) {
	a, b := NewOver(t, "tcp", "127.0.0.1:0"), NewOver(t, "tcp", "127.0.0.1:0")
	c := a.Dial(b.Addr())
	one := a.Compose("MESSAGE", b.URI(), Options{Body: "one\r\n\r\n", Type: "text/plain"}).Raw
	two := bytes.Replace(a.Compose("MESSAGE", b.URI(), Options{}).Raw, []byte("Content-Length"), []byte("l"), 1)
	together := append(append([]byte("\r\n"), one...), two...)
	sent := 1
	if err := c.Send(together); err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(together); cut += 7 {
		for _, part := range [][]byte{together[:cut], together[cut:]} {
			if err := c.Send(part); err != nil {
				t.Fatal(err)
			}
		}
		sent++
	}
	for range sent {
		for _, want := range [][]byte{one, two} {
			if m := b.Receive(); !bytes.Equal(m.Raw, want) {
				t.Fatalf("%q came of %q", m.Raw, want)
			}
		}
	}
}

func TestAPhoneSeesThatItsPeerHasReset(t *testing.T) {
	a, b := NewOver(t, "tcp", "127.0.0.1:0"), NewOver(t, "tcp", "127.0.0.1:0")
	a.Request("OPTIONS", b.URI(), Options{})
	on := b.Receive().On
	a.Connection(b.Addr()).Reset()
	<-on.Over()
	if errors.Is(on.Why(), io.EOF) || len(b.Connections()) != 0 {
		t.Fatalf("the connection ended with %v", on.Why())
	}
}
