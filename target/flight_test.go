package target

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/loop"
	"github.com/actorsip/actorsip/sipwire"
)

// held makes the server keep every question for names that begin with prefix until release is called.
func held(s *nameServer, prefix string) (release func()) {
	gate := make(chan struct{})
	s.mu.Lock()
	s.arrived = make(chan string, 10000)
	s.mu.Unlock()
	s.behave(func(_ dns.ResponseWriter, m *dns.Msg) bool {
		if strings.HasPrefix(m.Question[0].Name, prefix) {
			<-gate
		}
		return false
	})
	return sync.OnceFunc(func() { close(gate) })
}

func TestOneQuestionServesAllWhoWait(t *testing.T) {
	s := serve(t, "_sip._udp.h.example. 60 SRV 1 1 5070 a.example.", "a.example. 60 A 192.0.2.1")
	release := held(s, "")
	r, _ := resolverOf(t, s)
	var all []<-chan result
	for k := range uint64(200) {
		name := "h.example"
		if k%2 == 1 {
			name = "H.Example."
		}
		all = append(all, asked(t, r, Query{Host: name, Transport: sipwire.UDP, Key: k}))
	}
	release()
	for _, told := range all {
		if got := heard(t, told); got.err != nil || got.hop.String() != "UDP 192.0.2.1:5070" {
			t.Fatal(got)
		}
	}
	wantAsked(t, s, "SRV _sip._udp.h.example", "A a.example")
	for _, told := range all {
		if len(told) != 0 {
			t.Fatal("told twice")
		}
	}
}

func TestADeadServerHoldsUpOnlyWhoNeedsIt(t *testing.T) {
	s := serve(t, "fast.example. 60 A 192.0.2.1", "other.example. 60 A 192.0.2.2", "slow0.example. 60 A 192.0.2.3")
	release := held(s, "slow")
	r, _ := resolverOf(t, s, func(c *Config) { c.MaxWaiting = 10; c.Timeout = 15 * time.Second })
	wantHop(t, r, Query{Host: "fast.example", Port: 1}, "UDP 192.0.2.1:1")
	var waiting []<-chan result
	for i := range 9 {
		waiting = append(waiting, asked(t, r, Query{Host: fmt.Sprintf("slow%d.example", i), Port: 1}))
	}
	wantHop(t, r, Query{Host: "other.example", Port: 1}, "UDP 192.0.2.2:1") // the tenth place
	waiting = append(waiting, asked(t, r, Query{Host: "slow0.example", Port: 2}))
	for range 100 {
		if err := r.Resolve(Query{Host: "slow99.example"}, func(Hop, error) { t.Error("told after ErrBusy") }); err != ErrBusy {
			t.Fatalf("the eleventh: %v", err)
		}
		if _, err, known := r.Lookup(Query{Host: "fast.example", Port: 1}); !known || err != nil {
			t.Fatal("the cache does not answer while the server is dead")
		}
	}
	release()
	for i, told := range waiting {
		want := error(nil)
		if i != 0 && i != 9 {
			want = ErrNotFound
		}
		if got := heard(t, told); !errors.Is(got.err, want) {
			t.Errorf("waiter %d heard %v", i, got)
		}
	}
	wantHop(t, r, Query{Host: "slow0.example", Port: 1}, "UDP 192.0.2.3:1")
}

