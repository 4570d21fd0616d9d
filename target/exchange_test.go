package target

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

func TestACutAnswerIsAskedAgainByTCP(t *testing.T) {
	s := serve(t, host(200, "h.example. 60 A 192.0.2.%d")...)
	r, _ := resolverOf(t, s)
	if _, err := resolved(t, r, Query{Host: "h.example", Port: 1}); err != nil {
		t.Fatal(err)
	}
	wantAsked(t, s, "A h.example", "A h.example by TCP")
	if set := r.cache.get(question{"h.example", bare, dns.TypeA}, r.now()); len(set.addrs) != maxRecords {
		t.Fatalf("%d addresses are kept", len(set.addrs))
	}
}

func TestACutAnswerWithoutTCPIsNoAnswer(t *testing.T) {
	s := serve(t)
	s.behave(func(w dns.ResponseWriter, m *dns.Msg) bool {
		if _, tcp := w.LocalAddr().(*net.TCPAddr); tcp {
			_ = w.Close()
			return true
		}
		a := new(dns.Msg).SetReply(m)
		a.Truncated = true
		rr, _ := dns.NewRR(m.Question[0].Name + " 60 A 192.0.2.1")
		a.Answer = []dns.RR{rr}
		_ = w.WriteMsg(a)
		return true
	})
	r, _ := resolverOf(t, s)
	if hop, err := resolved(t, r, Query{Host: "h.example", Port: 1}); !errors.Is(err, ErrUnavailable) {
		t.Fatal(hop, err)
	}
}

func TestOnlyTheAnswerToTheQuestionIsBelieved(t *testing.T) {
	s := serve(t, "h.example. 60 A 192.0.2.1")
	wrong := func(w dns.ResponseWriter, m *dns.Msg) bool {
		evil, _ := dns.NewRR("h.example. 60 A 203.0.113.66")
		forge := func(change func(a *dns.Msg)) {
			a := new(dns.Msg).SetReply(m)
			a.Answer = []dns.RR{evil}
			change(a)
			_ = w.WriteMsg(a)
		}
		_, _ = w.Write([]byte("garbage"))
		_, _ = w.Write(nil)
		_, _ = w.Write([]byte(strings.Repeat("\xc0\x0c", 300)))
		forge(func(a *dns.Msg) { a.Id++ })
		forge(func(a *dns.Msg) { a.Response = false })
		forge(func(a *dns.Msg) { a.Question = nil })
		forge(func(a *dns.Msg) { a.Question[0].Name = "i.example." })
		forge(func(a *dns.Msg) { a.Question[0].Qtype = dns.TypeAAAA })
		forge(func(a *dns.Msg) { a.Question[0].Qclass = dns.ClassCHAOS })
		forge(func(a *dns.Msg) { a.Question = append(a.Question, a.Question[0]) })
		forge(func(a *dns.Msg) { a.Opcode = dns.OpcodeUpdate })
		return false // the true answer follows
	}
	s.behave(wrong)
	r, _ := resolverOf(t, s)
	wantHop(t, r, Query{Host: "h.example", Port: 1}, "UDP 192.0.2.1:1")

	s.behave(func(w dns.ResponseWriter, m *dns.Msg) bool { wrong(w, m); return true }) // the true answer does not follow
	r, _ = resolverOf(t, s, func(c *Config) { c.Timeout = 100 * time.Millisecond })
	if hop, err := resolved(t, r, Query{Host: "h.example", Port: 1}); !errors.Is(err, ErrUnavailable) {
		t.Fatal(hop, err)
	}
}

func TestRecordsOfOthersAreNotTaken(t *testing.T) {
	s := serve(t)
	s.behave(func(w dns.ResponseWriter, m *dns.Msg) bool {
		a := new(dns.Msg).SetReply(m)
		for _, line := range []string{
			"other.example. 60 A 203.0.113.66", "h.example. 60 CH A 203.0.113.67", "h.example. 60 A 192.0.2.1",
			"h.example. 60 TXT x", "other.example. 60 CNAME h.example.",
		} {
			if rr, err := dns.NewRR(line); err == nil {
				a.Answer = append(a.Answer, rr)
			}
		}
		a.Extra = append(a.Extra, a.Answer[0])
		_ = w.WriteMsg(a)
		return true
	})
	r, _ := resolverOf(t, s)
	for k := range uint64(20) {
		wantHop(t, r, Query{Host: "h.example", Port: 1, Key: k}, "UDP 192.0.2.1:1")
	}
}

