package target

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/sipwire"
)

func TestALiteralIsNeverAsked(t *testing.T) {
	s := serve(t)
	r, _ := resolverOf(t, s, func(c *Config) { c.IPv6 = true })
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Host: "192.0.2.1"}, "UDP 192.0.2.1:5060"},
		{Query{Host: "192.0.2.1", Port: 5070}, "UDP 192.0.2.1:5070"},
		{Query{Host: "192.0.2.1", Transport: sipwire.TCP}, "TCP 192.0.2.1:5060"},
		{Query{Host: "192.0.2.1", Transport: sipwire.TLS}, "TLS 192.0.2.1:5061"},
		{Query{Host: "192.0.2.1", Transport: sipwire.WS}, "WS 192.0.2.1:80"},
		{Query{Host: "192.0.2.1", Secure: true}, "TLS 192.0.2.1:5061"},
		{Query{Host: "192.0.2.1", Secure: true, Transport: sipwire.TCP}, "TLS 192.0.2.1:5061"},
		{Query{Host: "192.0.2.1", Secure: true, Transport: sipwire.WS, Port: 8443}, "WSS 192.0.2.1:8443"},
		{Query{Host: "192.0.2.1", Secure: true, Transport: sipwire.WS}, "WSS 192.0.2.1:443"},
		{Query{Host: "192.0.2.1", Secure: true, Transport: sipwire.WSS}, "WSS 192.0.2.1:443"},
		{Query{Host: "2001:db8::1", Transport: sipwire.WSS}, "WSS [2001:db8::1]:443"},
		{Query{Host: "2001:db8::1"}, "UDP [2001:db8::1]:5060"},
		{Query{Host: "2001:DB8::1", Port: 5070}, "UDP [2001:db8::1]:5070"},
		{Query{Host: "::ffff:192.0.2.1"}, "UDP 192.0.2.1:5060"},
	} {
		hop, err, known := r.Lookup(c.q)
		if !known || err != nil || hop.String() != c.want {
			t.Errorf("%+v leads to %v, %v, known=%v; want %s", c.q, hop, err, known, c.want)
		}
		wantHop(t, r, c.q, c.want)
	}
	wantAsked(t, s)
}

func TestWhatCannotBeATargetIsRefusedWithoutAsking(t *testing.T) {
	s := serve(t)
	r, _ := resolverOf(t, s)
	long := strings.Repeat("a.", 126) + "aa" // 254 characters
	for _, name := range []string{
		"", ".", "..", ".a", "a..b", "a.b..", "a b", "a\x00b", "a/b", "grüße.example", "a%2eb", "[2001:db8::1]", "256.1.1.1",
		"1.2.3", "1.2.3.4.", "12345", "fe80::1%eth0", "1:2", ":", strings.Repeat("a", 64) + ".example", long,
	} {
		if hop, err, known := r.Lookup(Query{Host: name}); !known || !errors.Is(err, ErrBadName) {
			t.Errorf("%q: %v, %v, known=%v", name, hop, err, known)
		}
		if _, err := resolved(t, r, Query{Host: name}); !errors.Is(err, ErrBadName) {
			t.Errorf("%q resolved: %v", name, err)
		}
	}
	wantAsked(t, s)
}

func TestWhatNoLegCarriesIsRefusedWithoutAsking(t *testing.T) {
	s := serve(t)
	r, _ := resolverOf(t, s, func(c *Config) { c.Transports = []sipwire.Transport{sipwire.UDP} })
	for _, q := range []Query{
		{Host: "192.0.2.1", Transport: sipwire.TCP},
		{Host: "a.example", Transport: sipwire.TCP},
		{Host: "a.example", Transport: sipwire.SCTP},
		{Host: "a.example", Secure: true},
		{Host: "a.example", Secure: true, Transport: sipwire.UDP},
		{Host: "192.0.2.1", Secure: true},
		{Host: "2001:db8::1"},
		{Host: "192.0.2.1", Transport: sipwire.WS},
		{Host: "192.0.2.1", Transport: sipwire.WS, Secure: true},
	} {
		if hop, err, known := r.Lookup(q); !known || !errors.Is(err, ErrNoTransport) {
			t.Errorf("%+v: %v, %v, known=%v", q, hop, err, known)
		}
	}
	wantAsked(t, s)
}

