package target

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

// attempts is every hop of q, in order; each is asked for by Resolve and by Lookup. What ends the list is ErrNoMore, also for
// every attempt behind it.
func attempts(t *testing.T, r *Resolver, q Query) (hops []string) {
	t.Helper()
	for q.Attempt = 0; ; q.Attempt++ {
		hop, err := resolved(t, r, q)
		if again, err2, known := r.Lookup(q); !known || again != hop || fmt.Sprint(err2) != fmt.Sprint(err) {
			t.Fatalf("attempt %d: %v, %v; the cache says %v, %v, known=%v", q.Attempt, hop, err, again, err2, known)
		}
		if err == nil {
			hops = append(hops, hop.String())
			continue
		}
		if q.Attempt == 0 || !errors.Is(err, ErrNoMore) {
			t.Fatalf("attempt %d: %v", q.Attempt, err)
		}
		q.Attempt += 100
		if hop, err, _ := r.Lookup(q); !errors.Is(err, ErrNoMore) {
			t.Fatalf("attempt %d: %v, %v", q.Attempt, hop, err)
		}
		return hops
	}
}

func TestEachServerIsTriedOnceInOrder(t *testing.T) {
	const (
		naptrT = `example.com. 60 NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.example.com.`
		naptrS = `example.com. 60 NAPTR 20 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.`
		naptrC = `example.com. 60 NAPTR 15 10 "s" "SIP+D2S" "" _sip._sctp.example.com.`
		srvT1  = "_sip._tcp.example.com. 60 SRV 1 1 5071 a.example.com."
		srvT2  = "_sip._tcp.example.com. 60 SRV 2 1 5072 b.example.com."
		srvT3  = "_sip._tcp.example.com. 60 SRV 3 1 5073 c.example.com."
		srvS   = "_sips._tcp.example.com. 60 SRV 1 1 5074 c.example.com."
		srvU   = "_sip._udp.example.com. 60 SRV 1 1 5075 c.example.com."
		srvC   = "_sip._sctp.example.com. 60 SRV 1 1 5076 c.example.com."
		itself = "example.com. 60 A 192.0.2.100"
		a      = "a.example.com. 60 A 192.0.2.1"
		b      = "b.example.com. 60 A 192.0.2.2"
		c      = "c.example.com. 60 A 192.0.2.3"
	)
	for _, x := range []struct {
		name string
		q    Query
		zone []string
		want []string
	}{
		{"a literal", Query{Host: "192.0.2.9", Transport: sipwire.TCP}, nil, []string{"TCP 192.0.2.9:5060"}},
		{"an IPv6 literal of sips", Query{Host: "2001:db8::9", Secure: true}, nil, []string{"TLS [2001:db8::9]:5061"}},
		{"one address", Query{Host: "a.example.com", Port: 5080, Transport: sipwire.TCP}, []string{a}, []string{"TCP 192.0.2.1:5080"}},
		{"one address and nothing else", Query{}, []string{itself}, []string{"UDP 192.0.2.100:5060"}},
		{"WebSocket", Query{Transport: sipwire.WS}, []string{itself}, []string{"WS 192.0.2.100:80"}},
		{
			"servers by priority",
			Query{Transport: sipwire.TCP},
			[]string{itself, srvT3, srvT2, srvT1, a, b, c},
			[]string{"TCP 192.0.2.1:5071", "TCP 192.0.2.2:5072", "TCP 192.0.2.3:5073"},
		},
		{
			"a server without address",
			Query{Transport: sipwire.TCP},
			[]string{itself, srvT3, srvT2, srvT1, a, c},
			[]string{"TCP 192.0.2.1:5071", "TCP 192.0.2.3:5073"},
		},
		{
			"the last has no address",
			Query{Transport: sipwire.TCP},
			[]string{itself, srvT3, srvT2, srvT1, a, b},
			[]string{"TCP 192.0.2.1:5071", "TCP 192.0.2.2:5072"},
		},
		{
			"the next transport of NAPTR",
			Query{},
			[]string{itself, naptrS, naptrT, naptrC, srvT1, srvT2, srvC, srvS, srvU, a, b, c},
			[]string{"TCP 192.0.2.1:5071", "TCP 192.0.2.2:5072", "TLS 192.0.2.3:5074"},
		},
		{"the next of NAPTR is missing", Query{}, []string{itself, naptrS, naptrT, srvT1, a}, []string{"TCP 192.0.2.1:5071"}},
		{"the first of NAPTR is missing", Query{}, []string{itself, naptrS, naptrT, srvS, c}, []string{"TLS 192.0.2.3:5074"}},
		{"all of NAPTR is missing", Query{}, []string{itself, naptrS, naptrT}, []string{"TCP 192.0.2.100:5060"}},
		{"the next of NAPTR has no address", Query{}, []string{itself, naptrT, naptrS, srvT2, srvS, b}, []string{"TCP 192.0.2.2:5072"}},
		{"sips takes secured services only", Query{Secure: true}, []string{itself, naptrS, naptrT, srvT1, srvS, a, c}, []string{"TLS 192.0.2.3:5074"}},
		{
			"the next transport without NAPTR",
			Query{},
			[]string{itself, srvU, srvT1, srvT2, a, b, c},
			[]string{"UDP 192.0.2.3:5075", "TCP 192.0.2.1:5071", "TCP 192.0.2.2:5072"},
		},
		{"not available by the next", Query{}, []string{itself, srvU, "_sip._tcp.example.com. 60 SRV 0 0 0 .", c}, []string{"UDP 192.0.2.3:5075"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serve(t, x.zone...)
			r, _ := resolverOf(t, s, func(c *Config) { c.IPv6 = true })
			if x.q.Host == "" {
				x.q.Host = "example.com"
			}
			if got := attempts(t, r, x.q); !slices.Equal(got, x.want) {
				t.Fatalf("got %q, want %q", got, x.want)
			}
		})
	}
}

