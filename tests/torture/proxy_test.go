package torture

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/stage"
	"github.com/actorsip/actorsip/tests/ua"
)

// callerHost is the caller's address. The top Via of most messages names a host that is not there and no port, so their
// answers go to the sender's address and port 5060 (RFC 3261 §18.2.1, §18.2.2): the caller needs an address with that
// port for itself, and takes one that no other process is likely to use.
func callerHost() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.68.%d.%d", pid>>8&0xff, pid&0xff)
}

// bench is a proxy with two legs, and the callee behind the second one.
type bench struct {
	inside, outside netip.AddrPort
	callee          *ua.Phone
}

// start runs a proxy that sends all that may be forwarded to one callee, and leaves Contacts as they are. Both legs
// reach phones on the loopback only, and every name is the callee's: nothing that a mutation writes into a Route leads
// elsewhere.
func start(t *testing.T) *bench {
	t.Helper()
	if conn, err := net.ListenPacket("udp", net.JoinHostPort(callerHost(), "0")); err != nil {
		t.Skipf("the loopback of this system has no address %s", callerHost())
	} else {
		_ = conn.Close()
	}
	b := &bench{callee: ua.New(t, "127.0.0.1:0")}
	b.inside, b.outside = serve(t, b.callee.Addr())
	// A message that waits for a name would come behind the OPTIONS of settle: the name of wsinv's Route is asked here.
	newCaller(t, 0).Request("OPTIONS", "sip:name@example.com",
		ua.Options{Proxy: b.inside, Headers: []string{"Route: <sip:services.example.com;lr>"}})
	b.callee.Receive()
	return b
}

// serve runs the proxy of a bench and says where its legs are.
func serve(t *testing.T, callee netip.AddrPort) (inside, outside netip.AddrPort) {
	t.Helper()
	names := stage.NameServer(t, fmt.Sprintf("*. 60 IN SRV 0 0 %d callee.test.", callee.Port()), "*. 60 IN A "+callee.Addr().String())
	config := fmt.Sprintf(`
legs:
  - name: inside
    listen: udp:127.0.0.1:0
    reach: ["%s"]
  - name: outside
    listen: udp:127.0.0.1:0
    reach: ["%s"]
next_hops: {"*": "sip:%s"}
contact: {rewrite: never}
trusted: ["%s"] # what is short and bad is answered, however much of it comes from this address
dns: {servers: ["%s"]}
admin: {listen: off}
keys: {file: %s}
`, callerHost(), callee, callee, callerHost(), names.Addr, strconv.Quote(filepath.Join(t.TempDir(), "keys.yaml")))
	cfg, err := system.Parse("torture.yaml", []byte(config))
	if err != nil {
		t.Fatal(err)
	}
	sys, err := system.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.Stop)
	return sys.Addr("inside"), sys.Addr("outside")
}

// newCaller opens the caller's phone on that port.
func newCaller(t *testing.T, port uint16) *ua.Phone {
	t.Helper()
	return ua.New(t, netip.AddrPortFrom(netip.MustParseAddr(callerHost()), port).String())
}

// settled is all that came out of the proxy for what the caller and the callee have sent it so far.
type settled struct {
	forwarded []ua.Message // at the callee
	returned  []ua.Message // at the caller
}

// settle sends an OPTIONS from the caller to the callee and its 200 back, and says what came before.
func (b *bench) settle(caller *ua.Phone) (s settled) {
	barrier := caller.Request("OPTIONS", "sip:barrier@example.com", ua.Options{Proxy: b.inside})
	mine := func(m ua.Message) bool { return m.First("Call-ID") == barrier.First("Call-ID") }
	options, forwarded := b.callee.Until(mine)
	b.callee.Answer(options, 200, ua.Options{})
	_, returned := caller.Until(mine)
	return settled{forwarded: forwarded, returned: returned}
}