func TestCloseTellsWhoWaits(t *testing.T) {
	s := serve(t)
	release := held(s, "")
	defer release()
	r, _ := resolverOf(t, s, func(c *Config) { c.Timeout = time.Minute; c.IPv6 = true })
	var all []<-chan result
	for i := range 20 {
		all = append(all, asked(t, r, Query{Host: fmt.Sprintf("h%d.example", i/2), Port: uint16(i % 2)}))
	}
	<-s.arrived
	began := time.Now()
	r.Close()
	for _, told := range all {
		select {
		case got := <-told:
			if got.err != ErrClosed {
				t.Errorf("heard %v", got)
			}
		default:
			t.Error("Close returned before a waiter was told")
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := r.Resolve(Query{Host: "h.example"}, func(Hop, error) {}); err != ErrClosed {
		t.Errorf("Resolve after Close: %v", err)
	}
	if hop, err, known := r.Lookup(Query{Host: "192.0.2.1"}); !known || err != nil {
		t.Errorf("Lookup after Close: %v %v", hop, err)
	}
	r.Close()
}

func TestNoGoroutineIsLeft(t *testing.T) {
	s := serve(t, "h.example. 0 A 192.0.2.1")
	before := runtime.NumGoroutine()
	for range 5 {
		r, clock := resolverOf(t, s, func(c *Config) { c.IPv6 = true })
		for i := range 20 {
			for _, name := range []string{"h.example", "none.example", "192.0.2.1", "bad name"} {
				_ = r.Resolve(Query{Host: name, Key: uint64(i)}, func(Hop, error) {})
			}
			clock.move(time.Second)
		}
		r.Close()
		r.mu.Lock()
		if len(r.flights) != 0 || r.waiting != 0 {
			t.Errorf("%d flights and %d waiting after Close", len(r.flights), r.waiting)
		}
		r.mu.Unlock()
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before { // the name server's own end a little later
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
		runtime.Gosched()
	}
}

func TestAPanicCostsOneWaiter(t *testing.T) {
	s := serve(t, "h.example. 60 A 192.0.2.1")
	release := held(s, "")
	var panics atomic.Int32
	r, _ := resolverOf(t, s, func(c *Config) { c.Failed = func(loop.Ended) { panics.Add(1) } })
	var all []<-chan result
	for i := range 9 {
		if i%3 == 1 {
			if err := r.Resolve(Query{Host: "h.example", Port: 1}, func(Hop, error) { panic("poison") }); err != nil {
				t.Fatal(err)
			}
			continue
		}
		all = append(all, asked(t, r, Query{Host: "h.example", Port: 1}))
	}
	release()
	for _, told := range all {
		if got := heard(t, told); got.err != nil {
			t.Fatal(got.err)
		}
	}
	if err := r.Resolve(Query{Host: "192.0.2.1"}, func(Hop, error) { panic("poison") }); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if panics.Load() != 4 || r.waiting != 0 {
		t.Fatalf("%d panics were told of, %d wait", panics.Load(), r.waiting)
	}
}

// A panic below fetch must not leave anyone waiting, nor a packet's buffer with nobody.
func TestAPanicWhileAskingIsAFailedAnswer(t *testing.T) {
	s := serve(t)
	r, _ := resolverOf(t, s)
	r.servers = nil
	if _, err := resolved(t, r, Query{Host: "h.example", Port: 1}); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
}

func TestDoneMayAskAgain(t *testing.T) {
	s := serve(t, "a.example. 60 A 192.0.2.1", "b.example. 60 A 192.0.2.2")
	r, _ := resolverOf(t, s, func(c *Config) { c.MaxWaiting = 1 })
	told := make(chan result, 1)
	err := r.Resolve(Query{Host: "a.example", Port: 1}, func(Hop, error) {
		err := r.Resolve(Query{Host: "b.example", Port: 1}, func(hop Hop, err error) { told <- result{hop, err} })
		if err != nil {
			told <- result{Hop{}, err}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := heard(t, told); got.err != nil || got.hop.String() != "UDP 192.0.2.2:1" {
		t.Fatal(got)
	}
}

func TestAQueryThatTakesTooLongIsGivenUp(t *testing.T) {
	s := serve(t, "_sip._udp.h.example. 60 SRV 1 1 5070 a.example.", "a.example. 60 A 192.0.2.1")
	r, clock := resolverOf(t, s)
	s.behave(func(dns.ResponseWriter, *dns.Msg) bool { clock.move(patience + 1); return false })
	_, err := resolved(t, r, Query{Host: "h.example", Transport: sipwire.UDP})
	if !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	wantAsked(t, s, "SRV _sip._udp.h.example")
}

func TestManyAtOnceAreEachToldOnce(t *testing.T) {
	var zone []string
	for i := range 10 {
		zone = append(zone, fmt.Sprintf("_sip._udp.d%d.example. 1 SRV 1 1 5060 t%d.example.", i, i), fmt.Sprintf("t%d.example. 1 A 192.0.2.%d", i, i+1),
			fmt.Sprintf("t%d.example. 1 AAAA 2001:db8::%d", i, i+1))
	}
	s := serve(t, zone...)
	r, clock := resolverOf(t, s, func(c *Config) { c.IPv6, c.CacheSize, c.MaxWaiting = true, 16, 5000 })
	var told, busy atomic.Int64
	var all sync.WaitGroup
	const each = 500
	for g := range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range each {
				q := Query{Host: fmt.Sprintf("d%d.example", (i+g)%12), Key: uint64(i)}
				if _, _, known := r.Lookup(q); known {
					told.Add(1)
					continue
				}
				all.Add(1)
				err := r.Resolve(q, func(_ Hop, err error) {
					if err != nil && !errors.Is(err, ErrNotFound) {
						t.Error(err)
					}
					told.Add(1)
					all.Done()
				})
				if err != nil {
					busy.Add(1)
					all.Done()
				}
				if i%50 == 0 {
					clock.move(200 * time.Millisecond) // 8 s in all: several lifetimes, within patience
				}
			}
		}()
	}
	all.Wait()
	if told.Load()+busy.Load() != 4*each {
		t.Fatalf("%d told and %d refused of %d", told.Load(), busy.Load(), 4*each)
	}
}

func TestExplainListsEveryQuestionInOrder(t *testing.T) {
	s := serve(t, soa+"30", `h.example. 60 NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.h.example.`,
		"_sip._udp.h.example. 60 SRV 1 1 5070 gone.example.", "_sip._udp.h.example. 60 SRV 2 1 5070 a.example.", "a.example. 50 A 192.0.2.1")
	r, clock := resolverOf(t, s)
	want := []string{
		"neither port nor transport is given: NAPTR, then SRV",
		"NAPTR h.example: 10 10 UDP _sip._udp.h.example (from SERVER, for 1m0s)",
		"SRV _sip._udp.h.example: 1 1 5070 gone.example, 2 1 5070 a.example (from SERVER, for 1m0s)",
		"A gone.example: the name does not exist (from SERVER, for 30s)",
		"A a.example: 192.0.2.1 (from SERVER, for 50s)",
	}
	explain := func(q Query) (string, Hop) {
		t.Helper()
		steps, hop, err := r.Explain(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(strings.Join(steps, "\n"), s.addr, "SERVER"), hop
	}
	got, hop := explain(Query{Host: "h.example"})
	if got != strings.Join(want, "\n") || hop.String() != "UDP 192.0.2.1:5070" {
		t.Fatalf("%v\n%s", hop, got)
	}
	clock.move(10 * time.Second)
	if got, _ := explain(Query{Host: "a.example", Port: 5070}); got != "port 5070 is given: no NAPTR or SRV record is asked\n"+
		"A a.example: 192.0.2.1 (from cache, for 40s)" {
		t.Fatal(got)
	}
	if got, _ := explain(Query{Host: "192.0.2.9"}); got != "192.0.2.9 is an address: no question to ask" {
		t.Fatal(got)
	}
}

func TestExplainEndsWithItsContext(t *testing.T) {
	s := serve(t)
	release := held(s, "")
	defer release()
	r, _ := resolverOf(t, s, func(c *Config) { c.Timeout = time.Minute })
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-s.arrived; cancel() }()
	steps, _, err := r.Explain(ctx, Query{Host: "h.example"})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnavailable) || len(steps) != 1 {
		t.Fatal(steps, err)
	}
}
