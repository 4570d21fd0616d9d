package registrar

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/sipwire"
	"github.com/actorsip/actorsip/stream"
)

// ends is a sink that a test hears of connections by.
type ends struct {
	opened chan *stream.Conn
	closed chan *stream.Conn
}

func (e *ends) Opened(c *stream.Conn) { e.opened <- c }
func (e *ends) Arrived(_ *stream.Conn, b *stream.Batch) bool {
	b.Release()
	return true
}
func (e *ends) Closed(c *stream.Conn, _ stream.End) { e.closed <- c }
func (e *ends) Pressed() bool                       { return false }

// connections has a leg take connections. What they speak does not matter here: it is TCP for each leg.
func connections(t testing.TB, leg string) (change func(*Config), connect func() (flow stream.ID, hangUp func())) {
	t.Helper()
	heard := &ends{make(chan *stream.Conn, 8), make(chan *stream.Conn, 8)}
	e, err := stream.Listen(stream.Config{Name: leg, Transport: sipwire.TCP, Listen: netip.MustParseAddrPort("127.0.0.1:0"), MaxMessage: 8192}, []stream.Sink{heard})
	if err != nil {
		t.Fatal(err)
	}
	e.Serve()
	t.Cleanup(e.Close)
	next := func(from chan *stream.Conn) *stream.Conn {
		select {
		case c := <-from:
			return c
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is heard of the connection")
			return nil
		}
	}
	return func(c *Config) { c.Streams[c.Legs.Named(leg).Index] = e }, func() (stream.ID, func()) {
		c, err := net.Dial("tcp4", e.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return next(heard.opened).ID(), func() {
			c.Close()
			next(heard.closed)
		}
	}
}

const invite = "sip:alice@example.com"

// RFC 5626 §5.3, and RFC 3261 §18: who registers by a connection is called by it, while it is there.
func TestAPhoneIsCalledByItsConnection(t *testing.T) {
	behindNAT := "Via: SIP/2.0/TCP 192.168.1.4;branch=z9hG4bKa"
	for _, c := range []struct {
		name, leg, via, contact string
		lines                   []string
		after                   string // who is called when it is gone: nobody, or the URI
	}{
		{"a phone that listens", "tcp", ordinary, "sip:alice@192.0.2.7;transport=tcp", nil, "sip:alice@192.0.2.7;transport=tcp"},
		{"a phone behind a NAT", "tcp", behindNAT, "sip:alice@192.168.1.4;transport=tcp", nil, ""},
		{"one that knows its NAT", "tcp", behindNAT, "sip:alice@192.0.2.7:40000;transport=tcp", nil, ""},
		{"one with a name of its own", "tcp", "Via: SIP/2.0/TCP x.invalid;branch=z9hG4bKa", "sip:alice@x.invalid;transport=tcp", nil, ""},
		{"outbound", "tcp", ordinary, "sip:alice@192.0.2.7;transport=tcp", []string{"Supported: outbound", "i"}, ""},
		{"a browser", "ws", "Via: SIP/2.0/WS x.invalid;branch=z9hG4bKa", "sip:alice@x.invalid;transport=ws", nil, ""},
		{"a secured one", "tls", ordinary, "sips:alice@192.0.2.7", nil, "sips:alice@192.0.2.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, connect := connections(t, c.leg)
			h := build(t, change)
			flow, hangUp := connect()
			by := came{leg: c.leg, flow: flow}
			lines, params := []string{c.via}, ""
			if c.lines != nil {
				lines, params = append(lines, c.lines[0]), `;+sip.instance="<urn:uuid:1>";reg-id=1`
			}
			h.accepts(by, register("1", append(lines, contact(c.contact, params))...))
			p := h.goes(came{}, request("INVITE", invite), c.contact)
			if p.EgressFlow != flow || p.Egress != h.Legs.Named(c.leg) || p.To.IsValid() {
				t.Errorf("it goes by leg %v, connection %x, to %v", p.Egress, p.EgressFlow, p.To)
			}
			p.Free()
			hangUp()
			if c.after == "" {
				if status, _ := h.answered(came{}, request("INVITE", invite)); status != "430" {
					t.Errorf("answered %s when the connection is gone", status)
				}
				return
			}
			if p := h.goes(came{}, request("INVITE", invite), c.after); p.EgressFlow != 0 || p.Egress != h.Legs.Named(c.leg) {
				t.Errorf("it goes by leg %v, connection %x", p.Egress, p.EgressFlow)
			}
		})
	}
}

