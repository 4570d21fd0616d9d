package ua

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// patience is how long a phone waits for a message that must come.
const patience = 5 * time.Second

// Phone is a SIP phone on one UDP socket, or on the connections of one stream transport. Its methods fail the test that
// owns it; they are called from the test's goroutine only.
type Phone struct {
	t         testing.TB
	wire      wire
	transport string // as it stands in Via, in lower case: udp, tcp, tls, ws, wss
	host      string // what Via and URI name: an address with its port, or a name that nobody finds
}

// wire is what a phone's messages come and go by.
type wire interface {
	// addr is where the phone listens, or, when it does not, where its connection begins.
	addr() netip.AddrPort
	send(raw []byte, to netip.AddrPort) error
	// next is the next message; errNothing when none comes within d.
	next(d time.Duration) (Message, error)
	close()
}

// errNothing says that nothing came.
var errNothing = errors.New("nothing came in time")

// New opens a phone on UDP at listen, as "127.0.0.1:0" or "[::1]:0". The end of the test closes it.
func New(t testing.TB, listen string) *Phone {
	t.Helper()
	return NewOver(t, "udp", listen)
}

// In is the same phone in the service of another test, such as a subtest of the one that opened it.
func (p *Phone) In(t testing.TB) *Phone {
	same := *p
	same.t = t
	return &same
}

// Addr is where the phone listens; of a phone that does not, where its newest connection begins. What a phone on UDP
// sends comes from there.
func (p *Phone) Addr() netip.AddrPort { return p.wire.addr() }

// URI is the phone's own address as a SIP URI.
func (p *Phone) URI() string {
	switch uri := "sip:ua@" + p.host; p.transport {
	case "udp":
		return uri
	case "wss": // a URI says ws for both (RFC 7118 §5.2)
		return uri + ";transport=ws"
	default:
		return uri + ";transport=" + p.transport
	}
}

// via is a Via value of this phone.
func (p *Phone) via(branch string) string {
	return "SIP/2.0/" + strings.ToUpper(p.transport) + " " + p.host + ";branch=" + branch + ";rport"
}

// Send sends raw as one datagram, or over the connection with that peer, which is opened if there is none.
func (p *Phone) Send(raw []byte, to netip.AddrPort) {
	p.t.Helper()
	if err := p.wire.send(raw, to); err != nil {
		p.t.Fatalf("the phone at %s could not send to %s: %v", p.host, to, err)
	}
}

// Receive waits for the next message. None within five seconds, or one that is not SIP, fails the test.
func (p *Phone) Receive() Message {
	p.t.Helper()
	m, came := p.Next(patience)
	if !came {
		p.t.Fatalf("nothing came to the phone at %s within %v", p.host, patience)
	}
	return m
}

// Until receives until a message satisfies wanted. It returns that message and what came before it.
func (p *Phone) Until(wanted func(Message) bool) (m Message, before []Message) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		m, came := p.Next(time.Until(deadline))
		if !came {
			break
		}
		if wanted(m) {
			return m, before
		}
		before = append(before, m)
	}
	p.t.Fatalf("the message wanted did not come to the phone at %s; %d others did: %q", p.host, len(before), before)
	return m, before
}

// Quiet fails the test when anything comes within d. Where a later message can serve as the barrier, Until says as
// much in less time.
func (p *Phone) Quiet(d time.Duration) {
	p.t.Helper()
	if m, came := p.Next(d); came {
		p.t.Fatalf("the phone at %s should have been left in peace, but this came from %s:\n%s", p.host, m.Source, m.Raw)
	}
}

// Pending is what has come already and was not received yet.
func (p *Phone) Pending() (all []Message) {
	p.t.Helper()
	for m, came := p.Next(time.Millisecond); came; m, came = p.Next(time.Millisecond) {
		all = append(all, m)
	}
	return all
}

// Next is the next message, if one comes within d.
func (p *Phone) Next(d time.Duration) (m Message, came bool) {
	p.t.Helper()
	m, err := p.wire.next(d)
	if errors.Is(err, errNothing) {
		return Message{}, false
	}
	if err != nil {
		p.t.Fatalf("the phone at %s could not receive: %v", p.host, err)
	}
	return m, true
}

// Free closes the phone and gives its port, for somebody else to listen on.
func (p *Phone) Free() uint16 {
	port := p.Addr().Port()
	p.wire.close()
	return port
}

// Conn is the socket of a phone on UDP, for those who must not pay for a phone's comforts.
func (p *Phone) Conn() *net.UDPConn {
	p.t.Helper()
	d, is := p.wire.(*datagrams)
	if !is {
		p.t.Fatalf("the phone at %s is on %s and has no socket", p.host, p.transport)
	}
	if err := d.conn.SetReadDeadline(time.Time{}); err != nil {
		p.t.Fatalf("the phone's socket: %v", err)
	}
	return d.conn
}