func TestWhatIsNotThereStaysNotThere(t *testing.T) {
	s := serve(t)
	r, _ := resolverOf(t, s, func(c *Config) { c.IPv6 = false })
	for _, x := range []struct {
		q    Query
		want error
	}{
		{Query{Host: "none.example"}, ErrNotFound},
		{Query{Host: "bad name"}, ErrBadName},
		{Query{Host: "1.2.3"}, ErrBadName},
		{Query{Host: "2001:db8::1"}, ErrNoTransport},
		{Query{Host: "192.0.2.1", Transport: sipwire.SCTP}, ErrNoTransport},
	} {
		for x.q.Attempt = -1; x.q.Attempt < 3; x.q.Attempt++ {
			if hop, err := resolved(t, r, x.q); !errors.Is(err, x.want) {
				t.Errorf("%+v: %v, %v", x.q, hop, err)
			}
		}
	}
}

// RFC 8305 §4: families take turns.
func TestOneDeadFamilyCostsOneAttempt(t *testing.T) {
	var zone []string
	zone = append(zone, host(3, "h.example. 60 A 192.0.2.%d")...)
	zone = append(zone, host(5, "h.example. 60 AAAA 2001:db8::1%d")...)
	zone = append(zone, host(4, "i.example. 60 A 192.0.2.%d")...)
	s := serve(t, zone...)
	r, _ := resolverOf(t, s, func(c *Config) { c.IPv6 = true })
	firsts := map[byte]int{}
	for k := range uint64(200) {
		q := Query{Host: "h.example", Port: 5060, Transport: sipwire.TCP, Key: k}
		got := attempts(t, r, q)
		families := ""
		for _, hop := range got {
			if strings.Contains(hop, "[") {
				families += "6"
			} else {
				families += "4"
			}
		}
		if families != "46464666" && families != "64646466" {
			t.Fatalf("key %d tries %s", k, families)
		}
		firsts[families[0]]++
		slices.Sort(got)
		if len(slices.Compact(got)) != 8 {
			t.Fatalf("key %d tries only %q", k, got)
		}
		q.Family = OnlyIPv6
		if got := attempts(t, r, q); len(got) != 5 {
			t.Fatalf("key %d tries %q", k, got)
		}
		q = Query{Host: "i.example", Port: 5060, Transport: sipwire.TCP, Key: k}
		if got := attempts(t, r, q); len(got) != 4 {
			t.Fatalf("key %d tries %q", k, got)
		}
	}
	if firsts['4'] < 20 || firsts['6'] < 20 {
		t.Fatalf("the first family is %v", firsts)
	}
}

func TestTheNextChoiceIsSpreadToo(t *testing.T) {
	var addrs []netip.Addr
	for i := range 4 {
		addrs = append(addrs, netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}))
	}
	second := map[netip.Addr]int{}
	for k := range uint64(12000) {
		if best, _ := pickAddr(k, netip.Addr{}, 0, addrs); best == addrs[0] {
			second[nthAddr(k, 1, best, addrs, nil)]++
		}
	}
	for _, a := range addrs[1:] {
		if second[a] < 850 || second[a] > 1150 {
			t.Fatalf("after the first came %v", second)
		}
	}
}

