package leg

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/digest"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/telemetry"
	"github.com/actorsip/actorsip/tests/stage"
)

// nobody are users.
type nobody struct{}

func (nobody) Lookup([]byte, string, digest.Algorithm) (digest.HA1, digest.Found) {
	return digest.HA1{}, digest.Absent
}
func (nobody) Resolve(string, string, digest.Algorithm, func()) error { return nil }

// challenges are the header lines of a 401 that offers these algorithms.
func challenges(t testing.TB, h *house, algorithms ...digest.Algorithm) []byte {
	t.Helper()
	now := stage.KeysMade.Add(time.Hour)
	v, err := digest.New(digest.Config{Keys: h.ring, Users: nobody{}, Realm: "sip.example.com", Algorithms: algorithms}, now)
	if err != nil {
		t.Fatal(err)
	}
	return v.Checker().AppendChallenge(nil, digest.NoCredentials, now)
}

// What phones and scanners send, as long as theirs.
var senders = []struct{ name, text string }{
	{"sipp", `REGISTER sip:sip.example.com SIP/2.0
Via: SIP/2.0/UDP 198.51.100.77:5060;branch=z9hG4bK-14212-1-0
From: <sip:alice@sip.example.com>;tag=14212SIPpTag001
To: <sip:alice@sip.example.com>
Call-ID: 1-14212@198.51.100.77
CSeq: 1 REGISTER
Contact: <sip:alice@198.51.100.77:5060>
Max-Forwards: 70
Expires: 300
Content-Length: 0

`},
	{"Net::SIP", `REGISTER sip:sip.example.com SIP/2.0
Call-ID: 5b1b37e6bb8cf8a3f4c4be2c8ad24e21@198.51.100.77
CSeq: 1 REGISTER
Contact: <sip:alice@198.51.100.77:5060>
Content-Length: 0
Expires: 900
From: <sip:alice@sip.example.com>;tag=4c2b0b0c6d4d8f08f08a8e0b2a3f55d1
Max-Forwards: 70
To: <sip:alice@sip.example.com>
Via: SIP/2.0/UDP 198.51.100.77:5060;rport;branch=z9hG4bK2f1b8c7e9a6d4d3caa7be0ed18c17a11

`},
	{"baresip", `REGISTER sip:sip.example.com SIP/2.0
Via: SIP/2.0/UDP 198.51.100.77:42913;branch=z9hG4bK6d8b5a0f1ee9fbd2;rport
Contact: <sip:alice-0x55d0a4d3b7d0@198.51.100.77:42913>;expires=3600;+sip.instance="<urn:uuid:2e2c31a5-7e5a-4e5b-8f9b-1a6e2a7dbb10>"
Max-Forwards: 70
To: <sip:alice@sip.example.com>
From: <sip:alice@sip.example.com>;tag=b8b0a5a5ef4c4dd4
Call-ID: 0a5b46c9c7a5d9d3
CSeq: 32163 REGISTER
User-Agent: baresip v3.9.0 (x86_64/linux)
Supported: gruu,replaces,norefersub
Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,SUBSCRIBE,INFO,MESSAGE,UPDATE,REFER
Content-Length: 0

`},
	{"a scanner's OPTIONS", `OPTIONS sip:100@203.0.113.1 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.77:5063;branch=z9hG4bK-1957632842;rport
Content-Length: 0
From: "sipscan"<sip:100@1.1.1.1>;tag=6362376630653036313363340132363834393032
Accept: application/sdp
User-Agent: scan
To: "sipscan"<sip:100@1.1.1.1>
Contact: sip:100@198.51.100.77:5063
CSeq: 1 OPTIONS
Call-ID: 640823017372561498573612
Max-Forwards: 70

`},
	{"as short as it goes", `OPTIONS sip:a SIP/2.0
v:SIP/2.0/UDP b;branch=z9hG4bKc;rport
f:<sip:a>;tag=a
t:sip:a
i:a
CSeq:1 OPTIONS

`},
}

// flood is bytes that came and went, and how many requests it took until the first answer.
type flood struct{ in, out, first int }

func (f flood) String() string {
	return fmt.Sprintf("%d bytes in, %d out: %.3f; answered first: request %d", f.in, f.out, float64(f.out)/float64(f.in), f.first)
}

// send sends the same request n times, at a rate, each from the next source, and answers it.
func (h *house) flood(text string, extra []byte, reason message.Reason, n, rate int, source func(i int) netip.AddrPort) (f flood) {
	h.t.Helper()
	l := h.rooms["outside"]
	for i := range n {
		h.pool.Clock = telemetry.Instant(time.Hour + time.Duration(i)*time.Second/time.Duration(rate))
		p := h.accepted("outside", source(i), text)
		f.in += len(p.In)
		p.Status, p.Reason = reason.Status(), reason
		p.SetExtra(extra)
		if o, done := l.send(p); done {
			if f.out += len(p.Out); f.first == 0 {
				f.first = i + 1
			}
			l.socket.out = l.socket.out[:0]
		} else if o != message.Drop(message.TooShort) {
			h.t.Fatal(o)
		}
		p.Free()
	}
	return f
}

