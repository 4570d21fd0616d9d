package tests

import (
	"strings"
	"testing"

	"github.com/actorsip/actorsip/message"
	"github.com/actorsip/actorsip/tests/ua"
)

// poison makes each room panic on a packet whose Subject names that room.
func poison(room string, msg any) bool {
	var p *message.Packet
	switch v := msg.(type) {
	case message.Open:
		p = v.Packet
	case message.Route:
		p = v.Packet
	case message.Seal:
		p = v.Packet
	case message.Send:
		p = v.Packet
	default:
		return false
	}
	_, victim, found := strings.Cut(string(p.Raw()), "Subject: poison ")
	if found && strings.HasSuffix(room, strings.SplitN(victim, "\r", 2)[0]) {
		panic("poison")
	}
	return false
}

// A room that panics costs the packet that it panicked on: the next one of the same call passes.
func TestAPoisonPacketCostsOnlyItself(t *testing.T) {
	for _, room := range []string{"contact", "router", "legs/outside"} {
		t.Run(room, func(t *testing.T) {
			h := build(t, v4, v4, "", poison)
			caller, _ := h.invite(t)
			const times = 50 // far beyond what the actor library's own supervisor forgives
			for range times {
				caller.Request("INFO", ua.Options{Headers: []string{"Subject: poison " + room}})
				caller.Request("INFO", ua.Options{})
				m := h.callee.Receive()
				if len(m.Header("Subject")) > 0 {
					t.Fatalf("the poison went through:\n%s", m.Raw)
				}
				h.callee.Answer(m, 200, ua.Options{})
				caller.Response()
			}
			bye(t, caller, h.callee)
			restarts := uint64(0)
			for path, n := range h.Restarts() {
				if strings.HasSuffix(path, room) {
					restarts += n
				}
			}
			if restarts != times {
				t.Errorf("%d restarts of %s were counted, not %d: %v", restarts, room, times, h.Restarts())
			}
			lost := uint64(0)
			for _, c := range h.Counts() {
				if c.Reason == message.Panicked.String() {
					lost += c.Packets
				}
			}
			if lost != times {
				t.Errorf("%d packets were counted as lost, not %d", lost, times)
			}
		})
	}
}
