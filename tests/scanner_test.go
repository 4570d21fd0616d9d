package tests

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// scanner asks for users who do not exist, from many addresses at once.
type scanner struct {
	conns []*net.UDPConn
	to    netip.AddrPort
	out   []byte
	sent  int
}

// scan opens a socket at each of so many addresses of the loopback that nobody else has.
func scan(t testing.TB, addresses int, to netip.AddrPort) *scanner {
	t.Helper()
	s := &scanner{to: to}
	for i := range addresses {
		s.conns = append(s.conns, ua.New(t, fmt.Sprintf("127.%d.%d.%d:0", 20+i/250/250, i/250%250, 1+i%250)).Conn())
	}
	return s
}

// send sends one request from the next address: REGISTER and OPTIONS in turns, each for another user.
func (s *scanner) send() {
	c, method, uri := s.conns[s.sent%len(s.conns)], "REGISTER", "sip:example.com"
	user := strconv.FormatUint(rand.Uint64(), 36)
	if s.sent/len(s.conns)%2 == 0 {
		method, uri = "OPTIONS", "sip:"+user+"@example.com"
	}
	s.sent++
	s.out = fmt.Appendf(s.out[:0], "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%[4]s@example.com>;tag=%[4]s\r\n"+
		"To: <sip:%[4]s@example.com>\r\nCall-ID: %[4]s\r\nCSeq: 1 %[1]s\r\nContact: <sip:%[4]s@%[3]s>\r\nUser-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n",
		method, uri, c.LocalAddr(), user)
	_, _ = c.WriteToUDPAddrPort(s.out, s.to) // what the kernel does not take is sent in vain, as elsewhere
}

// flood sends at a rate a second, until it is told to stop. Answers are left to the kernel, which drops most of them.
func (s *scanner) flood(rate int, stop <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); ; {
		select {
		case <-stop:
			return
		case <-tick.C:
			for due := int(time.Since(begun).Seconds() * float64(rate)); s.sent < due; {
				s.send()
			}
		}
	}
}

// Somebody scans for users, ten times faster than each of his addresses may. Dialogs that are up go on: each request is answered, in
// its order. Nothing is kept of him beyond what was set aside before.
func TestAScannerStopsNoDialog(t *testing.T) {
	const (
		dialogs = 10
		rate    = 20 // requests a second that one address may make
		lasts   = 3 * time.Second
	)
	addresses := 250
	if raced {
		addresses = 25 // as many as it can hear, each as often
	}
	leavesNothing(t)
	caller, callee := ua.New(t, "127.0.0.1:0"), ua.New(t, "127.0.0.1:0")
	s := launch(t, `  - {name: inside, listen: "udp:127.0.0.1:0", reach: ["`+caller.Addr().String()+`"], registrar: {domains: [example.com]}}
  - {name: outside, listen: "udp:127.0.0.1:0", reach: ["`+callee.Addr().String()+`"]}
`, fmt.Sprintf(`limits: {packets: 256, max_message: 8192, waiting: 64}
trusted: ["127.0.0.1"]
bans: {file: %q}
registrar: {file: off}
chain:
  - limit: {name: flood, sources: [untrusted], methods: [REGISTER, INVITE, OPTIONS], rate: %d/s, ban: {after: 100, for: 1m}}
  - authorize: {methods: [REGISTER], realm: example.com, users: {file: %q}}
`, filepath.Join(t.TempDir(), "bans.db"), rate, users(t, "example.com", "alice")), options{})
	calls := make([]*ua.Call, dialogs)
	for i := range calls {
		calls[i] = caller.Invite(callee.URI(), ua.Options{Proxy: s.Addr("inside")})
		callee.Answer(callee.Receive(), 200, ua.Options{})
		calls[i].Ack(calls[i].Response())
		callee.Receive()
	}
	flood := scan(t, addresses, s.Addr("inside"))
	goroutines, heap, resident := runtime.NumGoroutine(), liveHeap(), residentSet(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { defer close(stopped); flood.flood(10*rate*addresses, stop) }()

	answered, repeated := 0, 0
	for begun := time.Now(); time.Since(begun) < lasts; {
		repeated += converse(t, calls[answered%dialogs], caller, callee, s.Addr("inside"))
		answered++
	}
	if n := runtime.NumGoroutine(); n > goroutines+1 {
		t.Errorf("there were %d goroutines, in the flood there are %d", goroutines, n-1)
	}
	close(stop)
	<-stopped
	t.Logf("%d requests of dialogs were answered, %d were sent again, beside %d of the scanner; %d bans; the heap grew by %d KiB, all memory by %d KiB",
		answered, repeated, flood.sent, counted(s, "drop", "its sender is banned"), (liveHeap()-heap)>>10, (residentSet(t)-resident)>>10)
	if more := liveHeap() - heap; more > 8<<20 {
		t.Errorf("the heap has grown by %d bytes", more)
	}
	if more := residentSet(t) - resident; more > 48<<20 && !raced {
		t.Errorf("memory has grown by %d bytes", more)
	}
	if counted(s, "drop", "more than a rule of the chain allows") == 0 || counted(s, "drop", "its sender is banned") == 0 {
		t.Error("the scanner was neither limited nor banned")
	}
}

// converse sends the next request within a dialog, and again as RFC 3261 §17.1.2.2 has it, until it is answered; it says how often
// again. The other phone answers what comes to it.
func converse(t testing.TB, c *ua.Call, from, to *ua.Phone, by netip.AddrPort) (repeated int) {
	t.Helper()
	sent := c.Request("INFO", ua.Options{})
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 4*time.Second) {
		for until := time.Now().Add(wait); time.Now().Before(until); {
			if m, came := to.Next(time.Millisecond); came {
				// Of other calls only what was sent again can come late: they wait their turn.
				if m.First("Call-ID") == sent.First("Call-ID") && m.CSeq() > sent.CSeq() {
					t.Fatalf("this came in place of the request\n%s", m.Raw)
				}
				to.Answer(m, 200, ua.Options{})
			}
			for m, came := from.Next(time.Millisecond); came; m, came = from.Next(time.Millisecond) {
				if m.Status() == 200 && m.First("Call-ID") == sent.First("Call-ID") && m.CSeq() == sent.CSeq() {
					return repeated
				}
			}
		}
		if repeated++; repeated > 10 { // timer F
			t.Fatal("a request of a dialog was not answered")
		}
		from.Send(sent.Raw, by)
	}
}

// liveHeap is what lives on the heap of this process, in bytes.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// residentSet is the memory that this process has, in bytes; 0 where nobody says.
func residentSet(t testing.TB) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