// A domain with everything; each row asks a resolver of its own, so that the questions are all seen.
func TestTheQuestionsFollowRFC3263(t *testing.T) {
	const (
		a       = "example.com. 60 A 192.0.2.1"
		naptrU  = `example.com. 60 NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp.example.com.`
		naptrT  = `example.com. 60 NAPTR 10 20 "S" "sip+d2t" "" tcp.example.com.`
		naptrS  = `example.com. 60 NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.example.com.`
		enum    = `example.com. 60 NAPTR 1 1 "u" "E2U+sip" "!^.*$!sip:a@example.org!" .`
		srvU    = "_sip._udp.example.com. 60 SRV 1 1 5071 u.example.com."
		srvT    = "_sip._tcp.example.com. 60 SRV 1 1 5072 t.example.com."
		srvT2   = "tcp.example.com. 60 SRV 1 1 5073 t.example.com."
		srvS    = "_sips._tcp.example.com. 60 SRV 1 1 5074 s.example.com."
		u       = "u.example.com. 60 A 192.0.2.2"
		tcp     = "t.example.com. 60 A 192.0.2.3"
		tls     = "s.example.com. 60 A 192.0.2.4"
		noU     = "_sip._udp.example.com. 60 SRV 0 0 0 ."
		noT     = "_sip._tcp.example.com. 60 SRV 0 0 0 ."
		askN    = "NAPTR example.com"
		askA    = "A example.com"
		askU    = "SRV _sip._udp.example.com"
		askT    = "SRV _sip._tcp.example.com"
		askS    = "SRV _sips._tcp.example.com"
		anyCase = "EXAMPLE.com."
	)
	udp := []sipwire.Transport{sipwire.UDP}
	tests := []struct {
		name  string
		q     Query
		carry []sipwire.Transport
		zone  []string
		want  string // or the error's text
		asked []string
	}{
		{"a port leaves A only", Query{Port: 5070}, nil, []string{a, naptrU, srvU, u}, "UDP 192.0.2.1:5070", []string{askA}},
		{
			"a port of sips means TLS",
			Query{Port: 5070, Secure: true},
			nil,
			[]string{a, naptrS, srvS, tls},
			"TLS 192.0.2.1:5070",
			[]string{askA},
		},
		{
			"a port and a transport",
			Query{Port: 5070, Transport: sipwire.TCP},
			nil,
			[]string{a, srvT, tcp},
			"TCP 192.0.2.1:5070",
			[]string{askA},
		},
		{
			"a transport leaves its SRV",
			Query{Transport: sipwire.TCP},
			nil,
			[]string{a, naptrU, srvU, u, srvT, tcp},
			"TCP 192.0.2.3:5072",
			[]string{askT, "A t.example.com"},
		},
		{"a transport without SRV", Query{Transport: sipwire.UDP}, nil, []string{a, srvT, tcp}, "UDP 192.0.2.1:5060", []string{askU, askA}},
		{"transport=tls", Query{Transport: sipwire.TLS}, nil, []string{a, srvS, tls}, "TLS 192.0.2.4:5074", []string{askS, "A s.example.com"}},
		{"sips with transport=tcp", Query{Transport: sipwire.TCP, Secure: true}, nil, []string{a, srvT, tcp}, "TLS 192.0.2.1:5061", []string{askS, askA}},
		{"WebSocket has no SRV", Query{Transport: sipwire.WSS}, nil, []string{a, srvS}, "WSS 192.0.2.1:443", []string{askA}},
		{"WebSocket without TLS", Query{Transport: sipwire.WS}, nil, []string{a, srvT, naptrT}, "WS 192.0.2.1:80", []string{askA}},
		{"WebSocket on a port", Query{Transport: sipwire.WS, Port: 8080}, nil, []string{a}, "WS 192.0.2.1:8080", []string{askA}},
		{"sips with transport=ws", Query{Transport: sipwire.WS, Secure: true}, nil, []string{a, srvS}, "WSS 192.0.2.1:443", []string{askA}},
		{
			"NAPTR goes by order, then preference",
			Query{},
			nil,
			[]string{a, naptrU, naptrT, naptrS, srvU, u, srvT2, tcp, srvS, tls},
			"TLS 192.0.2.4:5074",
			[]string{askN, askS, "A s.example.com"},
		},
		{
			"NAPTR that we cannot carry is passed over",
			Query{},
			udp,
			[]string{a, naptrU, naptrT, naptrS, srvU, u, srvT2, tcp},
			"UDP 192.0.2.2:5071",
			[]string{askN, askU, "A u.example.com"},
		},
		{
			"NAPTR's replacement is any name",
			Query{},
			nil,
			[]string{a, naptrT, srvT2, tcp},
			"TCP 192.0.2.3:5073",
			[]string{askN, "SRV tcp.example.com", "A t.example.com"},
		},
		{
			"NAPTR without SRV behind it is passed over",
			Query{},
			nil,
			[]string{a, naptrT, naptrU, srvU, u},
			"UDP 192.0.2.2:5071",
			[]string{askN, "SRV tcp.example.com", askU, "A u.example.com"},
		},
		{
			"no NAPTR has SRV behind it",
			Query{},
			nil,
			[]string{a, naptrT, naptrU},
			"TCP 192.0.2.1:5060",
			[]string{askN, "SRV tcp.example.com", askU, askA},
		},
		{"NAPTR for nothing that we carry", Query{}, udp, []string{a, naptrT, naptrS, srvU, u}, ErrNoTransport.Error(), []string{askN}},
		{
			"sips takes secured services only",
			Query{Secure: true},
			nil,
			[]string{a, naptrU, naptrT, naptrS, srvU, srvS, tls},
			"TLS 192.0.2.4:5074",
			[]string{askN, askS, "A s.example.com"},
		},
		{"sips where nothing is secured", Query{Secure: true}, nil, []string{a, naptrU, srvU, u}, ErrNoTransport.Error(), []string{askN}},
		{"NAPTR of others is no NAPTR", Query{}, nil, []string{a, enum, srvU, u}, "UDP 192.0.2.2:5071", []string{askN, askU, "A u.example.com"}},
		{"no NAPTR: UDP before TCP", Query{}, nil, []string{a, srvU, u, srvT, tcp}, "UDP 192.0.2.2:5071", []string{askN, askU, "A u.example.com"}},
		{"no NAPTR: TCP after UDP", Query{}, nil, []string{a, srvT, tcp}, "TCP 192.0.2.3:5072", []string{askN, askU, askT, "A t.example.com"}},
		{"no NAPTR: SRV for what we carry", Query{}, udp, []string{a, srvT, tcp}, "UDP 192.0.2.1:5060", []string{askN, askU, askA}},
		{"no NAPTR: sips asks TLS only", Query{Secure: true}, nil, []string{a, srvU, srvT, u}, "TLS 192.0.2.1:5061", []string{askN, askS, askA}},
		{"nothing but an address", Query{}, nil, []string{a}, "UDP 192.0.2.1:5060", []string{askN, askU, askT, askA}},
		{"nothing but an address, without UDP", Query{}, []sipwire.Transport{sipwire.TCP}, []string{a}, "TCP 192.0.2.1:5060", []string{askN, askT, askA}},
		{"nothing but an address, TLS alone", Query{}, []sipwire.Transport{sipwire.TLS}, []string{a}, "TLS 192.0.2.1:5061", []string{askN, askS, askA}},
		{"no NAPTR: TLS alone asks its SRV", Query{}, []sipwire.Transport{sipwire.TLS}, []string{a, srvU, u, srvS, tls}, "TLS 192.0.2.4:5074", []string{askN, askS, "A s.example.com"}},
		{"a port, TLS alone", Query{Port: 5070}, []sipwire.Transport{sipwire.TLS, sipwire.WSS}, []string{a}, "TLS 192.0.2.1:5070", []string{askA}},
		{"no one listens to WebSocket unasked", Query{}, []sipwire.Transport{sipwire.WS, sipwire.WSS}, []string{a, srvS}, ErrNoTransport.Error(), []string{askN}},
		{
			"names have no case and may be rooted",
			Query{Host: anyCase},
			nil,
			[]string{a, naptrU, srvU, u},
			"UDP 192.0.2.2:5071",
			[]string{askN, askU, "A u.example.com"},
		},
		{"the service is decidedly not available", Query{Transport: sipwire.UDP}, nil, []string{a, noU}, ErrNoService.Error(), []string{askU}},
		{
			"not available by UDP, but by TCP",
			Query{},
			nil,
			[]string{a, noU, srvT, tcp},
			"TCP 192.0.2.3:5072",
			[]string{askN, askU, askT, "A t.example.com"},
		},
		{"not available by any", Query{}, nil, []string{a, noU, noT}, ErrNoService.Error(), []string{askN, askU, askT}},
		{"not available, says NAPTR's replacement", Query{}, nil, []string{a, naptrU, noU}, ErrNoService.Error(), []string{askN, askU}},
		{
			"a dot beside a server is none",
			Query{Transport: sipwire.UDP},
			nil,
			[]string{a, noU, srvU, u},
			"UDP 192.0.2.2:5071",
			[]string{askU, "A u.example.com"},
		},
		{
			"an SRV record with port 0 is none",
			Query{Transport: sipwire.UDP},
			nil,
			[]string{a, "_sip._udp.example.com. 60 SRV 1 1 0 u.example.com.", u},
			"UDP 192.0.2.1:5060",
			[]string{askU, askA},
		},
		{"a name that does not exist", Query{}, nil, nil, ErrNotFound.Error(), []string{askN, askU, askT, askA}},
		{"no SRV target has an address", Query{Transport: sipwire.UDP}, nil, []string{a, srvU}, ErrNotFound.Error(), []string{askU, "A u.example.com"}},
		{"the unspecified address is none", Query{Port: 5070}, nil, []string{"example.com. 60 A 0.0.0.0"}, ErrNotFound.Error(), []string{askA}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.zone...)
			r, _ := resolverOf(t, s, func(cfg *Config) {
				if c.carry != nil {
					cfg.Transports = c.carry
				}
			})
			if c.q.Host == "" {
				c.q.Host = "example.com"
			}
			hop, err := resolved(t, r, c.q)
			got := hop.String()
			if err != nil {
				got = err.Error()
			}
			if got != c.want && (err == nil || !strings.HasPrefix(got, c.want)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := s.questions(); !slices.Equal(got, c.asked) {
				t.Errorf("asked %q, want %q", got, c.asked)
			}
			again, err2, known := r.Lookup(c.q)
			if again != hop || fmt.Sprint(err2) != fmt.Sprint(err) || !known {
				t.Errorf("the cache says %v, %v, known=%v", again, err2, known)
			}
			if got := s.questions(); got != nil {
				t.Errorf("asked again: %q", got)
			}
		})
	}
}

