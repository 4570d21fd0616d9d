package stage

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Names is a name server on the loopback, by UDP. It ends with its test.
type Names struct {
	Addr string // ADDRESS:PORT, as in dns.servers of a configuration

	records []dns.RR
	held    chan struct{}
	release sync.Once
}

// NameServer serves a zone: lines as in a zone file, "example.com. 60 IN A 192.0.2.1". Those of "*." are every name's
// that has no lines of its own. Names below "silent." get no answer, those below "broken." SERVFAIL, and those below
// "held." their answer after Release.
func NameServer(t testing.TB, zone ...string) *Names {
	t.Helper()
	n := &Names{held: make(chan struct{})}
	for _, line := range zone {
		rr, err := dns.NewRR(line)
		if err != nil || rr == nil {
			t.Fatalf("%q is no record: %v", line, err)
		}
		n.records = append(n.records, rr)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.Addr = conn.LocalAddr().String()
	started, ended := make(chan struct{}), make(chan struct{})
	server := &dns.Server{PacketConn: conn, Handler: n, NotifyStartedFunc: func() { close(started) }}
	go func() { defer close(ended); _ = server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { n.Release(); _ = server.Shutdown(); <-ended })
	return n
}

// Release lets the answers go that are held, and holds none from now on.
func (n *Names) Release() { n.release.Do(func() { close(n.held) }) }

// ServeDNS answers a question, as a dns.Handler.
func (n *Names) ServeDNS(w dns.ResponseWriter, asked *dns.Msg) {
	q, a := asked.Question[0], new(dns.Msg)
	records := n.of(q.Name)
	switch a.SetRcode(asked, dns.RcodeSuccess); {
	case below(q.Name, "silent."):
		return
	case below(q.Name, "broken."):
		a.Rcode, records = dns.RcodeServerFailure, nil
	case len(records) == 0:
		a.Rcode = dns.RcodeNameError
	}
	for _, rr := range records {
		if rr.Header().Rrtype == q.Qtype {
			rr = dns.Copy(rr)
			rr.Header().Name = q.Name
			a.Answer = append(a.Answer, rr)
		}
	}
	if below(q.Name, "held.") {
		<-n.held
	}
	_ = w.WriteMsg(a)
}

// of are the records of a name, or those of any name (RFC 4592 §2.1.1) when it has none.
func (n *Names) of(name string) (own []dns.RR) {
	var wild []dns.RR
	for _, rr := range n.records {
		switch owner := rr.Header().Name; {
		case strings.EqualFold(owner, name):
			own = append(own, rr)
		case owner == "*.":
			wild = append(wild, rr)
		}
	}
	if own == nil {
		return wild
	}
	return own
}

func below(name, zone string) bool { return strings.HasSuffix(strings.ToLower(name), zone) }
