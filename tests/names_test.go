package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

func TestANameIsFoundByServiceRecords(t *testing.T) {
	leavesNothing(t)
	callee := ua.New(t, "127.0.0.1:0")
	server := stage.NameServer(t,
		"example.org. 60 IN NAPTR 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.org.",
		fmt.Sprintf("_sip._udp.example.org. 60 IN SRV 10 0 %d phone.example.org.", callee.Addr().Port()),
		"phone.example.org. 60 IN A 127.0.0.1",
	)
	h := build(t, v4, v4, "dns: {servers: [\""+server.Addr+"\"]}\nnext_hops: {}\noutbound_proxy: sip:example.org\n", nil)
	h.caller.Request("MESSAGE", "sip:bob@example.org", ua.Options{Proxy: h.Addr("inside")})
	if m := callee.Receive(); m.Method() != "MESSAGE" {
		t.Fatalf("the callee got\n%s", m.Raw)
	}
}

func TestANameThatIsNotThereIsAnswered480(t *testing.T) {
	leavesNothing(t)
	server := stage.NameServer(t)
	h := build(t, v4, v4, "dns: {servers: [\""+server.Addr+"\"]}\nnext_hops: {}\n", nil)
	h.caller.Request("INVITE", "sip:bob@nowhere.example", ua.Options{Proxy: h.Addr("inside")})
	if m := h.caller.Receive(); m.Status() != 480 {
		t.Fatalf("the caller was told\n%s", m.Raw)
	}
}

// A dead name server delays only those who need it, and only so many.
func TestADeadNameServerDelaysNobodyElse(t *testing.T) {
	leavesNothing(t)
	server := stage.NameServer(t)
	const waiting, asked = 8, 40
	callee := ua.New(t, "127.0.0.1:0")
	h := build(t, v4, v4, fmt.Sprintf("dns: {servers: [%q], timeout: 500ms, attempts: 1}\nlimits: {packets: 64, waiting: %d}\n", server.Addr, waiting)+
		"next_hops: {\"example.com\": \"sip:"+callee.Addr().String()+"\"}\n", nil)
	for i := range asked {
		h.caller.Request("INVITE", fmt.Sprintf("sip:bob@no%d.silent", i), ua.Options{Proxy: h.Addr("inside")})
	}
	h.caller.Request("MESSAGE", "sip:bob@example.com", ua.Options{Proxy: h.Addr("inside")})
	if m := callee.Receive(); m.Method() != "MESSAGE" {
		t.Fatalf("the callee got\n%s", m.Raw)
	}
	for i := range asked {
		if m := h.caller.Receive(); m.Status() != 503 {
			t.Fatalf("answer %d is\n%s", i+1, m.Raw)
		}
	}
	refused := uint64(0)
	for _, c := range h.Counts() {
		if strings.Contains(c.Reason, "wait for a name") {
			refused += c.Packets
		}
	}
	if refused != asked-waiting {
		t.Errorf("%d were refused at once, not %d", refused, asked-waiting)
	}
}

// A name with addresses of both families is used by the family of the leg that is named.
func TestADualStackNameIsUsedByTheLegsFamily(t *testing.T) {
	leavesNothing(t)
	server := stage.NameServer(t, "both.example. 60 IN A 127.0.0.1", "both.example. 60 IN AAAA ::1")
	h := build(t, v4, v6, "dns: {servers: [\""+server.Addr+"\"]}\n", nil)
	port := h.caller.Addr().Port()
	// The callee sees a token whose contact is that name; the leg of the token is the IPv4 one.
	h.caller.Request("OPTIONS", "sip:bob@example.com", ua.Options{
		Proxy: h.Addr("inside"), Contact: fmt.Sprintf("<sip:alice@both.example:%d>", port),
	})
	token := ua.URI(h.callee.Receive().List("Contact")[0])
	for range 20 { // many Call-IDs: each picks for itself
		h.callee.Request("MESSAGE", token, ua.Options{Proxy: h.Addr("outside")})
		if m := h.caller.Receive(); m.Method() != "MESSAGE" {
			t.Fatalf("the caller got\n%s", m.Raw)
		}
	}
}
