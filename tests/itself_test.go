package tests

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// A route set of strict routers whose names all lead back to us is another one at each pass. It is stopped all the same.
func TestARotatingRouteSetIsStopped(t *testing.T) {
	leavesNothing(t)
	server := stage.NameServer(t, "loop.example. 60 IN A 127.0.0.1")
	h := build(t, v4, v4, "dns: {servers: [\""+server.Addr+"\"]}\n", nil)
	var routes []string
	for i := range 100 {
		routes = append(routes, fmt.Sprintf("<sip:loop.example:%d;x=%d>", h.Addr("inside").Port(), i))
	}
	h.caller.Request("OPTIONS", "sip:bob@loop.example", ua.Options{
		Proxy: h.Addr("inside"), MaxForwards: "255", Contact: "-", Headers: []string{"Route: " + strings.Join(routes, ", ")},
	})
	if m := h.caller.Receive(); m.Status() != 482 {
		t.Fatalf("the caller was told\n%s", m.Raw)
	}
	written := uint64(0)
	for _, c := range h.Counts() {
		if c.Stage == "receive" && c.Outcome == "pass" {
			written += c.Packets
		}
	}
	if written > 20 {
		t.Errorf("one request was forwarded %d times", written)
	}
}

// A leg that listens on all addresses is each of them.
func TestALegOnAllAddressesKnowsItself(t *testing.T) {
	leavesNothing(t)
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	s := begin(t, "  - {name: all, listen: \"udp:0.0.0.0:0\", advertise: sip.example.com}\n")
	to := netip.AddrPortFrom(caller.Addr().Addr(), s.Addr("all").Port())
	at := to.String()
	caller.Request("OPTIONS", "sip:"+at, ua.Options{Proxy: to})
	if m := caller.Receive(); m.Status() != 200 {
		t.Fatalf("OPTIONS to its own address was answered\n%s", m.Raw)
	}
	caller.Request("OPTIONS", callee.URI(), ua.Options{Proxy: to, Headers: []string{"Route: <sip:" + at + ";lr>"}})
	if m := callee.Receive(); len(m.Routes()) != 0 {
		t.Fatalf("the Route with its own address was left:\n%s", m.Raw)
	}
}
