package tests

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorsip/actorsip/system"
	"github.com/actorsip/actorsip/tests/ua"
)

// A storm is this many calls, of all endings there are, by so many callers: more than there are ports for.
type storm struct {
	calls, callers int
	ports          string // a call takes two pairs, and they rest for two seconds behind it
}

// refusedPause is how long a caller who was refused waits, and at most twice as long.
const refusedPause = time.Second

func storms() storm {
	if testing.Short() || raced {
		return storm{6_000, 100, "6000-13999"} // and two crowds: 10 000
	}
	return storm{94_000, 300, "6000-17999"} // with the crowds, 100 000
}

// ending plays one call, from the INVITE to however it comes to its end.
type ending struct {
	name  string
	share int // of the calls, in thousandths
	play  func(c *conversation, m *mouths)
}

// mouths are the media sockets of the storm. All calls share them: what comes there is not of interest.
type mouths struct{ alice, bob *net.UDPConn }

func (m *mouths) describe(of *net.UDPConn, lines ...string) string {
	return describe(of.LocalAddr().(*net.UDPAddr).AddrPort(), strings.Join(lines, ""))
}

// word has both ends of a call say something.
func (m *mouths) word(alice, bob netip.AddrPort) {
	packet := make([]byte, 172)
	packet[0] = 0x80
	_, _ = m.alice.WriteToUDPAddrPort(packet, alice)
	_, _ = m.bob.WriteToUDPAddrPort(packet, bob)
}

