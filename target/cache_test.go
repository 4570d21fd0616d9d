package target

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

const soa = "example. 600 SOA ns.example. root.example. 1 3600 600 86400 "

func TestAnswersAreKeptForTheirTimeToLive(t *testing.T) {
	alias := []string{"h.example. 5 CNAME a.example.", "a.example. 60 A 192.0.2.1"}
	tests := []struct {
		name string
		zone []string
		q    Query
		ttl  time.Duration
	}{
		{"as it says", []string{"h.example. 10 A 192.0.2.1"}, Query{Port: 1}, 10 * time.Second},
		{"the shortest of the set", []string{"h.example. 20 A 192.0.2.1", "h.example. 10 A 192.0.2.2"}, Query{Port: 1}, 10 * time.Second},
		{"zero serves those that waited", []string{"h.example. 0 A 192.0.2.1"}, Query{Port: 1}, time.Second},
		{"a day is an hour", []string{"h.example. 86400 A 192.0.2.1"}, Query{Port: 1}, time.Hour},
		{"the top bit means zero", []string{"h.example. 4000000000 A 192.0.2.1"}, Query{Port: 1}, time.Second},
		{"an alias counts", alias, Query{Port: 1}, 5 * time.Second},
		{"no such name, without SOA", nil, Query{Port: 1}, 30 * time.Second},
		{"no such name", []string{soa + "40"}, Query{Port: 1}, 40 * time.Second},
		{"no such name, SOA of a day", []string{"example. 86400 SOA ns.example. root.example. 1 3600 600 86400 86400"}, Query{Port: 1}, 5 * time.Minute},
		{"no such name, SOA's own TTL", []string{"example. 7 SOA ns.example. root.example. 1 3600 600 86400 300"}, Query{Port: 1}, 7 * time.Second},
		{"no such records", []string{soa + "40", "h.example. 5 TXT x"}, Query{Port: 1}, 40 * time.Second},
		{"no SRV", []string{soa + "8", "h.example. 10 A 192.0.2.1"}, Query{Transport: sipwire.UDP}, 8 * time.Second},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.zone...)
			r, clock := resolverOf(t, s)
			c.q.Host = "h.example"
			hop, err := resolved(t, r, c.q)
			s.questions()
			clock.move(c.ttl - 1)
			if again, err2, known := r.Lookup(c.q); !known || again != hop || fmt.Sprint(err2) != fmt.Sprint(err) {
				t.Fatalf("%v, %v just before the time is over; it was %v, %v (known=%v)", again, err2, hop, err, known)
			}
			clock.move(1)
			if _, _, known := r.Lookup(c.q); known {
				t.Fatal("still known when the time is over")
			}
			if _, err2 := resolved(t, r, c.q); fmt.Sprint(err2) != fmt.Sprint(err) || s.questions() == nil {
				t.Fatalf("asked anew: %v, it was %v", err2, err)
			}
		})
	}
}

func TestAChangeIsSeenWhenTheTimeIsOver(t *testing.T) {
	s := serve(t, "h.example. 10 A 192.0.2.1")
	r, clock := resolverOf(t, s)
	q := Query{Host: "h.example", Port: 1}
	wantHop(t, r, q, "UDP 192.0.2.1:1")
	s.set(t, "h.example. 10 A 192.0.2.2")
	wantHop(t, r, q, "UDP 192.0.2.1:1")
	clock.move(10 * time.Second)
	wantHop(t, r, q, "UDP 192.0.2.2:1")
}

func TestAFailureIsKeptForAMomentOnly(t *testing.T) {
	s := serve(t, "h.example. 10 A 192.0.2.1")
	r, clock := resolverOf(t, s)
	s.behave(func(w dns.ResponseWriter, m *dns.Msg) bool {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeServerFailure))
		return true
	})
	q := Query{Host: "h.example", Port: 1}
	for range 3 {
		if _, err := resolved(t, r, q); !errors.Is(err, ErrUnavailable) {
			t.Fatal(err)
		}
	}
	wantAsked(t, s, "A h.example")
	s.behave(nil)
	clock.move(failedTTL)
	wantHop(t, r, q, "UDP 192.0.2.1:1")
}

func answerFor(name string, ttl time.Duration) *recordSet {
	return &recordSet{question: question{name, bare, dns.TypeA}, ttl: ttl, addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
}

func entries(c *cache) int {
	n := 0
	for i := range c.slots {
		if c.slots[i].Load() != nil {
			n++
		}
	}
	return n
}

func TestAFloodOfNamesNeitherGrowsTheCacheNorDrivesOutWhatIsUsed(t *testing.T) {
	c := newCache(1000)
	now := time.Unix(0, 0)
	var ours []question
	for i := range 100 {
		set := answerFor(fmt.Sprintf("ours%d.example", i), time.Hour)
		c.put(set, now)
		ours = append(ours, set.question)
	}
	missed := 0
	for i := range 100000 {
		if i%1000 == 0 {
			for _, q := range ours {
				if c.get(q, now) == nil {
					missed++
					c.put(answerFor(q.name, time.Hour), now)
				}
			}
		}
		c.put(absent(question{fmt.Sprintf("x%d.example", i), bare, dns.TypeA}, "flood"), now)
	}
	if n := entries(c); n > 1000 {
		t.Fatalf("%d entries in a cache of 1000", n)
	}
	if missed > 100 { // of 10 000; a few share a place with too many of our own
		t.Fatalf("%d of 10000 look-ups of names in use missed", missed)
	}
}

func TestAFullCacheTakesWhatIsNew(t *testing.T) {
	for _, size := range []int{1, 3, 8, 17} {
		c := newCache(size)
		now := time.Unix(0, 0)
		for i := range 100 {
			set := answerFor(fmt.Sprintf("n%d.example", i), time.Hour)
			c.put(set, now)
			if c.get(set.question, now) != set {
				t.Fatalf("size %d: entry %d is not there", size, i)
			}
		}
		if n := entries(c); n == 0 || n > size {
			t.Fatalf("size %d: %d entries", size, n)
		}
	}
}

func TestQuestionsAreNotMistakenForOneAnother(t *testing.T) {
	c := newCache(1000)
	now := time.Unix(0, 0)
	qs := []question{
		{"a.example", bare, dns.TypeA},
		{"a.example", bare, dns.TypeAAAA},
		{"a.example", bare, dns.TypeSRV},
		{"a.example", sipUDP, dns.TypeSRV},
		{"a.example", sipTCP, dns.TypeSRV},
		{"a.example.", bare, dns.TypeA},
		{"b.example", bare, dns.TypeA},
	}
	for _, q := range qs {
		c.put(&recordSet{question: q, ttl: time.Minute}, now)
	}
	for _, q := range qs {
		if set := c.get(q, now); set == nil || set.question != q {
			t.Errorf("%v: %v", q, set)
		}
	}
	if set := c.get(question{strings.ToUpper("a.example"), bare, dns.TypeA}, now); set == nil || set.question != qs[0] {
		t.Errorf("in upper case: %v", set)
	}
}
