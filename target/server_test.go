package target

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/actorsip/actorsip/sipwire"
)

// nameServer is a real name server on 127.0.0.1, by UDP and by TCP, that counts what it is asked.
type nameServer struct {
	addr string

	mu      sync.Mutex
	zone    map[string][]dns.RR // by "TYPE name."
	asked   []string            // "TYPE name", with " by TCP" when it was
	instead func(w dns.ResponseWriter, m *dns.Msg) bool
	arrived chan string // hears of each question, when it is not nil
}

// serve starts a name server with records as in a zone file: "example.com. 60 A 192.0.2.1".
func serve(t *testing.T, records ...string) *nameServer {
	t.Helper()
	s := &nameServer{zone: make(map[string][]dns.RR)}
	s.set(t, records...)
	var pc net.PacketConn
	var l net.Listener
	for range 10 { // until a port is free for both
		var err error
		if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		s.addr = pc.LocalAddr().String()
		if l, err = net.Listen("tcp", s.addr); err == nil {
			break
		}
		pc.Close()
	}
	if l == nil {
		t.Fatal("no port is free for UDP and TCP")
	}
	for _, server := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: l, Handler: s}} {
		started, ended := make(chan struct{}), make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		go func() { defer close(ended); _ = server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = server.Shutdown(); <-ended })
	}
	return s
}

func key(kind uint16, name string) string {
	return dns.TypeToString[kind] + " " + strings.ToLower(name)
}

// set puts records in the place of all that were there.
func (s *nameServer) set(t *testing.T, records ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = make(map[string][]dns.RR)
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil || rr == nil {
			t.Fatalf("%s: %v", text, err)
		}
		k := key(rr.Header().Rrtype, rr.Header().Name)
		s.zone[k] = append(s.zone[k], rr)
	}
}

func (s *nameServer) behave(instead func(w dns.ResponseWriter, m *dns.Msg) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instead = instead
}

// questions is what was asked since the last call.
func (s *nameServer) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *nameServer) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	q := m.Question[0]
	text := key(q.Qtype, strings.TrimSuffix(q.Name, "."))
	if _, tcp := w.LocalAddr().(*net.TCPAddr); tcp {
		text += " by TCP"
	}
	s.mu.Lock()
	s.asked = append(s.asked, text)
	instead, arrived := s.instead, s.arrived
	s.mu.Unlock()
	if arrived != nil {
		arrived <- text
	}
	if instead != nil && instead(w, m) {
		return
	}
	a := s.answer(m)
	if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if opt := m.IsEdns0(); opt != nil {
			size = int(opt.UDPSize())
		}
		a.Truncate(size)
	}
	_ = w.WriteMsg(a)
}

// answer is what a recursive resolver would say: the records in any order, the CNAME records that lead to them, or the
// SOA record of the zone that has none.
func (s *nameServer) answer(m *dns.Msg) *dns.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := new(dns.Msg).SetReply(m)
	name, kind := m.Question[0].Name, m.Question[0].Qtype
	for range 20 {
		alias := s.zone[key(dns.TypeCNAME, name)]
		if alias == nil {
			break
		}
		a.Answer = append(a.Answer, alias...)
		name = alias[0].(*dns.CNAME).Target
	}
	a.Answer = append(a.Answer, s.zone[key(kind, name)]...)
	rand.Shuffle(len(a.Answer), func(i, j int) { a.Answer[i], a.Answer[j] = a.Answer[j], a.Answer[i] })
	if s.zone[key(kind, name)] != nil {
		return a
	}
	a.Rcode = dns.RcodeNameError
	for k := range s.zone {
		if strings.HasSuffix(k, " "+strings.ToLower(name)) {
			a.Rcode = dns.RcodeSuccess
		}
	}
	for k, soa := range s.zone {
		if zone, ok := strings.CutPrefix(k, "SOA "); ok && dns.IsSubDomain(zone, name) {
			a.Ns = append(a.Ns, soa...)
		}
	}
	return a
}

// clock is a clock that stands until it is moved.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(1_000_000, c.nanos.Load()) }
func (c *clock) move(d time.Duration) { c.nanos.Add(int64(d)) }

var everything = []sipwire.Transport{sipwire.UDP, sipwire.TCP, sipwire.TLS, sipwire.WS, sipwire.WSS}

// resolverOf asks s, by a clock that stands. It is closed when the test ends.
func resolverOf(t testing.TB, s *nameServer, change ...func(*Config)) (*Resolver, *clock) {
	t.Helper()
	cfg := Config{Servers: []string{s.addr}, Timeout: 5 * time.Second, Attempts: 1, Transports: everything, IPv4: true}
	for _, c := range change {
		c(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := new(clock)
	r.now = c.now
	t.Cleanup(r.Close)
	return r, c
}

type result struct {
	hop Hop
	err error
}

// asked starts a query whose outcome can be received.
func asked(t testing.TB, r *Resolver, q Query) <-chan result {
	t.Helper()
	told := make(chan result, 2) // room for a second, forbidden call
	if err := r.Resolve(q, func(hop Hop, err error) { told <- result{hop, err} }); err != nil {
		t.Fatal(err)
	}
	return told
}

func heard(t testing.TB, told <-chan result) result {
	t.Helper()
	select {
	case got := <-told:
		return got
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
		return result{}
	}
}

func resolved(t testing.TB, r *Resolver, q Query) (Hop, error) {
	t.Helper()
	got := heard(t, asked(t, r, q))
	return got.hop, got.err
}

func wantHop(t testing.TB, r *Resolver, q Query, want string) {
	t.Helper()
	hop, err := resolved(t, r, q)
	if err != nil || hop.String() != want {
		t.Fatalf("%+v leads to %v (%v), want %s", q, hop, err, want)
	}
	again, err, known := r.Lookup(q)
	if again != hop || err != nil || !known {
		t.Fatalf("%+v led to %v, then the cache says %v, %v, known=%v", q, hop, again, err, known)
	}
}

func wantAsked(t testing.TB, s *nameServer, want ...string) {
	t.Helper()
	if got := s.questions(); !slices.Equal(got, want) {
		t.Fatalf("asked %q, want %q", got, want)
	}
}

func host(n int, format string) []string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf(format, i))
	}
	return lines
}
