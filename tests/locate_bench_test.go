package tests

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// BenchmarkLocate is what BenchmarkForward is, for requests to a domain with a next hop, and to users of whom as many are registered,
// each in his turn.
func BenchmarkLocate(b *testing.B) {
	const users = 100_000
	caller, callee := ua.New(b, "127.0.0.1:0"), ua.New(b, "127.0.0.1:0")
	s := launch(b, `  - {name: inside, listen: "udp:127.0.0.1:0", registrar: {domains: [bound.example]}}
  - {name: outside, listen: "udp:127.0.0.1:0", reach: ["`+callee.Addr().String()+`"]}
`, `registrar: {file: off}
next_hops: {"hop.example": "sip:`+callee.Addr().String()+`"}
`, options{lanes: 1})
	from, to, buf := caller.Conn(), callee.Conn(), make([]byte, 1<<16)
	_ = from.SetReadDeadline(time.Now().Add(time.Minute))
	defer from.SetReadDeadline(time.Time{})
	for user := range users {
		raw := caller.Compose("REGISTER", "sip:bound.example", ua.Options{
			To: fmt.Sprintf("<sip:u%06d@bound.example>", user), Contact: fmt.Sprintf("<sip:u%06d@%s>", user, callee.Addr()), Headers: usual,
		}).Raw
		if _, err := from.WriteToUDPAddrPort(raw, s.Addr("inside")); err != nil {
			b.Fatal(err)
		}
		if user >= 100 {
			registered(b, from, buf)
		}
	}
	for range 100 {
		registered(b, from, buf)
	}
	for _, domain := range []string{"hop", "bound"} {
		raw := caller.Compose("INVITE", "sip:u000000@"+domain+".example", ua.Options{Body: sdp, Headers: usual}).Raw
		user, n := len("INVITE sip:u"), 0
		b.Run(domain, func(b *testing.B) {
			shuttle(b, from, s.Addr("inside"), to, func() []byte {
				copy(raw[user:], fmt.Sprintf("%06d", n%users))
				n++
				return raw
			})
		})
	}
}

// registered takes a 200.
func registered(b *testing.B, from *net.UDPConn, buf []byte) {
	b.Helper()
	if n, err := from.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200 ")) {
		b.Fatalf("a REGISTER was answered %q, %v", buf[:n], err)
	}
}
