package tests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// over waits until a connection has ended from the other side.
func over(t *testing.T, c *ua.Connection) {
	t.Helper()
	select {
	case <-c.Over():
	case <-time.After(5 * time.Second):
		t.Fatal("the connection has not ended")
	}
}

// A message that is begun and not finished ends its connection, however steadily it comes.
func TestAMessageThatDoesNotEndIsNotWaitedFor(t *testing.T) {
	for _, transport := range secured {
		t.Run(transport, func(t *testing.T) {
			h := between(t, place{transport, v4}, place{"udp", v4}, options{inside: "stream: {partial: 200ms, idle: 1h}"})
			invite := h.caller.Compose("INVITE", "sip:bob@example.com", ua.Options{}).Raw
			stuck, dripping, good := h.caller.Dial(h.Addr("inside")), h.caller.Dial(h.Addr("inside")), h.caller.Dial(h.Addr("inside"))
			if err := stuck.Send(invite[:40]); err != nil {
				t.Fatal(err)
			}
			drip := time.NewTicker(20 * time.Millisecond)
			defer drip.Stop()
			at := 0
			for deadline := time.After(5 * time.Second); dripping.Why() == nil; {
				select {
				case <-deadline:
					t.Fatal("a message that comes byte by byte is waited for")
				case <-dripping.Over():
				case <-drip.C:
					_ = dripping.Send(invite[at : at+1])
					at++
				}
			}
			over(t, stuck)
			awaitEnd(t, h.System, "inside", "unfinished message", 2)
			if err := good.Ping(); err != nil {
				t.Errorf("a connection on which nothing was begun: %v", err)
			}
			h.works(t)
		})
	}
}

// A connection on which nothing comes ends; one that shows that it is alive stays.
func TestAnIdleConnectionEnds(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			h := between(t, place{transport, v4}, place{"udp", v4}, options{inside: "stream: {idle: 1s}"})
			idle, alive := h.caller.Dial(h.Addr("inside")), h.caller.Dial(h.Addr("inside"))
			ping := time.NewTicker(200 * time.Millisecond)
			defer ping.Stop()
			for deadline := time.After(5 * time.Second); idle.Why() == nil; {
				select {
				case <-deadline:
					t.Fatal("an idle connection has not ended")
				case <-idle.Over():
				case <-ping.C:
					if err := alive.Ping(); err != nil {
						t.Fatal(err)
					}
				}
			}
			awaitEnd(t, h.System, "inside", "idle", 1)
			if alive.Why() != nil {
				t.Errorf("a connection that was alive has ended: %v", alive.Why())
			}
			h.works(t)
		})
	}
}

// One source has so many connections; one more is refused, and when one is gone there is a place again.
func TestASourceHasSoManyConnections(t *testing.T) {
	for _, limit := range []string{"max_per_source: 3", "max_connections: 3"} {
		t.Run(limit, func(t *testing.T) {
			h := between(t, place{"tcp", v4}, place{"udp", v4}, options{inside: "stream: {" + limit + "}"})
			var all []*ua.Connection
			for range 3 {
				c := h.caller.Dial(h.Addr("inside"))
				if err := c.Ping(); err != nil {
					t.Fatal(err)
				}
				all = append(all, c)
			}
			for range 5 {
				c, err := net.Dial("tcp", h.Addr("inside").String()) // the kernel takes it, we do not
				if err != nil {
					continue // we were quicker than the kernel could tell
				}
				_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("a connection too many stays")
				}
				c.Close()
			}
			awaitEnd(t, h.System, "inside", "too many", 5)
			for _, c := range all {
				if err := c.Ping(); err != nil {
					t.Errorf("a connection that was there before: %v", err)
				}
			}
			all[0].Close()
			awaitConnections(t, h.System, "inside", "one is gone", func(st system.StreamStatus) bool { return st.Open == 2 })
			h.works(t)
		})
	}
}

