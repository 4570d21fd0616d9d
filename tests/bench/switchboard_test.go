package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestAudioIsLookedForElsewhere(t *testing.T) {
	for _, c := range []struct{ sdp, want string }{
		{"v=0\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n", "127.0.0.1:20000"},
		{"v=0\nm=audio 20000/1 RTP/AVP 0\n", ""},
		{"m=audio 40002 RTP/AVP 0\r\nc=IN IP6 ::1\r\n", "[::1]:40002"},
		{"c=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n", ""},
		{"c=IN IP4 127.0.0.1\r\nm=audio 99999 RTP/AVP 0\r\n", ""},
		{"c=IN IP4 localhost\r\nm=audio 20000 RTP/AVP 0\r\n", ""},
		{"c=IN IP4 127.0.0.1\r\nm=video 20000 RTP/AVP 0\r\n", ""},
		{"m=audio 20000 RTP/AVP 0\r\n", ""},
		{"", ""},
	} {
		got, err := audioOf(c.sdp)
		if c.want == "" && !errors.Is(err, errNoAudio) || c.want != "" && (err != nil || got.String() != c.want) {
			t.Errorf("%q: %v, %v", c.sdp, got, err)
		}
	}
}

// bareProxy passes SIP on between two phones' sides, with what change does to it; nil loses a message.
func bareProxy(t *testing.T, s site, change func(b []byte, up bool) []byte) {
	t.Helper()
	inside, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(s.inside))
	if err != nil {
		t.Fatal(err)
	}
	outside, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(s.outside))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = inside.Close(), outside.Close() })
	caller := make(chan netip.AddrPort, 1)
	go func() {
		b := make([]byte, 4096)
		for {
			n, from, err := inside.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			select {
			case caller <- from:
			default:
			}
			var m message
			if out := change(b[:n], true); out != nil && m.parse(b[:n]) == nil {
				if to, err := hostOf(m.uri); err == nil {
					_, _ = outside.WriteToUDPAddrPort(out, to)
				}
			} else if out != nil {
				_, _ = inside.WriteToUDPAddrPort(out, from)
			}
		}
	}()
	go func() {
		back := <-caller
		b := make([]byte, 4096)
		for {
			n, err := outside.Read(b)
			if err != nil {
				return
			}
			if out := change(b[:n], false); out != nil {
				_, _ = inside.WriteToUDPAddrPort(out, back)
			}
		}
	}()
}

// described puts a relay's ports into the session descriptions, of the same length as the endpoints'.
func described(b []byte, up bool) []byte {
	if up {
		b = bytes.Replace(b, []byte("c=IN IP4 "+callerIP), []byte("c=IN IP4 "+outsideIP), 1)
		b = bytes.Replace(b, []byte("m=audio 4"), []byte("m=audio 2"), 1)
	} else {
		b = bytes.Replace(b, []byte("c=IN IP4 "+calleeIP), []byte("c=IN IP4 "+insideIP), 1)
		b = bytes.Replace(b, []byte("m=audio 4"), []byte("m=audio 2"), 1)
	}
	// The addresses of the endpoints are one digit longer.
	_, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	if len(body) == 0 {
		return b
	}
	return bytes.Replace(b, fmt.Appendf(nil, "Content-Length: %d", len(body)+1), fmt.Appendf(nil, "Content-Length: %d", len(body)), 1)
}

func sipCallsThrough(t *testing.T, change func(b []byte, up bool) []byte) (switchboard, error) {
	t.Helper()
	s, err := newSite(1)
	if err != nil {
		t.Fatal(err)
	}
	bareProxy(t, s, change)
	board, err := dialSIP(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(board.close)
	for call := range 3 {
		caller := netip.AddrPortFrom(netip.MustParseAddr(callerIP), uint16(40000+2*call))
		callee := netip.AddrPortFrom(netip.MustParseAddr(calleeIP), uint16(41000+2*call))
		inside, outside, err := board.connect(t.Context(), call, caller, callee)
		if err != nil {
			return board, err
		}
		if inside.String() != fmt.Sprintf("%s:%d", insideIP, 21000+2*call) || outside.String() != fmt.Sprintf("%s:%d", outsideIP, 20000+2*call) {
			t.Errorf("call %d: inside %s, outside %s", call, inside, outside)
		}
	}
	return board, nil
}

func TestCallsBySIPFindOtherPorts(t *testing.T) {
	if _, err := sipCallsThrough(t, described); err != nil {
		t.Error(err)
	}
}

func TestALostMessageEndsTheCalls(t *testing.T) {
	for _, lost := range []string{"INVITE", "SIP/2.0 200", "ACK"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			once := make(chan struct{}, 1)
			once <- struct{}{}
			if _, err := sipCallsThrough(t, func(b []byte, up bool) []byte {
				if bytes.HasPrefix(b, []byte(lost)) {
					select {
					case <-once:
						return nil
					default:
					}
				}
				return described(b, up)
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAProxyWithoutRelayPassesForOne(t *testing.T) {
	if _, err := sipCallsThrough(t, func(b []byte, _ bool) []byte { return b }); !errors.Is(err, errWrongSide) {
		t.Error(err)
	}
}

func TestARefusedCallIsAwaited(t *testing.T) {
	begin := time.Now()
	_, err := sipCallsThrough(t, func(b []byte, _ bool) []byte {
		var m message
		if err := m.parse(b); err != nil {
			return nil
		}
		return fmt.Appendf(nil, "SIP/2.0 503 Service Unavailable\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContent-Length: 0\r\n\r\n",
			m.from, m.to, m.callID, m.cseq)
	})
	if !errors.Is(err, errStatus) || !strings.Contains(err.Error(), "503") || time.Since(begin) > 5*attempt {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}

func TestARelayThatNeverAnswersHoldsTheRun(t *testing.T) {
	s, err := newSite(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, dial := range map[string]func(site) (switchboard, error){"floor": dialFloor, "ng": dialNG, "sip": dialSIP} {
		board, err := dial(s)
		if err != nil {
			t.Fatal(err)
		}
		defer board.close()
		ctx, cancel := context.WithTimeout(t.Context(), attempt)
		defer cancel()
		if _, _, err := board.connect(ctx, 0, s.inside, s.outside); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// passOnce is one short passage of the relay of that name with some calls.
func passOnce(t *testing.T, name, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("there is no %s", program)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o := mediaOptions{dir: t.TempDir(), window: 500 * time.Millisecond}
	for _, r := range relays() {
		if r.name != name {
			continue
		}
		if err := r.prepare(ctx, o.dir); err != nil {
			t.Fatal(err)
		}
		p, err := pass(ctx, r, o, firstCalls+10)
		if err != nil {
			t.Fatal(err)
		}
		if p.sent == 0 || p.lost() > tolerable || p.cpu <= 0 || p.relayed == 0 || p.idle == 0 || len(p.faults) > 0 {
			t.Errorf("%d sent, %d heard, %d relayed, CPU %v, memory %d, %v", p.sent, p.heard, p.relayed, p.cpu, p.idle, p.faults)
		}
	}
}

func TestTheFloorDoesNotRelay(t *testing.T) { passOnce(t, "floor", "cc") }

func TestActorsipDoesNotRelay(t *testing.T) { passOnce(t, "actorsip", "go") }

func TestRtpengineDoesNotRelay(t *testing.T) { passOnce(t, "rtpengine", "rtpengine") }
