package registrar

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorsip/actorsip/location"
	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// house is a registrar between legs, without them, and with a clock.
type house struct {
	*registrar
	t      testing.TB
	pool   *message.Pool
	inbox  *message.Inbox
	woken  chan struct{}
	clock  time.Time
	router *actor.PID
}

// phone is where requests come from that say nothing else.
var phone = netip.MustParseAddrPort("192.0.2.7:5060")

// build is a registrar for example.com with bindings in memory. change may fill in more.
func build(t testing.TB, change ...func(*Config)) *house {
	t.Helper()
	var all []*message.Leg
	for _, l := range []struct {
		name      string
		transport sipwire.Transport
		addr      string
	}{
		{"udp", sipwire.UDP, "10.0.0.1:5060"},
		{"tcp", sipwire.TCP, "10.0.0.1:5060"},
		{"tls", sipwire.TLS, "10.0.0.1:5061"},
		{"ws", sipwire.WS, "10.0.0.1:80"},
		{"other", sipwire.UDP, "10.0.0.2:5060"},
	} {
		all = append(all, message.NewLeg(l.name, l.transport, netip.MustParseAddrPort(l.addr), "", 0))
	}
	cfg := Config{Legs: message.NewLegs(all), Streams: make([]*stream.Endpoint, len(all))}
	for range all {
		cfg.Rules = append(cfg.Rules, Rules{
			Domains: []string{"example.com", "*.example.org"}, Min: 30 * time.Second, Max: 300 * time.Second, Default: 200 * time.Second,
		})
	}
	for _, c := range change {
		c(&cfg)
	}
	if cfg.Store == nil {
		cfg.Store = open(t, location.Config{File: location.Off, MaxPerAOR: 4})
	}
	h := &house{t: t, pool: message.NewPool(64, 8192, &message.Counts{}), woken: make(chan struct{}, 64), router: actor.NewPID("", "router")}
	h.inbox = message.NewInbox(func() { h.woken <- struct{}{} })
	h.registrar = New(cfg, Next{Route: h.router})().(*registrar)
	h.clock = time.Now().Truncate(time.Second).Add(123456789)
	h.now = func() time.Time { return h.clock }
	return h
}

func open(t testing.TB, cfg location.Config) *location.Local {
	t.Helper()
	s, err := location.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// came is how a request came.
type came struct {
	leg  string
	from netip.AddrPort
	flow stream.ID // of a connection that the phone has opened
}

// packet is a request as its leg passes it on. Lines end in LF, for short.
func (h *house) packet(by came, text string) *message.Packet {
	h.t.Helper()
	p := h.pool.Take()
	if p == nil {
		h.t.Fatal("a packet was not given back")
	}
	p.In = append(p.In[:0], strings.ReplaceAll(text, "\n", "\r\n")...)
	if by.leg == "" {
		by.leg = "udp"
	}
	if !by.from.IsValid() {
		by.from = phone
	}
	p.Ingress, p.Source, p.Inbox = h.Legs.Named(by.leg), by.from, h.inbox
	p.IngressFlow, p.Accepted = by.flow, by.flow != 0
	if f := p.Parse(p.In); f != sipwire.None {
		h.t.Fatalf("%s in\n%s", f, text)
	}
	p.Via, _ = p.TopVia()
	port := p.Via.Port
	if port == 0 {
		port = 5060
	}
	if p.Via.HasRPort && !p.Ingress.Transport.IsStream() {
		port = p.Source.Port()
	}
	p.Reply = message.Place{Addr: netip.AddrPortFrom(p.Source.Addr(), port), Port: port}
	p.StampVia(p.Via, p.Source)
	return p
}

// located is what becomes of a request, waiting included.
func (h *house) located(p *message.Packet) message.Outcome {
	h.t.Helper()
	o := h.locate(p)
	if o != message.Await() {
		return o
	}
	p.Settle(nil, message.AtLocate, o)
	back := h.back(1)
	at, o, ok := back[0].Returned()
	if back[0] != p || at != message.AtLocate || !ok {
		h.t.Fatalf("%v of another packet, or from %s, has come back", o, at)
	}
	return o
}

// back is the next n packets that come back.
func (h *house) back(n int) (packets []*message.Packet) {
	h.t.Helper()
	for len(packets) < n {
		select {
		case <-h.woken:
			packets = h.inbox.Take(packets)
		case <-time.After(20 * time.Second):
			h.t.Fatalf("%d packets of %d came back", len(packets), n)
		}
	}
	return packets
}

// answered is the answer that a request gets, its header lines without those that each one has.
func (h *house) answered(by came, text string) (status string, lines []string) {
	h.t.Helper()
	p := h.packet(by, text)
	defer p.Free()
	o := h.located(p)
	status = o.String()
	if !strings.HasPrefix(status, "answer ") {
		h.t.Fatalf("%s, no answer to\n%s", status, text)
	}
	for line := range strings.SplitSeq(string(p.AppendReply(nil, []byte("t"))), "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "Via", "From", "To", "Call-ID", "CSeq", "Content-Length", "Date", "":
		default:
			lines = append(lines, line)
		}
	}
	status, _, _ = strings.Cut(strings.TrimPrefix(status, "answer "), ":")
	return status, lines[1:] // of the first line, only the outcome knows the status yet
}