var endings = []ending{
	{"the caller hangs up", 200, func(c *conversation, m *mouths) {
		c.up(m)
		c.bye(near, far, c.calls[near])
	}},
	{"the callee hangs up", 100, func(c *conversation, m *mouths) {
		c.up(m)
		c.bye(far, near, c.calls[far])
	}},
	{"a BYE has to say who it is", 50, func(c *conversation, m *mouths) {
		c.up(m)
		c.request(near, c.calls[near], "BYE", "")
		c.answer(far, c.hears(far, "BYE"), 407, ua.Options{})
		c.told(near, c.calls[near], 407)
		c.bye(near, far, c.calls[near])
	}},
	{"a BYE to a call that the callee has forgotten", 30, func(c *conversation, m *mouths) {
		c.up(m)
		c.request(near, c.calls[near], "BYE", "")
		c.answer(far, c.hears(far, "BYE"), 481, ua.Options{})
		c.told(near, c.calls[near], 481)
	}},
	{"cancelled", 100, func(c *conversation, m *mouths) {
		invite := c.offered(m)
		c.answer(far, invite, 180, ua.Options{})
		c.told(near, c.calls[near], 180)
		c.repeat(near, c.calls[near].Cancel())
		c.answer(far, c.hears(far, "CANCEL"), 200, ua.Options{})
		c.told(near, c.calls[near], 200)
		c.answer(far, invite, 487, ua.Options{})
		c.refused(487)
	}},
	{"cancelled too late", 30, func(c *conversation, m *mouths) {
		invite := c.offered(m)
		c.repeat(near, c.calls[near].Cancel())
		cancel := c.hears(far, "CANCEL")
		c.answer(far, invite, 200, ua.Options{Body: m.describe(m.bob)})
		r := c.told(near, c.calls[near], 200)
		c.ack(near, c.calls[near], r)
		c.hears(far, "ACK")
		c.answer(far, cancel, 200, ua.Options{})
		c.told(near, c.calls[near], 200)
		c.bye(near, far, c.calls[near])
	}},
	{"busy", 100, func(c *conversation, m *mouths) {
		c.answer(far, c.offered(m), 486, ua.Options{})
		c.refused(486)
	}},
	{"refused after early media", 50, func(c *conversation, m *mouths) {
		invite := c.offered(m)
		c.answer(far, invite, 183, ua.Options{Body: m.describe(m.bob)})
		m.word(c.one(c.told(near, c.calls[near], 183)), c.one(invite))
		c.answer(far, invite, 603, ua.Options{})
		c.refused(603)
	}},
	{"asked who it is, and called again", 100, func(c *conversation, m *mouths) {
		c.answer(far, c.offered(m), 401, ua.Options{})
		c.refused(401)
		c.request(near, c.calls[near], "INVITE", m.describe(m.alice))
		c.answered(m, c.arrives())
		c.bye(near, far, c.calls[near])
	}},
	{"asked who it is, and gone", 30, func(c *conversation, m *mouths) {
		c.answer(far, c.offered(m), 407, ua.Options{})
		c.refused(407)
	}},
	{"forked, and two have answered", 50, func(c *conversation, m *mouths) {
		invite := c.offered(m)
		second := *c.calls[near]
		c.answer(far, invite, 183, ua.Options{Body: m.describe(m.bob)})
		c.told(near, c.calls[near], 183)
		for to, dialog := range map[int]*ua.Call{far: c.calls[near], beside: &second} {
			c.answer(to, invite, 200, ua.Options{Body: m.describe(m.bob)})
			r := c.told(near, dialog, 200)
			c.ack(near, dialog, r)
			c.hears(to, "ACK")
		}
		c.bye(near, beside, &second)
		c.bye(near, far, c.calls[near])
	}},
	{"a stream was added", 50, func(c *conversation, m *mouths) {
		c.up(m)
		c.request(near, c.calls[near], "INVITE", m.describe(m.alice, "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"))
		if w := c.next(); w.party == near {
			c.noPortForMore(near, far, w)
		} else {
			c.answer(far, w.Message, 200, ua.Options{Body: m.describe(m.bob, "m=video 4004 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n")})
			r := c.told(near, c.calls[near], 200)
			c.ack(near, c.calls[near], r)
			c.hears(far, "ACK")
		}
		c.bye(far, near, c.calls[far])
	}},
	{"a stream that was added is refused", 30, func(c *conversation, m *mouths) {
		c.up(m)
		c.request(far, c.calls[far], "INVITE", m.describe(m.bob, "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"))
		if w := c.next(); w.party == far {
			c.noPortForMore(far, near, w)
		} else {
			c.answer(near, w.Message, 488, ua.Options{})
			c.ack(far, c.calls[far], c.told(far, c.calls[far], 488))
			c.hears(near, "ACK")
		}
		c.bye(near, far, c.calls[near])
	}},
	{"never answered", 20, func(c *conversation, m *mouths) { c.offered(m) }},
	{"never answered, and offered on hold", 10, func(c *conversation, m *mouths) {
		c.invite(m.describe(m.alice, "a=inactive\r\n"))
		c.arrives()
	}},
	{"never acknowledged", 20, func(c *conversation, m *mouths) {
		c.answer(far, c.offered(m), 200, ua.Options{Body: m.describe(m.bob)})
		c.told(near, c.calls[near], 200)
	}},
	{"established, and silent", 20, func(c *conversation, m *mouths) { c.up(m) }},
	{"on hold, and given up", 10, func(c *conversation, m *mouths) {
		c.up(m)
		c.reInvite(near, far, m.describe(m.alice, "a=inactive\r\n"), m.describe(m.bob, "a=inactive\r\n"))
		c.bye(far, near, c.calls[far])
	}},
}

// offered begins a call, and gives its INVITE as the callee has it. Without a port there is none, and the script is over.
func (c *conversation) offered(m *mouths) ua.Message {
	c.invite(m.describe(m.alice))
	return c.arrives()
}

// noPort is what ends a script whose call was answered 503.
type noPort struct{}

// arrives waits for an INVITE, or for the 503 that its caller gets.
func (c *conversation) arrives() ua.Message {
	w := c.next()
	switch {
	case w.party == near && w.Status() == 503 && w.First("Retry-After") != "":
		c.ack(near, c.calls[near], w.Message)
		panic(noPort{})
	case w.party != far || w.Method() != "INVITE" || w.Status() != 0:
		c.fail("an INVITE was expected, or a 503, not at %d\n%s", w.party, w.Raw)
	}
	return w.Message
}

