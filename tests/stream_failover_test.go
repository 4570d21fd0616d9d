package tests

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// soon is how long a request takes at most to the next server when the one before does not answer: a moment of patience for the first
// (RFC 8305 §5), and what a busy machine adds.
const soon = time.Second

// RFC 3263 §4.3: a server that cannot be connected to is passed over before anything was sent; the caller does not notice.
func TestARequestGoesToTheNextServer(t *testing.T) {
	for _, c := range []struct {
		name string
		dead func(t *testing.T) string
	}{
		{"refused", closedPort},
		{"no answer", blackHole},
	} {
		t.Run(c.name, func(t *testing.T) {
			leavesNothing(t)
			dead := netip.MustParseAddrPort(c.dead(t))
			callee := ua.NewOver(t, "tcp", "127.0.0.1:0")
			names := stage.NameServer(t,
				fmt.Sprintf("_sip._tcp.example.org. 60 IN SRV 10 0 %d first.example.org.", dead.Port()),
				fmt.Sprintf("_sip._tcp.example.org. 60 IN SRV 20 0 %d second.example.org.", callee.Addr().Port()),
				"first.example.org. 60 IN A 127.0.0.1", "second.example.org. 60 IN A 127.0.0.1",
			)
			h := between(t, place{"udp", v4}, place{"tcp", v4}, options{
				everywhere: true, outside: "stream: {connect: 2s}",
				top: fmt.Sprintf("dns: {servers: [%q]}\nnext_hops: {\"*\": \"sip:example.org;transport=tcp\"}\n", names.Addr),
			})
			for range 3 {
				begun := time.Now()
				h.caller.Request("MESSAGE", "sip:bob@example.org", ua.Options{Proxy: h.Addr("inside")})
				m := callee.Receive()
				if took := time.Since(begun); took > soon {
					t.Errorf("it took %v", took)
				}
				callee.Answer(m, 200, ua.Options{})
				if r := h.caller.Receive(); r.Status() != 200 {
					t.Fatalf("the caller was told\n%s", r.Raw)
				}
			}
			if st := connections(t, h.System, "outside"); st.Dialed != 1 {
				t.Errorf("one connection was enough: %+v", st)
			}
		})
	}
}

// A name with two addresses of which one leads nowhere, of one family or of two: RFC 8305 in the small.
func TestARequestGoesToTheOtherAddress(t *testing.T) {
	for _, c := range []struct {
		name, dead, alive string
		listens           host
	}{
		{"IPv6 leads nowhere", "[::1]", "127.0.0.1", v4},
		{"IPv4 leads nowhere", "127.0.0.1", "[::1]", v6},
		{"one of two of IPv4 leads nowhere", "127.0.0.9", "127.0.0.1", v4},
	} {
		t.Run(c.name, func(t *testing.T) {
			leavesNothing(t)
			callee := ua.NewOver(t, "tcp", c.alive+":"+steadyPort(t, c.listens))
			port := callee.Addr().Port()
			blackHoleAt(t, fmt.Sprintf("%s:%d", c.dead, port))
			record := func(h string) string {
				if strings.HasPrefix(h, "[") {
					return "both.example. 60 IN AAAA " + strings.Trim(h, "[]")
				}
				return "both.example. 60 IN A " + h
			}
			names := stage.NameServer(t, record(c.dead), record(c.alive))
			caller := ua.New(t, "127.0.0.1:0")
			s := launch(t, fmt.Sprintf(`
  - {name: inside, listen: "udp:127.0.0.1:0", reach: [%q]}
  - {name: four, listen: "tcp:127.0.0.1:0", stream: {connect: 2s}}
  - {name: six, listen: "tcp:[::1]:0", stream: {connect: 2s}}
`, caller.Addr()), fmt.Sprintf("dns: {servers: [%q]}\nnext_hops: {\"*\": \"sip:both.example:%d;transport=tcp\"}\n", names.Addr, port), options{})
			for range 8 { // each Call-ID has an order of its own
				begun := time.Now()
				caller.Request("MESSAGE", "sip:bob@example.org", ua.Options{Proxy: s.Addr("inside")})
				m := callee.Receive()
				if took := time.Since(begun); took > soon {
					t.Errorf("it took %v", took)
				}
				callee.Answer(m, 200, ua.Options{})
				if r := caller.Receive(); r.Status() != 200 {
					t.Fatalf("the caller was told\n%s", r.Raw)
				}
			}
		})
	}
}
