package peers

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// sipp's calls go from UDP and TCP to either, on both families. Over TCP they share one connection, or each has its own.
func TestSippCallsOverEveryPairOfTransports(t *testing.T) {
	calls := 300
	if testing.Short() {
		calls = 50
	}
	for _, caller := range []struct {
		place
		mode string
	}{
		{place{"udp", "127.0.0.1"}, "u1"},
		{place{"udp", "[::1]"}, "u1"},
		{place{"tcp", "127.0.0.1"}, "t1"},
		{place{"tcp", "[::1]"}, "t1"},
		{place{"tcp", "127.0.0.1"}, "tn"},
	} {
		for _, callee := range []place{{"udp", "127.0.0.1"}, {"udp", "[::1]"}, {"tcp", "127.0.0.1"}, {"tcp", "[::1]"}} {
			t.Run(fmt.Sprintf("%s %s to %s %s", caller.mode, caller.ip, callee.transport, callee.ip), func(t *testing.T) {
				sippCallsBetween(t, calls, caller.place, caller.mode, callee)
			})
		}
	}
}

func sippCallsBetween(t *testing.T, calls int, from place, mode string, to place) {
	uas, uac, dir := freePort(t, to.ip), freePort(t, from.ip), t.TempDir()
	callee := spawn(t, dir, "sipp", "-sn", "uas", "-t", map[string]string{"udp": "u1", "tcp": "t1"}[to.transport],
		"-i", to.ip, "-p", fmt.Sprint(uas.Port()), "-nostdin", "-buff_size", "200000")
	if to.transport == "tcp" {
		listening(t, uas.String())
	} else {
		taken(t, uas.String())
	}
	more := fmt.Sprintf("next_hops: {\"*\": %q}\n", to.uri(uas.String()))
	if from.transport == "udp" || to.transport == "udp" {
		more += "lanes: 1\n" // two datagrams may change places when they begin to be spread over lanes, and sipp gives the call up
	}
	at := serve(t, []leg{from.leg("inside", uac.String(), nil), to.leg("outside", uas.String(), nil)}, more)
	caller := spawn(t, dir, "sipp", at["inside"].String(), "-sf", follower(t), "-key", "domain", "example.com", "-t", mode,
		"-i", from.ip, "-p", fmt.Sprint(uac.Port()), "-nostdin",
		"-r", "200", "-m", fmt.Sprint(calls), "-l", "50", "-buff_size", "200000", "-max_socket", "512", "-timeout", "30s", "-timeout_error",
		"-trace_stat", "-stf", "caller.csv", "-fd", "1")
	noneFails(t, caller, calls, filepath.Join(dir, "caller.csv"))
	_ = callee.cmd.Cancel()
}

// listening waits until a program takes connections at that address.
func listening(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(10 * time.Millisecond) // the program announces it in no other way
	}
	t.Fatalf("nobody takes connections at %s", addr)
}
