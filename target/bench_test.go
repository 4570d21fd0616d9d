package target

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

// known is a resolver whose cache knows a domain with NAPTR and three servers, a host, and a name that does not exist.
func known(tb testing.TB) *Resolver {
	tb.Helper()
	r, err := New(Config{Servers: []string{"127.0.0.1:9"}, Transports: everything, IPv4: true, IPv6: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Close)
	put := func(name string, kind uint16, lines ...string) {
		var rrs []dns.RR
		for _, l := range lines {
			rr, err := dns.NewRR(l)
			if err != nil {
				tb.Fatal(err)
			}
			rrs = append(rrs, rr)
		}
		set := found(question{name, bare, kind}, rrs)
		set.ttl = time.Hour
		r.cache.put(set, r.now())
	}
	put("example.com", dns.TypeNAPTR, `example.com. 1 NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.example.com.`)
	put("_sip._udp.example.com", dns.TypeSRV, "_sip._udp.example.com. 1 SRV 1 1 5060 a.example.com.",
		"_sip._udp.example.com. 1 SRV 1 2 5060 b.example.com.", "_sip._udp.example.com. 1 SRV 1 3 5060 c.example.com.")
	for _, h := range []string{"a.example.com", "b.example.com", "c.example.com"} {
		put(h, dns.TypeA, h+". 1 A 192.0.2.1", h+". 1 A 192.0.2.2")
		put(h, dns.TypeAAAA, h+". 1 AAAA 2001:db8::1")
	}
	put("none.example.com", dns.TypeA)
	put("none.example.com", dns.TypeAAAA)
	return r
}

type lookup struct {
	name string
	q    Query
}

func lookups() []lookup {
	return []lookup{
		{"literal", Query{Host: "192.0.2.1", Port: 5060}},
		{"literal IPv6", Query{Host: "2001:db8::1", Port: 5060}},
		{"host", Query{Host: "a.example.com", Port: 5060, Transport: sipwire.UDP}},
		{"domain", Query{Host: "example.com"}},
		{"domain in upper case", Query{Host: "EXAMPLE.COM."}},
		{"absent", Query{Host: "none.example.com", Port: 5060}},
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	r := known(t)
	for _, l := range lookups() {
		name, q := l.name, l.q
		if _, err, known := r.Lookup(q); !known || (err != nil) != (name == "absent") {
			t.Fatalf("%s: %v, known=%v", name, err, known)
		}
		if n := testing.AllocsPerRun(1000, func() { q.Key++; _, _, _ = r.Lookup(q) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for _, q := range []Query{{Host: "unknown.example.com"}, {Host: "bad name"}, {Host: "example.com", Transport: sipwire.SCTP}} {
		if n := testing.AllocsPerRun(1000, func() { _, _, _ = r.Lookup(q) }); n != 0 {
			t.Errorf("%s: %v allocations", q.Host, n)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	r := known(b)
	for _, l := range lookups() {
		q := l.q
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q.Key++
				_, _, _ = r.Lookup(q)
			}
		})
	}
	b.Run("domain on all cores", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			q := Query{Host: "example.com"}
			for pb.Next() {
				q.Key++
				_, _, _ = r.Lookup(q)
			}
		})
	})
}
