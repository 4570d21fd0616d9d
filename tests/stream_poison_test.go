package tests

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/ua"
)

// poisoned makes a room panic on a packet whose Subject names a part of that room's path. What a leg or a connection is told for each
// message has a type of its own.
func poisoned(room string, msg any) bool {
	v := reflect.ValueOf(msg)
	if v.Kind() != reflect.Struct || v.NumField() == 0 || !v.Type().Field(0).Anonymous {
		return false
	}
	p, ok := v.Field(0).Interface().(*message.Packet)
	if !ok {
		return false
	}
	if _, victim, found := bytes.Cut(p.In, []byte("Subject: poison ")); found {
		part, _, _ := bytes.Cut(victim, []byte("\r"))
		verb, where, _ := strings.Cut(string(part), " ")
		if strings.EqualFold(v.Type().Name(), verb) && strings.Contains(room, where) {
			panic("poison")
		}
	}
	return false
}

// A panic costs the message on which it happened. Its connection stays, and so do those beside it.
func TestAPanicOverAConnectionCostsOneMessage(t *testing.T) {
	for _, c := range []struct{ name, poison, restarts string }{
		{"the connection's own actor", "received legs/inside/127.", "legs/inside/*"},
		{"the router", "route router", "router"},
		{"the leg that it leaves by", "send legs/outside", "legs/outside"},
	} {
		for _, transport := range []string{"tcp", "tls", "ws"} {
			t.Run(c.name+", "+transport, func(t *testing.T) {
				h := between(t, place{transport, v4}, place{"tcp", v4}, options{lanes: 1, chaos: poisoned})
				caller, callee := h.invite(t)
				beside := h.caller.Connection(h.Addr("inside"))
				h.caller.Dial(h.Addr("inside")) // what follows goes over this one
				const times = 30
				for range times {
					caller.Request("INFO", ua.Options{Headers: []string{"Subject: poison " + c.poison}})
					caller.Request("INFO", ua.Options{})
					m := h.callee.Receive()
					if len(m.Header("Subject")) > 0 {
						t.Fatalf("the poison went through:\n%s", m.Raw)
					}
					h.callee.Answer(m, 200, ua.Options{})
					if r := caller.Response(); r.Status() != 200 {
						t.Fatalf("the caller was told\n%s", r.Raw)
					}
				}
				if err := beside.Ping(); err != nil {
					t.Errorf("a connection beside it: %v", err)
				}
				callee.Request("INFO", ua.Options{})
				h.caller.Answer(h.caller.Receive(), 200, ua.Options{})
				callee.Response()
				bye(t, callee, h.caller)
				restarts := uint64(0)
				for path, n := range h.Restarts() {
					if strings.HasSuffix(path, c.restarts) {
						restarts += n
					}
				}
				if lost := counted(h.System, "drop", message.Panicked.String()); restarts != times || lost != times {
					t.Errorf("%d restarts and %d lost packets were counted, not %d: %v", restarts, lost, times, h.Restarts())
				}
				for _, leg := range []string{"inside", "outside"} {
					if st := connections(t, h.System, leg); len(st.Ended) > 0 {
						t.Errorf("connections of leg %s have ended: %+v", leg, st)
					}
				}
			})
		}
	}
}

// The actor of a leg is started again; the connections of the leg are there as before, and so are their actors.
func TestALegThatIsStartedAgainKeepsItsConnections(t *testing.T) {
	for _, transport := range []string{"tcp", "wss"} {
		t.Run(transport, func(t *testing.T) {
			h := between(t, place{transport, v4}, place{"udp", v4}, options{lanes: 1, client: true, chaos: poisoned})
			contact := behindNAT(transport)
			call := h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Contact: contact})
			callee := h.callee.Answer(h.callee.Receive(), 200, ua.Options{})
			call.Ack(call.Response())
			h.callee.Receive()
			for i := range 20 {
				callee.Request("INFO", ua.Options{Headers: []string{"Subject: poison send legs/inside"}})
				callee.Request("INFO", ua.Options{Headers: []string{fmt.Sprint("Subject: ", i)}})
				m := h.caller.Receive()
				if m.First("Subject") != fmt.Sprint(i) {
					t.Fatalf("the poison went through:\n%s", m.Raw)
				}
				h.caller.Answer(m, 200, ua.Options{Contact: contact})
				if r := callee.Response(); r.Status() != 200 {
					t.Fatalf("the callee was told\n%s", r.Raw)
				}
			}
			bye(t, call, h.callee)
			if st := connections(t, h.System, "inside"); st.Accepted != 1 || len(st.Ended) > 0 {
				t.Errorf("one connection was there for all of it: %+v", st)
			}
		})
	}
}