// registers wants a REGISTER to be answered with this status and these header lines.
func (h *house) registers(by came, text, status string, want ...string) {
	h.t.Helper()
	got, lines := h.answered(by, text)
	if got != status || strings.Join(lines, "\n") != strings.Join(want, "\n") {
		h.t.Errorf("answered %s\n%s\nwant %s\n%s\nto\n%s", got, strings.Join(lines, "\n"), status, strings.Join(want, "\n"), text)
	}
}

// accepts wants a REGISTER to be answered with 200.
func (h *house) accepts(by came, text string) {
	h.t.Helper()
	if status, lines := h.answered(by, text); status != "200" {
		h.t.Fatalf("answered %s\n%s\nto\n%s", status, strings.Join(lines, "\n"), text)
	}
}

// goes wants a request to go to the contact uri, and gives it.
func (h *house) goes(by came, text, uri string) *message.Packet {
	h.t.Helper()
	p := h.packet(by, text)
	if o := h.located(p); o != message.Pass(h.router, message.Route{Packet: p}) || !p.Placed || string(p.CurrentURI()) != uri {
		h.t.Fatalf("%s to %s, want it placed at %s:\n%s", o, p.CurrentURI(), uri, text)
	}
	return p
}

// has wants the bindings of an address of record to be these, by their contacts.
func (h *house) has(aor string, contacts ...string) []location.Binding {
	h.t.Helper()
	bindings := h.Store.Lookup([]byte(aor), h.clock, nil)
	var got []string
	for _, b := range bindings {
		got = append(got, b.Contact)
	}
	if strings.Join(got, " ") != strings.Join(contacts, " ") {
		h.t.Errorf("%s is at %v, want %v", aor, got, contacts)
	}
	return bindings
}

const ordinary = "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa"

// register is a REGISTER of alice from a phone at 192.0.2.7. A header line in more takes the place of one that is there.
func register(cseq string, more ...string) string {
	return request("REGISTER", "sip:example.com", append([]string{"To: <sip:alice@example.com>", "CSeq: " + cseq + " REGISTER"}, more...)...)
}

func request(method, uri string, more ...string) string {
	lines := []string{ordinary, "From: <sip:alice@example.com>;tag=1", "To: <" + uri + ">", "Call-ID: c1", "CSeq: 1 " + method}
more:
	for _, m := range more {
		name, _, _ := strings.Cut(m, ":")
		for i, l := range lines[:5] {
			if strings.HasPrefix(l, name+":") {
				lines[i] = m
				continue more
			}
		}
		lines = append(lines, m)
	}
	return method + " " + uri + " SIP/2.0\n" + strings.Join(lines, "\n") + "\n\n"
}