// noPortForMore is a call whose further stream gets no port: it goes on without. The proxy cannot tell the ACK from one to the
// far end, as both are within the dialog. A retransmission of the INVITE that crosses the 503 may find a port; nobody
// answers it.
func (c *conversation) noPortForMore(from, to int, w word) {
	if w.Status() != 503 {
		c.fail("an INVITE was expected, or a 503, not at %d\n%s", w.party, w.Raw)
	}
	c.known[name(word{to, c.calls[from].Invite})] = nil
	c.ack(from, c.calls[from], w.Message)
	c.hears(to, "ACK")
}

// up sets up a call whose ends have said a word.
func (c *conversation) up(m *mouths) { c.answered(m, c.offered(m)) }

func (c *conversation) answered(m *mouths, invite ua.Message) {
	c.answer(far, invite, 200, ua.Options{Body: m.describe(m.bob)})
	r := c.told(near, c.calls[near], 200)
	c.ack(near, c.calls[near], r)
	c.hears(far, "ACK")
	m.word(c.one(r), c.one(invite))
}

// refused has the caller acknowledge a refusal, hop by hop: the callee hears that too.
func (c *conversation) refused(code int) {
	c.ack(near, c.calls[near], c.told(near, c.calls[near], code))
	c.hears(far, "ACK")
}

// A call that rings may fall silent after early media; who is answered then is heard.
func TestEarlyMediaMayPause(t *testing.T) {
	h := build(t, v4, v4, "media: {relay: true, journal: \"off\", unused: 1m, silent: 1s}\n", nil)
	k := &talk{house: h, alice: ua.Hear(t, "127.0.0.1:0"), bob: ua.Hear(t, "127.0.0.1:0")}
	k.caller = h.caller.Invite("sip:bob@example.com", ua.Options{Proxy: h.Addr("inside"), Body: k.alice.Describe()})
	invite := h.callee.Receive()
	k.bob.To(only(t, invite))
	h.callee.Answer(invite, 183, ua.Options{Body: k.bob.Describe()})
	k.alice.To(only(t, k.caller.Response()))
	k.heardBothWays(t, "all agents are busy")
	k.bob.Quiet(2500 * time.Millisecond)
	h.callee.Answer(invite, 200, ua.Options{Body: k.bob.Describe()})
	k.caller.Ack(k.caller.Response())
	h.callee.Receive()
	k.heardBothWays(t, "thank you for waiting")
	eventually(t, 5*time.Second, "the silent call's ports came back", func() bool { return leased(h.System) == 0 })
}

// However calls end, and as many as there were: nothing of them stays.
func TestAStormOfCallsLeavesNothingBehind(t *testing.T) {
	is := storms()
	journalFile := filepath.Join(t.TempDir(), "media.db")
	t.Cleanup(func() { isEmpty(t, journalFile) }) // when the proxy has left
	h := build(t, v4, v4, fmt.Sprintf("media: {relay: true, journal: %q, ports: %s, unused: 1s, silent: 1s, closed: 100ms}\n",
		journalFile, is.ports), nil)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("packets: %v; restarts: %v", h.Counts(), h.Restarts())
		}
	})
	other := ua.New(t, "127.0.0.1:0")
	m := &mouths{}
	for _, s := range []**net.UDPConn{&m.alice, &m.bob} {
		var err error
		if *s, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*s).Close() })
	}
	board := connect(t, h.Addr("inside"), h.Addr("outside"), h.caller, h.callee, other)
	ended := &tally{by: map[string]int{}}
	blow := func(calls int) {
		ended.crowd(t, board, m, freePairs(h.System))
		var next atomic.Int64
		all(t, is.callers, func(i int) error {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(calls)))
			for next.Add(1) <= int64(calls) {
				refused, err := ended.play(board, m, choose(rng))
				if err != nil {
					return err
				}
				if refused {
					<-time.After(refusedPause + time.Duration(rng.Int64N(int64(refusedPause))))
				}
			}
			return nil
		})
		eventually(t, 40*time.Second, "all sessions are over, and all ports free", func() bool { return isCalm(h.System) })
	}
	begun := time.Now()
	blow(is.calls / 2) // fills what is kept: pools, caches, and the actor library's 32768 shards of names, 300 bytes each
	before := weigh(t)
	blow(is.calls - is.calls/2)
	after := weigh(t)
	took := time.Since(begun)
	for _, name := range slices.Sorted(maps.Keys(ended.by)) {
		t.Logf("%6d %s", ended.by[name], name)
	}
	t.Logf("%d calls and two crowds in %v: %s, then %s; refused %d, ended %v", is.calls, took.Round(time.Second), before, after, h.Media().Refused, h.Media().Ended)
	const more = 4 << 20 // bytes: 80 for each call of a full storm
	if after.goroutines > before.goroutines || after.files > before.files || after.heap > before.heap+more {
		t.Errorf("before the storm: %s, after it: %s", before, after)
	}
	for _, e := range endings {
		if ended.by[e.name] == 0 {
			t.Errorf("no call of the kind: %s", e.name)
		}
	}
	if n := ended.by[exhausted]; n < 2*tooMany {
		t.Errorf("%d calls found no port, of twice %d too many", n, tooMany)
	}
}