func chain(n int, end string) []string {
	lines := host(n, "c%d.example. 60 CNAME c")
	for i := range lines {
		lines[i] += fmt.Sprintf("%d.example.", i+1)
	}
	return append(lines, fmt.Sprintf("c%d.example. 60 %s", n, end))
}

// stepwise answers with one CNAME record at a time.
func stepwise(s *nameServer) func(w dns.ResponseWriter, m *dns.Msg) bool {
	return func(w dns.ResponseWriter, m *dns.Msg) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		alias := s.zone[key(dns.TypeCNAME, m.Question[0].Name)]
		if alias == nil {
			return false
		}
		a := new(dns.Msg).SetReply(m)
		a.Answer = alias
		_ = w.WriteMsg(a)
		return true
	}
}

func TestAliasesAreFollowedSoFarAndNoFarther(t *testing.T) {
	loop := []string{"c0.example. 60 CNAME c1.example.", "c1.example. 60 CNAME c0.example."}
	for _, c := range []struct {
		name string
		zone []string
		want error
	}{
		{"one", chain(1, "A 192.0.2.1"), nil},
		{"eight", chain(8, "A 192.0.2.1"), nil},
		{"nine", chain(9, "A 192.0.2.1"), ErrUnavailable},
		{"a loop", loop, ErrUnavailable},
		{"to nothing", chain(2, "TXT x"), ErrNotFound},
		{"to no name at all", []string{"c0.example. 60 CNAME nowhere.example."}, ErrNotFound},
		{"to what is no host name", []string{`c0.example. 60 CNAME a\032b.example.`}, ErrNotFound},
	} {
		for _, way := range []string{"in one answer", "in many answers"} {
			t.Run(c.name+" "+way, func(t *testing.T) {
				s := serve(t, c.zone...)
				if way == "in many answers" {
					s.behave(stepwise(s))
				}
				r, _ := resolverOf(t, s)
				hop, err := resolved(t, r, Query{Host: "c0.example", Port: 1})
				if !errors.Is(err, c.want) || err == nil && hop.String() != "UDP 192.0.2.1:1" {
					t.Fatalf("%v, %v", hop, err)
				}
				if n := len(s.questions()); n > maxChain+2 {
					t.Fatalf("%d questions", n)
				}
			})
		}
	}
}

func TestAServerWithoutEDNS0IsUnderstood(t *testing.T) {
	for _, rcode := range []int{dns.RcodeFormatError, dns.RcodeNotImplemented} {
		s := serve(t, "h.example. 60 A 192.0.2.1")
		s.behave(func(w dns.ResponseWriter, m *dns.Msg) bool {
			if m.IsEdns0() == nil {
				return false
			}
			a := new(dns.Msg).SetRcode(m, rcode)
			a.Question = nil
			_ = w.WriteMsg(a)
			return true
		})
		r, _ := resolverOf(t, s)
		wantHop(t, r, Query{Host: "h.example", Port: 1}, "UDP 192.0.2.1:1")
	}
}

func TestTheNextServerIsAskedAndRemembered(t *testing.T) {
	good := serve(t, "h.example. 60 A 192.0.2.1", "i.example. 60 A 192.0.2.2")
	refusing := serve(t)
	refusing.behave(func(w dns.ResponseWriter, m *dns.Msg) bool {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeRefused))
		return true
	})
	nobody, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close() // its port is closed now: the kernel says so at once
	r, _ := resolverOf(t, good, func(c *Config) {
		c.Servers = []string{nobody.LocalAddr().String(), refusing.addr, good.addr}
	})
	wantHop(t, r, Query{Host: "h.example", Port: 1}, "UDP 192.0.2.1:1")
	wantAsked(t, refusing, "A h.example")
	wantHop(t, r, Query{Host: "i.example", Port: 1}, "UDP 192.0.2.2:1")
	wantAsked(t, refusing)
}

