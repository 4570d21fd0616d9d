package torture

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/actorsip/actorsip/tests/ua"
)

// A storm is a million datagrams from a few senders. After each gust the proxy must still forward an OPTIONS and bring
// back its 200, so a gust is never larger than what a socket's buffer holds.
const (
	stormSize = 1_000_000
	gust      = 64
	senders   = 8
	seed      = 4475
)

func TestAStormOfMutatedDatagramsLeavesNothingBehind(t *testing.T) {
	size := stormSize
	if testing.Short() || raced {
		size /= 10
	}
	b := start(t)
	callee := b.callee
	callers := make([]*ua.Phone, senders)
	for i := range callers {
		callers[i] = newCaller(t, 0)
	}
	callers[0] = newCaller(t, 5060) // where answers go whose Via names no port
	m := mutator{rng: rand.New(rand.NewPCG(seed, seed)), sane: sane(t, callers[0], b.inside)}

	forwarded, answered := 0, 0
	blow := func(n int) {
		for sent := 0; sent < n; sent += gust {
			caller := callers[sent/gust%senders]
			for range gust {
				raw := m.next()
				if m.rng.IntN(8) == 0 {
					callee.Send(raw, b.outside)
				} else {
					caller.Send(raw, b.inside)
				}
			}
			atCallee, atCaller := b.shelter(t, caller)
			forwarded += len(atCallee)
			answered += len(atCaller)
		}
	}
	blow(size / 10) // pools and caches are filled
	before := measure(b)
	blow(size - size/10)
	after := measure(b)
	t.Logf("%d datagrams, %d forwarded, %d answered: goroutines %d then %d, heap %d KiB then %d KiB",
		size, forwarded, answered, before.goroutines, after.goroutines, before.heap>>10, after.heap>>10)
	if after.goroutines > before.goroutines+2 {
		t.Errorf("%d goroutines before, %d after", before.goroutines, after.goroutines)
	}
	if after.heap > before.heap+4<<20 {
		t.Errorf("%d bytes of heap before, %d after", before.heap, after.heap)
	}
	if forwarded < size/20 || answered < size/20 {
		t.Errorf("of %d datagrams %d were forwarded and %d answered: the storm does not reach every room", size, forwarded, answered)
	}
	call(t, b, callers[0])
}

// shelter lets an OPTIONS and its 200 pass, and takes off the phones what came before. A datagram lost to a full buffer
// is no fault, so the OPTIONS is sent again as a client would. What came and is of no shelter is returned.
func (b *bench) shelter(t *testing.T, caller *ua.Phone) (atCallee, atCaller []ua.Message) {
	t.Helper()
	options := caller.Compose("OPTIONS", "sip:shelter@example.com", ua.Options{To: shelter})
	for wait := 20 * time.Millisecond; wait < 10*time.Second; wait *= 2 {
		caller.Send(options.Raw, b.inside)
		request, strays, came := find(b.callee, options, wait)
		atCallee = append(atCallee, strays...)
		if !came {
			continue
		}
		b.callee.Answer(request, 200, ua.Options{})
		_, strays, back := find(caller, options, wait)
		atCaller = append(atCaller, strays...)
		if back {
			return atCallee, atCaller
		}
	}
	t.Fatalf("the proxy has stopped forwarding")
	return nil, nil
}

// shelter is in the To of every message that ends a gust, and in no other.
const shelter = "<sip:shelter@example.com>"

// find reads a phone until a message of that transaction comes, or none for a while.
func find(phone *ua.Phone, of ua.Message, wait time.Duration) (m ua.Message, strays []ua.Message, found bool) {
	id := of.First("Call-ID")
	for m, came := phone.Next(wait); came; m, came = phone.Next(wait) {
		switch {
		case m.First("Call-ID") == id:
			return m, strays, true
		case !strings.HasPrefix(m.First("To"), shelter):
			strays = append(strays, m)
		}
	}
	return m, strays, false
}

type footprint struct {
	goroutines int
	heap       uint64
}

// measure is what the process holds when nothing is under way.
func measure(b *bench) footprint {
	b.callee.Pending()
	var mem runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&mem)
	return footprint{goroutines: runtime.NumGoroutine(), heap: mem.HeapAlloc}
}

// call is an ordinary call through the proxy, from INVITE to the 200 of BYE.
func call(t *testing.T, b *bench, caller *ua.Phone) {
	t.Helper()
	caller.Pending()
	b.callee.Pending()
	outgoing := caller.Invite("sip:bob@example.com", ua.Options{Proxy: b.inside, Body: "v=0\r\n"})
	invite := b.callee.Receive()
	b.callee.Answer(invite, 180, ua.Options{})
	b.callee.Answer(invite, 200, ua.Options{})
	for _, code := range []int{180, 200} {
		if m := outgoing.Response(); m.Status() != code {
			t.Fatalf("%d was expected:\n%s", code, m)
		} else if code == 200 {
			outgoing.Ack(m)
		}
	}
	if ack := b.callee.Receive(); ack.Method() != "ACK" {
		t.Fatalf("an ACK was expected:\n%s", ack)
	}
	outgoing.Bye()
	b.callee.Answer(b.callee.Receive(), 200, ua.Options{})
	if m := outgoing.Response(); m.Status() != 200 || m.Method() != "BYE" {
		t.Fatalf("the 200 of the BYE was expected:\n%s", m)
	}
}

// sane are the messages that the storm mutates: a call's, and, if they are at hand, those of the RFCs.
func sane(t *testing.T, caller *ua.Phone, proxy netip.AddrPort) [][]byte {
	t.Helper()
	sdp := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
	route := fmt.Sprintf("Route: <sip:%s;lr>, <sip:p2.example.com;lr>", proxy)
	invite := caller.Compose("INVITE", "sip:bob@example.com", ua.Options{Body: sdp, Headers: []string{
		"Record-Route: <sip:p1.example.com;lr>", "Supported: 100rel, replaces", `Contact: "Alice, A." <sip:alice@[2001:db8::1]:5062>;q=0.7`,
	}})
	all := [][]byte{
		invite.Raw,
		caller.Compose("BYE", "sip:bob@[2001:db8::2]:5080;transport=udp", ua.Options{Headers: []string{route}}).Raw,
		caller.Compose("REGISTER", "sip:example.com", ua.Options{Headers: []string{"Expires: 3600"}}).Raw,
		caller.Compose("ACK", "sip:bob@example.com", ua.Options{Headers: []string{route}}).Raw,
		caller.Compose("OPTIONS", "sips:bob@example.com", ua.Options{Headers: []string{"Proxy-Require: foo"}}).Raw,
		caller.Response(invite, 200, ua.Options{Body: sdp}).Raw,
		caller.Response(invite, 486, ua.Options{}).Raw,
		[]byte("\r\n\r\n"),
		nil,
	}
	if dir := os.Getenv("TORTURE_DIR"); dir != "" {
		files, err := filepath.Glob(filepath.Join(dir, "rfc*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			all = append(all, load(t, file))
		}
	}
	return all
}
