package torture

import (
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// names serves DNS on the loopback: every name has one SIP server over UDP, and that is at. So a message may name
// whomever it likes in its Route, and nothing leaves this machine.
func names(t *testing.T, at netip.AddrPort) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const host = "callee.test."
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, asked *dns.Msg) {
		answer := new(dns.Msg).SetReply(asked)
		for _, q := range asked.Question {
			head := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 60}
			switch q.Qtype {
			case dns.TypeSRV:
				answer.Answer = append(answer.Answer, &dns.SRV{Hdr: head, Port: at.Port(), Target: host})
			case dns.TypeA:
				answer.Answer = append(answer.Answer, &dns.A{Hdr: head, A: at.Addr().AsSlice()})
			}
		}
		_ = w.WriteMsg(answer)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}