// A connection that we have opened leads to somebody who listens: another can be opened.
func TestAConnectionOfOursIsNotTheWayToAPhone(t *testing.T) {
	h := build(t)
	p := h.packet(came{leg: "tcp"}, register("1", contact("sip:alice@192.0.2.7;transport=tcp", "")))
	p.IngressFlow = 7
	if o := h.located(p); o.String() != message.Answer(message.Registered).String() {
		t.Fatal(o)
	}
	if p := h.goes(came{}, request("INVITE", invite), "sip:alice@192.0.2.7;transport=tcp"); p.EgressFlow != 0 {
		t.Errorf("it goes by connection %x", p.EgressFlow)
	}
}

// RFC 5626 §6: a flow is known by instance and reg-id.
func TestAFlowTakesThePlaceOfItsPredecessor(t *testing.T) {
	change, connect := connections(t, "tcp")
	h := build(t, change)
	registers := func(flow stream.ID, callID string, cseq int, instance string, regID int, lines ...string) {
		t.Helper()
		uri := fmt.Sprintf("sip:alice@192.0.2.7:%d;transport=tcp", 1024+flow%60000)
		params := fmt.Sprintf(`;+sip.instance="<%s>";reg-id=%d`, instance, regID)
		lines = append([]string{"Supported: path, outbound", "Call-ID: " + callID, contact(uri, params)}, lines...)
		status, got := h.answered(came{leg: "tcp", flow: flow}, register(fmt.Sprint(cseq), lines...))
		if status != "200" || got[len(got)-1] != "Require: outbound" {
			t.Errorf("%s %q", status, got)
		}
	}
	goesBy := func(want stream.ID) {
		t.Helper()
		p := h.packet(came{}, request("INVITE", invite))
		defer p.Free()
		if o := h.located(p); p.EgressFlow != want {
			t.Errorf("%s, by connection %x, want %x", o, p.EgressFlow, want)
		}
	}
	one, hangUpOne := connect()
	two, hangUpTwo := connect()
	three, _ := connect()
	registers(one, "c1", 1, "urn:uuid:1", 1)
	registers(two, "c2", 1, "urn:uuid:1", 2)
	goesBy(two)
	registers(one, "c1", 2, "urn:uuid:1", 1) // a refresh
	goesBy(two)
	hangUpTwo()
	goesBy(one)
	registers(three, "c3", 1, "urn:uuid:1", 2) // the second flow again, by a new connection
	goesBy(three)
	if n := len(h.Store.Lookup([]byte(alice), h.clock, nil)); n != 2 {
		t.Errorf("%d bindings of two flows", n)
	}
	hangUpOne()
	registers(three, "c3", 2, "urn:uuid:1", 2, "Expires: 0")
	goesBy(0)
	registers(three, "c4", 1, "urn:uuid:2", 1)
	goesBy(three)
	if n := len(h.Store.Lookup([]byte(alice), h.clock, nil)); n != 2 {
		t.Errorf("%d bindings of two phones", n)
	}
}

// RFC 5626 §6.
func TestOutboundNeedsAllWhoTakePart(t *testing.T) {
	const flow = `;+sip.instance="<urn:uuid:1>";reg-id=1`
	const further = "Via: SIP/2.0/TCP 10.9.9.9;branch=z9hG4bKp, SIP/2.0/UDP 192.168.1.4;branch=z9hG4bKa"
	h := build(t)
	tcp := came{leg: "tcp", flow: 7}
	told := expires(desk, 200) + `;+sip.instance="<urn:uuid:1>"`
	h.registers(tcp, register("1", contact(desk, flow)), "200", told) // a phone that does not say that it uses it
	h.registers(tcp, register("2", "Supported: outbound", contact(desk, ";reg-id=1")), "200", expires(desk, 200))
	h.registers(tcp, register("3", "Contact: *", "Expires: 0"), "200")
	h.registers(came{}, register("4", "Supported: outbound", contact(desk, flow)), "200", told+";reg-id=1") // nobody answers its STUN
	h.registers(tcp, register("5", "Supported: outbound", contact(desk, flow), contact(cell, "")), "400")
	h.registers(tcp, register("6", "Supported: outbound", contact(desk, flow), contact(cell, ";expires=0")), "200", told+";reg-id=1", "Require: outbound")
	for _, path := range []string{"X: y", "Path: <sip:10.9.9.9;lr>", "Path: <sip:a.example;ob;lr>, <sip:10.9.9.9;lr>"} {
		h.registers(tcp, register("7", "Supported: outbound", further, path, contact(desk, flow)), "439")
	}
	h.registers(tcp, register("8", "Require: outbound", further, "Path: <sip:p2.example;lr>, <sip:p1.example;ob;lr>", contact(desk, flow)), "200",
		told+";reg-id=1", "Path: <sip:p2.example;lr>", "Path: <sip:p1.example;ob;lr>", "Require: outbound")
	h.registers(tcp, register("9", "Supported: outbound", contact(desk, `;+sip.instance="<urn:uuid:1>";reg-id=0`)), "400")
}
