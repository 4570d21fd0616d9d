package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// relayed runs calls through a forwarder that changes nothing but what tamper does to a datagram; up is true on the
// way to the callee. What tamper returns is sent, so nil loses the datagram and two send it twice. Unless verbatim, the phones demand what a proxy does.
func relayed(t *testing.T, calls int, verbatim bool, tamper func(b []byte, up bool) [][]byte) (outcome, []string) {
	t.Helper()
	l, err := newLoad(ground{lanes: 1}, calls)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(l.inside))
	if err != nil {
		t.Fatal(err)
	}
	outside, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(l.outside))
	if err != nil {
		t.Fatal(err)
	}
	relay := func(from, to *net.UDPConn, senders, receivers []netip.AddrPort, up bool) {
		b := make([]byte, 4096)
		for {
			n, sender, err := from.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			for _, d := range tamper(b[:n], up) {
				_, _ = to.WriteToUDPAddrPort(d, receivers[slices.Index(senders, sender)])
			}
		}
	}
	go relay(inside, outside, l.callers, l.callees, true)
	go relay(outside, inside, l.callees, l.callers, false)
	if err := l.start(t.Context(), verbatim); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_, _ = inside.Close(), outside.Close()
		l.close()
	}()

	v, out := &values{}, make([]byte, 0, 4096)
	for range calls {
		if !l.place(v, out) {
			t.Fatal("no call is left to make")
		}
		select {
		case <-l.settled:
		case <-time.After(500 * time.Millisecond): // a call that was tampered with may never finish
		}
	}
	if l.place(v, out) {
		t.Fatal("more calls were made than there is room for")
	}
	count, _ := l.faults.take()
	var sentences []string
	for s := range count {
		sentences = append(sentences, s)
	}
	return judge(l.calls), sentences
}

func TestCallsThroughAnHonestForwarderFail(t *testing.T) {
	o, faults := relayed(t, 2*pairs, true, func(b []byte, _ bool) [][]byte { return [][]byte{b} })
	if o.failed+o.unanswered > 0 || len(faults) > 0 {
		t.Errorf("%d failed, %d unanswered: %v", o.failed, o.unanswered, faults)
	}
	if o.p50 <= 0 || o.p99 < o.p50 {
		t.Errorf("delays p50 %v, p99 %v", o.p50, o.p99)
	}
}

func TestAWrongMessagePassesForRight(t *testing.T) {
	replace := func(when, old, with string) func([]byte, bool) [][]byte {
		return func(b []byte, _ bool) [][]byte {
			if bytes.HasPrefix(b, []byte(when)) {
				b = bytes.Replace(b, []byte(old), []byte(with), 1)
			}
			return [][]byte{b}
		}
	}
	for _, c := range []struct {
		name   string
		tamper func([]byte, bool) [][]byte
		want   error
	}{
		{"another request-URI", replace("INVITE", "sip:bob", "sip:rob"), errRequestURI},
		{"another request-URI in the dialog", replace("ACK", "sip:bob", "sip:rob"), errRequestURI},
		{"another SDP in the offer", replace("INVITE", "m=audio 30000", "m=audio 30002"), errBody},
		{"another SDP in the answer", replace("SIP/2.0 200", "m=audio 31000", "m=audio 31002"), errBody},
		{"a cut body", replace("INVITE", "a=sendrecv\r\n", ""), errLength},
		{"another status", replace("SIP/2.0 200", "200 OK", "202 OK"), errStatus},
		{"a Via too many", replace("SIP/2.0 200", "Via:", "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nVia:"), errViaCount},
		{"a Via too many on one line", replace("SIP/2.0 200", "Via:", "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx,"), errViaCount},
		{"another branch", replace("SIP/2.0 200", "branch=z9hG4bK-", "branch=z9hG4bK_"), errOwnVia},
		{"another CSeq", replace("BYE", "CSeq: 2", "CSeq: 3"), errCSeq},
		{"no To tag", replace("BYE", ";tag=t", ";gat=t"), errTags},
		{"another From tag", replace("SIP/2.0 200", ";tag=f", ";tag=e"), errTags},
		{"another Call-ID", replace("INVITE", "Call-ID: ", "Call-ID: 1"), errStray},
		{"no Contact", replace("SIP/2.0 200", "Contact:", "X-Contact:"), errNoContact},
		{"a message twice", func(b []byte, _ bool) [][]byte { return [][]byte{b, b} }, errRepeated},
		{"a request sent back", func(b []byte, up bool) [][]byte {
			if up {
				return [][]byte{b}
			}
			return [][]byte{bytes.Replace(b, []byte("SIP/2.0 200 OK"), []byte("BYE sip:a SIP/2.0"), 1)}
		}, errNotResponse},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o, faults := relayed(t, 1, true, c.tamper)
			found := slices.ContainsFunc(faults, func(s string) bool { return strings.HasPrefix(s, c.want.Error()) })
			if !found || o.failed+o.unanswered == 0 {
				t.Errorf("%d failed, %d unanswered: %v", o.failed, o.unanswered, faults)
			}
		})
	}
}

func TestALostMessageIsNotMissed(t *testing.T) {
	for _, lost := range []string{"INVITE", "ACK", "BYE", "SIP/2.0 200"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			o, _ := relayed(t, 1, true, func(b []byte, _ bool) [][]byte {
				if bytes.HasPrefix(b, []byte(lost)) {
					return nil
				}
				return [][]byte{b}
			})
			if o.unanswered != 1 {
				t.Errorf("without it: %+v", o)
			}
		})
	}
}

func TestABareForwarderPassesForAProxy(t *testing.T) {
	o, faults := relayed(t, 1, false, func(b []byte, _ bool) [][]byte { return [][]byte{b} })
	if o.good() > 0 || !slices.Contains(faults, errVia.Error()) {
		t.Errorf("%+v %v", o, faults)
	}
}

func TestARoundMeasuresNothing(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("there is no C compiler")
	}
	o := options{dir: t.TempDir(), lanes: 1, window: time.Second}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := prepareFloor(ctx, o.dir); err != nil {
		t.Fatal(err)
	}
	s, err := drive(ctx, forwarder{name: "floor", verbatim: true, command: commandFloor}, o, 100)
	if err != nil {
		t.Fatal(err)
	}
	if s.good() == 0 || s.bad() > 0 || s.cpu <= 0 || s.packets == 0 || s.memory == 0 {
		t.Errorf("%+v", s)
	}
}

func TestAForwarderThatEndsSaysWhy(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ends := forwarder{name: "ends", command: func(string, *ground) ([]string, error) {
		return []string{"sh", "-c", "echo no such leg >&2; exit 3"}, nil
	}}
	_, err := drive(ctx, ends, options{dir: t.TempDir(), lanes: 1, window: time.Second}, 100)
	if !errors.Is(err, errEnded) || !strings.Contains(err.Error(), "no such leg") || !strings.Contains(err.Error(), "status 3") {
		t.Error(err)
	}
}