// What is too long, or no SIP at all, is refused where it can be, and ends its connection.
func TestWhatIsNoSIPEndsItsConnection(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		status    int // of the answer; 0 for none
	}{
		{"HTTP", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", 0},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0},
		{"no length", "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TCP x.invalid;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n", 400},
		{"a length that is none", "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TCP x.invalid;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 1x\r\n\r\n", 400},
		{"a body that is too long", "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TCP x.invalid;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 5000\r\n\r\n", 413},
		{"headers that do not end", "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TCP x.invalid;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nSubject: " + strings.Repeat("x", 3000), 413},
	} {
		for _, transport := range secured {
			t.Run(c.name+" over "+transport, func(t *testing.T) {
				h := between(t, place{transport, v4}, place{"udp", v4}, options{top: "limits: {max_message: 2000}\n"})
				conn := h.caller.Dial(h.Addr("inside"))
				if err := conn.Send([]byte(c.raw)); err != nil {
					t.Fatal(err)
				}
				over(t, conn)
				if err := conn.Why(); !errors.Is(err, io.EOF) {
					t.Errorf("it should have ended in order: %v", err)
				}
				status := 0
				for _, m := range h.caller.Pending() {
					status = m.Status()
				}
				if status != c.status {
					t.Errorf("the answer is %d, not %d", status, c.status)
				}
				awaitEnd(t, h.System, "inside", "bad frame", 1)
				h.works(t)
				h.callee.Quiet(time.Millisecond)
			})
		}
	}
}

// Few packets, many messages at once: the peers are read more slowly, and nothing is lost.
func TestMessagesWaitForPackets(t *testing.T) {
	for _, transport := range []string{"tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			h := between(t, place{transport, v4}, place{"tcp", v4}, options{lanes: 1, top: "limits: {packets: 16, waiting: 8}\n"})
			h.works(t) // there is a connection to the callee: nobody waits for one
			const peers, each = 4, 250
			sent := make(chan error, peers)
			for range peers {
				c, all := h.caller.Dial(h.Addr("inside")), [][]byte(nil)
				for range each {
					all = append(all, h.caller.Compose("MESSAGE", "sip:bob@example.com", ua.Options{}).Raw)
				}
				go func() { sent <- pipeline(c, transport, all) }()
			}
			seen := map[string]int{}
			for range peers * each {
				seen[h.callee.Receive().First("Call-ID")]++
			}
			for range peers {
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
			if len(seen) != peers*each {
				t.Errorf("%d of %d messages came", len(seen), peers*each)
			}
			h.works(t)
			for _, leg := range []string{"inside", "outside"} {
				if st := connections(t, h.System, leg); len(st.Ended) > 0 {
					t.Errorf("connections have ended: %+v", st)
				}
			}
		})
	}
}

// pipeline sends many messages, over TCP in one piece.
func pipeline(c *ua.Connection, transport string, all [][]byte) error {
	if transport == "tcp" {
		return c.Send(bytes.Join(all, nil))
	}
	for _, raw := range all {
		if err := c.Send(raw); err != nil {
			return err
		}
	}
	return nil
}

// All packets that may wait for a name do so; those that need none go on over the same connection.
func TestWhatWaitsForANameHoldsUpNobody(t *testing.T) {
	leavesNothing(t)
	names := stage.NameServer(t, "*. 60 IN A 127.0.0.1")
	const waiting, asked = 8, 40
	h := between(t, place{"tcp", v4}, place{"tcp", v4}, options{
		lanes: 1, everywhere: true,
		top: fmt.Sprintf("dns: {servers: [%q], timeout: 5s}\nlimits: {packets: 16, waiting: %d}\nnext_hops: {example.com: CALLEE}\n", names.Addr, waiting),
	})
	h.works(t) // there is a connection to the callee, so a call to him waits for nothing
	for i := range asked {
		h.caller.Request("INVITE", fmt.Sprintf("sip:bob@no%d.held:%d;transport=tcp", i, h.callee.Addr().Port()), ua.Options{Proxy: h.Addr("inside")})
	}
	for range asked - waiting {
		if r := h.caller.Receive(); r.Status() != 503 {
			t.Fatalf("one too many was answered\n%s", r.Raw)
		}
	}
	h.works(t)
	names.Release()
	for range waiting {
		if m := h.callee.Receive(); m.Method() != "INVITE" {
			t.Fatalf("the INVITE was expected, not\n%s", m.Raw)
		}
	}
}
