package peers

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/actorsip/actorsip/system"
)

// leg is a leg of a proxy under test.
type leg struct {
	name      string
	transport string   // udp if empty
	listen    string   // IP address; in brackets if IPv6
	reach     []string // addresses with ports
	more      string   // a further setting, as in the file
}

// configuration is a proxy's configuration file: those legs, then the lines of more.
func configuration(t *testing.T, legs []leg, port func(leg) uint16, more string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("legs:\n")
	for _, l := range legs {
		fmt.Fprintf(&b, "  - name: %s\n    listen: %s:%s:%d\n", l.name, cmp.Or(l.transport, "udp"), l.listen, port(l))
		if l.more != "" {
			fmt.Fprintf(&b, "    %s\n", l.more)
		}
		for i, to := range l.reach {
			if i == 0 {
				b.WriteString("    reach:\n")
			}
			fmt.Fprintf(&b, "      - %s\n", strconv.Quote(to))
		}
	}
	fmt.Fprintf(&b, "keys: {file: %s}\n", strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml")))
	if !strings.Contains(more, "limits:") {
		b.WriteString("limits: {packets: 256, waiting: 128}\n") // many proxies in one process
	}
	return b.String() + "admin: {listen: off}\n" + more
}

// serve runs a proxy in this process. It returns where its legs are, by name.
func serve(t *testing.T, legs []leg, more string) map[string]netip.AddrPort {
	t.Helper()
	_, at := begin(t, legs, more, system.Options{})
	return at
}

// begin is serve for those who ask the proxy something later.
func begin(t *testing.T, legs []leg, more string, opts system.Options) (*system.System, map[string]netip.AddrPort) {
	t.Helper()
	text := configuration(t, legs, func(leg) uint16 { return 0 }, more)
	cfg, err := system.Parse("peers.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	sys, err := system.StartWith(cfg, opts)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	t.Cleanup(sys.Stop)
	at := map[string]netip.AddrPort{}
	for _, l := range legs {
		at[l.name] = sys.Addr(l.name)
	}
	return sys, at
}

// freePort is a port that was free a moment ago, UDP and TCP, for programs that cannot say which one they got. It is below
// those that the kernel gives to whoever asks for any, so that nobody gets it meanwhile.
func freePort(t *testing.T, ip string) netip.AddrPort {
	t.Helper()
	for range 100 {
		at := net.JoinHostPort(strings.Trim(ip, "[]"), strconv.Itoa(12500+rand.IntN(7500)))
		datagrams, err := net.ListenPacket("udp", at)
		if err != nil {
			continue
		}
		streams, err := net.Listen("tcp", at)
		_ = datagrams.Close()
		if err == nil {
			_ = streams.Close()
			return netip.MustParseAddrPort(at)
		}
	}
	t.Fatalf("no port is free at %s", ip)
	return netip.AddrPort{}
}
