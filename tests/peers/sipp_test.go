package peers

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The built-in caller of sipp calls the built-in callee at a thousand calls a second. None may fail, and none may need a
// retransmission: then the proxy has lost or held up nothing.
func TestSippLosesNoCallAtAThousandASecond(t *testing.T) {
	calls := 10_000
	if testing.Short() {
		calls = 500
	}
	sippCalls(t, calls, "-sn", "uac")
}

// The same with a caller that follows route set and Contact, so that every ACK and BYE comes back with a token.
func TestSippFollowsItsRouteSetBothWays(t *testing.T) {
	calls := 2_000
	if testing.Short() {
		calls = 500
	}
	sippCalls(t, calls, "-sf", follower(t), "-key", "domain", "example.com")
}

// follower is the scenario of a caller that follows its route set.
func follower(t *testing.T) string {
	t.Helper()
	scenario, err := filepath.Abs("sipp/uac.xml")
	if err != nil {
		t.Fatal(err)
	}
	return scenario
}

func sippCalls(t *testing.T, calls int, scenario ...string) {
	uas, uac := freePort(t, "127.0.0.1"), freePort(t, "127.0.0.1")
	dir := t.TempDir()
	callee := spawn(t, dir, "sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", fmt.Sprint(uas.Port()),
		"-nostdin", "-trace_stat", "-stf", "callee.csv", "-fd", "1")
	taken(t, uas.String())
	at := command(t, []leg{
		{name: "inside", listen: "127.0.0.1", reach: []string{uac.String()}},
		{name: "outside", listen: "127.0.0.1", reach: []string{uas.String()}},
	}, fmt.Sprintf("next_hops: {example.com: \"sip:%s\"}\n", uas))
	caller := spawn(t, dir, "sipp", append(scenario, uas.String(), "-rsa", at["inside"].String(),
		"-i", "127.0.0.1", "-p", fmt.Sprint(uac.Port()), "-nostdin",
		"-r", "1000", "-m", fmt.Sprint(calls), "-l", "5000", "-timeout", "60s", "-timeout_error",
		"-trace_stat", "-stf", "caller.csv", "-fd", "1")...)
	noneFails(t, caller, calls, filepath.Join(dir, "caller.csv"))
	_ = callee.cmd.Cancel()
}

// noneFails waits for the end of a sipp, and fails the test unless all its calls went well and nothing was sent twice.
func noneFails(t *testing.T, caller *child, calls int, statisticsFile string) {
	t.Helper()
	if ended := caller.end(70 * time.Second); ended != nil {
		t.Errorf("sipp ended badly: %v\n%s", ended, caller.said())
	}
	got := statistics(t, statisticsFile)
	for _, name := range []string{"TotalCallCreated", "SuccessfulCall(C)"} {
		if got[name] != calls {
			t.Errorf("%s is %d, not %d", name, got[name], calls)
		}
	}
	for _, name := range []string{"FailedCall(C)", "Retransmissions(C)", "FailedTimeoutOnRecv(C)", "OutOfCallMsgs(C)", "DeadCallMsgs(C)"} {
		if n, counted := got[name]; n != 0 || !counted {
			t.Errorf("%s is %d, not 0 (counted: %v)", name, n, counted)
		}
	}
	t.Logf("%d calls, %d retransmissions", got["SuccessfulCall(C)"], got["Retransmissions(C)"])
}

// taken waits until a program has bound a UDP port, which it announces in no other way. To try whether a port is taken may be to take
// it, so the kernel is asked; where it does not tell, it is tried.
func taken(t *testing.T, addr string) {
	t.Helper()
	at := netip.MustParseAddrPort(addr)
	table, entry := "/proc/net/udp", ""
	if at.Addr().Is4() {
		ip := at.Addr().As4()
		entry = fmt.Sprintf(" %02X%02X%02X%02X:%04X ", ip[3], ip[2], ip[1], ip[0], at.Port())
	} else {
		ip := at.Addr().As16()
		for i := 0; i < len(ip); i += 4 { // words in the machine's order, which is little-endian where this runs
			entry += fmt.Sprintf("%02X%02X%02X%02X", ip[i+3], ip[i+2], ip[i+1], ip[i])
		}
		table, entry = "/proc/net/udp6", fmt.Sprintf(" %s:%04X ", entry, at.Port())
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if text, err := os.ReadFile(table); err == nil {
			if strings.Contains(string(text), entry) {
				return
			}
			continue
		}
		conn, err := net.ListenPacket("udp", addr)
		if err != nil {
			return
		}
		_ = conn.Close()
	}
	t.Fatalf("nobody has bound %s", addr)
}

// statistics is the last line of a statistics file of sipp, by column.
func statistics(t *testing.T, file string) map[string]int {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	values, last := map[string]int{}, strings.Split(lines[len(lines)-1], ";")
	for i, name := range strings.Split(lines[0], ";") {
		if i < len(last) {
			if n, err := strconv.Atoi(last[i]); err == nil {
				values[name] = n
			}
		}
	}
	return values
}