func TestBothFamiliesAreOneChoice(t *testing.T) {
	s := serve(t, "h.example. 60 A 192.0.2.1", "h.example. 60 AAAA 2001:db8::1", "four.example. 60 A 192.0.2.4",
		"six.example. 60 AAAA 2001:db8::6")
	r, _ := resolverOf(t, s, func(c *Config) { c.IPv6 = true })
	seen := map[string]int{}
	for k := range uint64(1000) {
		hop, err := resolved(t, r, Query{Host: "h.example", Port: 5060, Key: k})
		if err != nil {
			t.Fatal(err)
		}
		seen[hop.String()]++
	}
	if len(seen) != 2 || seen["UDP 192.0.2.1:5060"] < 400 || seen["UDP [2001:db8::1]:5060"] < 400 {
		t.Fatalf("1000 keys chose %v", seen)
	}
	got := s.questions()
	slices.Sort(got)
	if !slices.Equal(got, []string{"A h.example", "AAAA h.example"}) {
		t.Fatalf("asked %q", got)
	}
	wantHop(t, r, Query{Host: "four.example", Port: 1}, "UDP 192.0.2.4:1")
	wantHop(t, r, Query{Host: "six.example", Port: 1}, "UDP [2001:db8::6]:1")

	s.questions()
	only6, _ := resolverOf(t, s, func(c *Config) { c.IPv4, c.IPv6 = false, true })
	wantHop(t, only6, Query{Host: "h.example", Port: 1}, "UDP [2001:db8::1]:1")
	wantAsked(t, s, "AAAA h.example")
}

func TestATargetWithoutAddressIsPassedOver(t *testing.T) {
	s := serve(t,
		"_sip._udp.example.com. 60 SRV 1 1 5060 gone.example.com.",
		"_sip._udp.example.com. 60 SRV 2 1 5060 there.example.com.",
		"there.example.com. 60 A 192.0.2.9")
	r, _ := resolverOf(t, s)
	wantHop(t, r, Query{Host: "example.com", Transport: sipwire.UDP}, "UDP 192.0.2.9:5060")
	wantAsked(t, s, "SRV _sip._udp.example.com", "A gone.example.com", "A there.example.com")
}

func TestAnSRVSetOfDeadNamesCostsFewQuestions(t *testing.T) {
	s := serve(t, host(60, "_sip._udp.example.com. 60 SRV 1 1 5060 t%d.example.com.")...)
	r, _ := resolverOf(t, s)
	if _, err := resolved(t, r, Query{Host: "example.com", Transport: sipwire.UDP}); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	udp := slices.DeleteFunc(s.questions(), func(q string) bool { return strings.Contains(q, "SRV") })
	if len(udp) != maxTargets {
		t.Fatalf("asked for %d addresses", len(udp))
	}
}