// A server whose address is not known yet is asked for only when its turn comes, and one that fails to be found ends nothing.
func TestOnlyWhatIsTriedIsAsked(t *testing.T) {
	s := serve(t, "_sip._tcp.example.com. 60 SRV 1 1 5071 a.example.com.", "_sip._tcp.example.com. 60 SRV 2 1 5072 b.example.com.",
		"a.example.com. 60 A 192.0.2.1", "b.example.com. 60 A 192.0.2.2")
	r, _ := resolverOf(t, s)
	q := Query{Host: "example.com", Transport: sipwire.TCP}
	wantHop(t, r, q, "TCP 192.0.2.1:5071")
	wantAsked(t, s, "SRV _sip._tcp.example.com", "A a.example.com")
	q.Attempt = 1
	if _, _, known := r.Lookup(q); known {
		t.Fatal("known before it was asked")
	}
	wantHop(t, r, q, "TCP 192.0.2.2:5072")
	wantAsked(t, s, "A b.example.com")
	s.behave(func(w dns.ResponseWriter, m *dns.Msg) bool {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeServerFailure))
		return true
	})
	sick, _ := resolverOf(t, s)
	if hop, err := resolved(t, sick, q); !errors.Is(err, ErrUnavailable) {
		t.Fatal(hop, err)
	}
}

func TestALaterAttemptDoesNotAllocate(t *testing.T) {
	r := known(t)
	for _, l := range lookups() {
		q := l.q
		for q.Attempt = 0; q.Attempt < 10; q.Attempt++ {
			if n := testing.AllocsPerRun(100, func() { q.Key++; _, _, _ = r.Lookup(q) }); n != 0 {
				t.Errorf("%s, attempt %d: %v allocations", l.name, q.Attempt, n)
			}
		}
	}
}

// Whatever the records, each address of each server is tried once, in an order that the first attempt begins, and no order
// within an answer changes it.
func FuzzAttempts(f *testing.F) {
	f.Add(uint64(1), []byte{1, 2, 3})
	f.Add(uint64(99), []byte{0x80, 0x41, 0xff, 0x00, 0x17})
	f.Fuzz(func(t *testing.T, key uint64, shape []byte) {
		if len(shape) > 12 {
			shape = shape[:12]
		}
		r, err := New(Config{Servers: []string{"127.0.0.1:9"}, Transports: everything, IPv4: true, IPv6: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		put := func(name string, s service, kind uint16, rrs []dns.RR) {
			set := found(question{name, s, kind}, rrs)
			set.ttl = maxTTL
			r.cache.put(set, r.now())
		}
		var servers []dns.RR
		most := 0
		for i, b := range shape { // each byte is a server: its priority, its number of addresses by family
			name := fmt.Sprintf("t%d.example", i)
			servers = append(servers, &dns.SRV{Hdr: dns.RR_Header{Rrtype: dns.TypeSRV}, Priority: uint16(b >> 6), Weight: uint16(b), Port: uint16(1000 + i), Target: name + "."})
			var v4, v6 []dns.RR
			for n := range b & 7 {
				v4 = append(v4, &dns.A{A: []byte{192, 0, 2, n + 1}})
			}
			for n := range b >> 3 & 7 {
				v6 = append(v6, &dns.AAAA{AAAA: netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: n + 1}).AsSlice()})
			}
			put(name, bare, dns.TypeA, v4)
			put(name, bare, dns.TypeAAAA, v6)
			most += len(v4) + len(v6)
		}
		put("example", sipTCP, dns.TypeSRV, servers)
		if len(servers) == 0 {
			put("example", bare, dns.TypeA, nil)
			put("example", bare, dns.TypeAAAA, nil)
		}
		seen := map[Hop]bool{}
		var last Hop
		for q := (Query{Host: "example", Transport: sipwire.TCP, Key: key}); ; q.Attempt++ {
			hop, err, known := r.Lookup(q)
			if !known {
				t.Fatal("not known")
			}
			if err != nil {
				if q.Attempt > 0 && err != ErrNoMore || q.Attempt == 0 && !errors.Is(err, ErrNotFound) {
					t.Fatalf("attempt %d: %v", q.Attempt, err)
				}
				if len(shape) <= maxTargets && q.Attempt != most {
					t.Fatalf("%d attempts for %d addresses", q.Attempt, most)
				}
				return
			}
			if seen[hop] {
				t.Fatalf("%v is tried twice", hop)
			}
			if server, before := int(hop.Addr.Port())-1000, int(last.Addr.Port())-1000; q.Attempt > 0 && shape[server]>>6 < shape[before]>>6 {
				t.Fatalf("%v is tried after %v", hop, last)
			}
			seen[hop], last = true, hop
		}
	})
}