// tooMany is how many calls of a crowd there are no ports for.
const tooMany = 50

// crowd has more calls up at a time than there are ports for. They are on hold, so that none of them ends by itself.
func (y *tally) crowd(t testing.TB, b *switchboard, m *mouths, pairs int) {
	t.Helper()
	calls, door := pairs/2+tooMany, make(chan struct{}, 50)
	var there sync.WaitGroup
	there.Add(calls)
	all(t, calls, func(int) error {
		_, err := y.play(b, m, ending{name: "one of a crowd", play: func(c *conversation, m *mouths) {
			door <- struct{}{}
			isThere := sync.OnceFunc(func() { <-door; there.Done() })
			defer isThere()
			const held = "a=inactive\r\n"
			c.invite(m.describe(m.alice, held))
			c.answer(far, c.arrives(), 200, ua.Options{Body: m.describe(m.bob, held)})
			c.ack(near, c.calls[near], c.told(near, c.calls[near], 200))
			c.hears(far, "ACK")
			isThere()
			there.Wait()
			door <- struct{}{}
			defer func() { <-door }()
			c.bye(near, far, c.calls[near])
		}})
		return err
	})
}

func freePairs(s *system.System) (n int) {
	for _, p := range s.Media().Ports {
		n += p.Free
	}
	return n
}

const exhausted = "no port is free: 503"

// tally counts calls by how they ended.
type tally struct {
	mu sync.Mutex
	by map[string]int
}

func (y *tally) play(b *switchboard, m *mouths, e ending) (refused bool, err error) {
	name := e.name
	err = b.play(func(c *conversation) {
		defer func() {
			if r := recover(); r == (noPort{}) {
				name, refused = exhausted, true
			} else if r != nil {
				panic(r)
			}
		}()
		e.play(c, m)
	})
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	y.mu.Lock()
	y.by[name]++
	y.mu.Unlock()
	return refused, nil
}

func choose(rng *rand.Rand) ending {
	n := rng.IntN(1000)
	for _, e := range endings {
		if n -= e.share; n < 0 {
			return e
		}
	}
	return endings[0]
}

func isCalm(s *system.System) bool {
	st := s.Media()
	for _, p := range st.Ports {
		if p.Leased+p.Resting > 0 {
			return false
		}
	}
	return st.Sessions == 0
}

// weight is what the process holds when nothing is under way.
type weight struct {
	goroutines, files int
	heap              uint64
}

func (w weight) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d KiB", w.goroutines, w.files, w.heap>>10)
}

func weigh(t testing.TB) weight {
	var mem runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&mem)
	return weight{runtime.NumGoroutine(), openFiles(t), mem.HeapAlloc}
}
