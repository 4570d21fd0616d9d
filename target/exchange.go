package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// udpSize is what we can take by UDP without fragments (RFC 6891 §6.2.5, and the DNS Flag Day's advice).
const udpSize = 1232

var errChain = errors.New("its CNAME records lead nowhere")

// servers asks name servers over the network.
type servers struct {
	addrs    []string // host:port
	timeout  time.Duration
	attempts int
	first    atomic.Uint32 // the server that answered last is asked first
}

// fetch answers q from the network.
func (s *servers) fetch(ctx context.Context, q question) *recordSet {
	name, ttl := q.full(), maxTTL
	if len(name) > maxName {
		return absent(q, "the name is too long")
	}
	for left := maxChain; left >= 0; {
		m, server, err := s.ask(ctx, name, q.kind)
		if err != nil {
			return failed(q, err)
		}
		a := readAnswer(m, name, q.kind)
		ttl = min(ttl, a.ttl)
		if set := a.records(q, m.Rcode); set != nil {
			set.source, set.ttl = server, max(ttl, minTTL)
			return set
		}
		if !validName(a.name) {
			return absent(q, "it is an alias of what is no host name")
		}
		name = a.name
		left -= a.hops
	}
	return failed(q, errChain)
}

// ask puts one question to each server in turn, attempts times, until one answers it. source says who did.
func (s *servers) ask(ctx context.Context, name string, kind uint16) (m *dns.Msg, source string, err error) {
	first := int(s.first.Load())
	for i := range s.attempts * len(s.addrs) {
		server := (first + i) % len(s.addrs)
		m, source, err = s.one(ctx, s.addrs[server], name, kind)
		if err == nil {
			if server != first {
				s.first.Store(uint32(server))
			}
			return m, source, nil
		}
		switch ctx.Err() {
		case context.Canceled:
			return nil, "", ErrClosed
		case context.DeadlineExceeded:
			return nil, "", err
		}
	}
	return nil, "", err
}

// one asks one server: by UDP, without EDNS0 where it is not understood, and by TCP when the answer was cut.
func (s *servers) one(ctx context.Context, addr, name string, kind uint16) (m *dns.Msg, source string, err error) {
	edns := true
	m, err = s.exchange(ctx, "udp", addr, newQuestion(name, kind, edns))
	if err == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		edns = false
		m, err = s.exchange(ctx, "udp", addr, newQuestion(name, kind, edns))
	}
	source = addr
	if err == nil && m.Truncated {
		source = addr + " by TCP"
		m, err = s.exchange(ctx, "tcp", addr, newQuestion(name, kind, edns))
	}
	if err != nil {
		return nil, "", err
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, "", fmt.Errorf("name server %s answers %s", addr, dns.RcodeToString[m.Rcode])
	}
	return m, source, nil
}

func newQuestion(name string, kind uint16, edns bool) *dns.Msg {
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	if edns {
		m.SetEdns0(udpSize, false)
	}
	return m
}

// exchange sends m from a socket and port of its own and returns the response that belongs to it. By UDP, whatever
// else arrives is passed over until time is up: a guesser's packet must not end the wait for the real one.
func (s *servers) exchange(ctx context.Context, network, addr string, m *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Net: network, Timeout: s.timeout, UDPSize: dns.DefaultMsgSize}
	conn, err := client.DialContext(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("name server %s cannot be reached: %w", addr, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(s.timeout)); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := conn.WriteMsg(m); err != nil {
		return nil, fmt.Errorf("name server %s cannot be reached: %w", addr, err)
	}
	for {
		answer, err := conn.ReadMsg()
		var broken net.Error
		switch {
		case errors.As(err, &broken) && broken.Timeout():
			return nil, fmt.Errorf("name server %s does not answer within %s", addr, s.timeout)
		case err != nil && (network == "tcp" || isSocketError(err)):
			return nil, fmt.Errorf("name server %s: %w", addr, err)
		case err == nil && belongs(answer, m):
			return answer, nil
		case network == "tcp":
			return nil, fmt.Errorf("name server %s answers another question", addr)
		}
	}
}

// isSocketError tells a socket that is of no more use from a packet that cannot be read.
func isSocketError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) || errors.Is(err, net.ErrClosed)
}

// belongs tells whether a is the response to m. A server that does not understand m need not repeat its question.
func belongs(a, m *dns.Msg) bool {
	if !a.Response || a.Id != m.Id || a.Opcode != dns.OpcodeQuery {
		return false
	}
	if len(a.Question) == 0 {
		return a.Rcode == dns.RcodeFormatError || a.Rcode == dns.RcodeNotImplemented
	}
	want, got := m.Question[0], a.Question[0]
	return len(a.Question) == 1 && got.Qtype == want.Qtype && got.Qclass == want.Qclass &&
		strings.EqualFold(got.Name, want.Name)
}