func TestALostPacketIsAskedAgain(t *testing.T) {
	s := serve(t, "h.example. 60 A 192.0.2.1")
	var arrived atomic.Int32
	s.behave(func(dns.ResponseWriter, *dns.Msg) bool { return arrived.Add(1) == 1 })
	r, _ := resolverOf(t, s, func(c *Config) { c.Timeout, c.Attempts = 200*time.Millisecond, 5 })
	wantHop(t, r, Query{Host: "h.example", Port: 1}, "UDP 192.0.2.1:1")
	wantAsked(t, s, "A h.example", "A h.example")
}

func TestOneDeafFamilyDoesNotHideTheOther(t *testing.T) {
	s := serve(t, "h.example. 60 A 192.0.2.1", "h.example. 60 AAAA 2001:db8::1")
	s.behave(func(w dns.ResponseWriter, m *dns.Msg) bool {
		if m.Question[0].Qtype != dns.TypeAAAA {
			return false
		}
		_ = w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeServerFailure))
		return true
	})
	r, _ := resolverOf(t, s, func(c *Config) { c.IPv6 = true })
	for k := range uint64(10) {
		wantHop(t, r, Query{Host: "h.example", Port: 1, Key: k}, "UDP 192.0.2.1:1")
	}
	if _, err := resolved(t, r, Query{Host: "none.example", Port: 1}); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("no A record and a failed AAAA: %v", err)
	}
}

func TestAnIPv4AddressInAAAAIsNone(t *testing.T) {
	s := serve(t, "h.example. 60 AAAA ::ffff:192.0.2.1", "i.example. 60 AAAA ::ffff:192.0.2.1", "i.example. 60 AAAA 2001:db8::1")
	r, _ := resolverOf(t, s, func(c *Config) { c.IPv4, c.IPv6 = false, true })
	if hop, err := resolved(t, r, Query{Host: "h.example", Port: 1}); !errors.Is(err, ErrNotFound) {
		t.Fatal(hop, err)
	}
	wantHop(t, r, Query{Host: "i.example", Port: 1}, "UDP [2001:db8::1]:1")
}

func TestANameTooLongForItsServiceDoesNotExist(t *testing.T) {
	long := strings.Repeat("a.", 120) + "example" // 247 characters
	s := serve(t, long+". 60 A 192.0.2.1")
	r, _ := resolverOf(t, s)
	wantHop(t, r, Query{Host: long, Transport: sipwire.UDP}, "UDP 192.0.2.1:5060")
	wantAsked(t, s, "A "+long)
}

// What the library can read must not confuse us, whatever it says.
func FuzzAnswer(f *testing.F) {
	rr := func(lines ...string) []byte {
		m := new(dns.Msg).SetQuestion("h.example.", dns.TypeSRV)
		for _, l := range lines {
			r, err := dns.NewRR(l)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, r)
		}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	f.Add(rr("h.example. 60 SRV 1 2 3 a.example.", "h.example. 60 SRV 0 0 0 ."))
	f.Add(rr("h.example. 60 CNAME i.example.", "i.example. 60 A 192.0.2.1", "i.example. 60 AAAA ::1"))
	f.Add(rr(`h.example. 60 NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.example.`))
	f.Fuzz(func(t *testing.T, packet []byte) {
		m := new(dns.Msg)
		if m.Unpack(packet) != nil {
			return
		}
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeNAPTR} {
			q := question{"h.example", bare, kind}
			a := readAnswer(m, q.name, kind)
			set := a.records(q, m.Rcode)
			if a.ttl < 0 || a.ttl > maxTTL {
				t.Fatalf("time to live %v", a.ttl)
			}
			if set == nil {
				continue
			}
			if len(set.addrs)+len(set.srv)+len(set.naptr) > maxRecords || (set.err == nil) == set.absent {
				t.Fatalf("%+v", set)
			}
			for _, r := range set.srv {
				if !validName(r.target) || r.port == 0 {
					t.Fatalf("%+v", r)
				}
			}
		}
	})
}