var victim = netip.MustParseAddrPort("198.51.100.77:5060")

// Nobody can have more sent to somebody than he sends himself; and yet each phone is answered, most of them at once.
func TestAFloodIsNotMadeLarger(t *testing.T) {
	for _, s := range senders {
		for _, c := range []struct {
			name       string
			algorithms []digest.Algorithm
			reason     message.Reason
		}{
			{"401, SHA-256 and MD5", []digest.Algorithm{digest.SHA256, digest.MD5}, message.Unauthorized},
			{"401, all", []digest.Algorithm{digest.SHA512_256, digest.SHA256, digest.MD5}, message.Unauthorized},
			{"404", nil, message.UnknownUser},
		} {
			t.Run(s.name+", "+c.name, func(t *testing.T) {
				h := build(t)
				var extra []byte
				if c.algorithms != nil {
					extra = challenges(t, h, c.algorithms...)
				}
				const n, rate = 2000, 1000
				f := h.flood(s.text, extra, c.reason, n, rate, func(int) netip.AddrPort { return victim })
				if f.out > f.in {
					t.Errorf("%s", f)
				}
				if f.first > 1 {
					t.Errorf("the first request is not answered: %s", f)
				}
				t.Log(f)
			})
		}
	}
}

// Made-up addresses, of one network or of all: what is lent to all has its bound.
func TestManyAddressesGetLittleMoreThanTheySend(t *testing.T) {
	for name, source := range map[string]func(i int) netip.AddrPort{
		"a network": func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 5060)
		},
		"all": func(i int) netip.AddrPort { return netip.AddrPortFrom(scattered(i), 5060) },
		"by turns": func(i int) netip.AddrPort { // the victim, and those that drive it out
			if i%2 == 0 {
				return victim
			}
			return netip.AddrPortFrom(scattered(i), 5060)
		},
	} {
		h := build(t)
		const n, rate = 100_000, 10_000
		f := h.flood(senders[0].text, challenges(t, h, digest.SHA256, digest.MD5), message.Unauthorized, n, rate, source)
		if most := f.in + mostLent + backLent*n/rate; f.out > most {
			t.Errorf("%s: %s, more than %d", name, f, most)
		}
		t.Logf("%s: %s", name, f)
	}
}

func scattered(i int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 1<<24|uint32(i)*2654435761>>3)
	return netip.AddrFrom4(b)
}

// A request that is refused is answered when it is sent again, and an address that owes nothing at once.
func TestWhoSendsAgainIsAnswered(t *testing.T) {
	c := &credit{}
	a, b := victim.Addr(), netip.MustParseAddr("2001:db8::1")
	neighbour := netip.MustParseAddr("2001:db8::ffff:2") // of the same /64
	for i, x := range []struct {
		at       time.Duration
		to       netip.Addr
		in, out  int
		answered bool
	}{
		{0, a, 400, 400, true},
		{0, a, 400, 600, true},                          // owes 200
		{0, netip.AddrFrom16(a.As16()), 400, 900, true}, // owes 700, of 768
		{0, a, 400, 600, false},
		{20 * time.Second, a, 400, 401, true},    // is lent 1 more, and owes 301
		{20 * time.Second, a, 600, 700, false},   // 299 are there
		{50 * time.Second, a, 500, 799, true},    // now 799 were
		{51 * time.Second, a, 100, 200, false},   // 67 are left to be lent
		{84 * time.Second, a, 100, 968, true},    // 100 were there, and it is lent 768
		{85 * time.Second, a, 100, 101, false},   // owes 768
		{118 * time.Second, a, 100, 101, true},   // and no more
		{0, b, 100, 900, false},                  // more than anybody is lent
		{0, b, 100, 900, true},                   // but this much
		{0, neighbour, 100, 800, false},          // owes 700
		{33 * time.Second, b, 100, 868, true},    // as if it had never been there
		{33 * time.Second, b, 1000, 1001, false}, // owes 768
		{33 * time.Second, b, 769, 770, true},
	} {
		if got := c.pays(x.at, x.to, x.in, x.out); got != x.answered {
			t.Errorf("%d: %d bytes for %d to %v: %v", i, x.out, x.in, x.to, got)
		}
	}
}

// Who has shown a password is at the address that he sends from, and the operator's own are no victims.
func TestOnlyStrangersPay(t *testing.T) {
	h := build(t)
	long := []byte("X: " + strings.Repeat("x", 4000) + "\r\n")
	answered := func(user string) bool {
		p := h.accepted("outside", victim, senders[0].text)
		defer p.Free()
		p.Status, p.Reason, p.User = 200, message.Registered, user
		p.SetExtra(long)
		_, done := h.rooms["outside"].send(p)
		h.rooms["outside"].socket.out = h.rooms["outside"].socket.out[:0]
		return done
	}
	if !answered("alice") || answered("") {
		t.Error("a user pays, or a stranger does not")
	}
}

func BenchmarkCredit(b *testing.B) {
	c := &credit{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.pays(time.Duration(i), scattered(i), 400, 600)
	}
}
